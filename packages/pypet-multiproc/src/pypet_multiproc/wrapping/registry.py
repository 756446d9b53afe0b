"""The wrap modes this distribution has, by name.

Other distributions pass a table with more entries to the engine; nothing registers itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from pypet_multiproc.wrapping.base import WrapMode, WrapModeFactory, WrapSettings
from pypet_multiproc.wrapping.local import LocalWrap
from pypet_multiproc.wrapping.lock import LockWrap
from pypet_multiproc.wrapping.none import NoWrap
from pypet_multiproc.wrapping.pipe import PipeWrap
from pypet_multiproc.wrapping.queue import QueueWrap
from pypet_trajectory.exceptions import PypetRuntimeError

WRAP_MODES: Mapping[str, WrapModeFactory] = {
    wrap.name: wrap for wrap in (LocalWrap, LockWrap, NoWrap, PipeWrap, QueueWrap)
}


def make_wrap_mode(
    name: str | None,
    settings: WrapSettings,
    wrap_modes: Mapping[str, WrapModeFactory] | None = None,
) -> WrapMode:
    """The wrap mode of this name, not started yet.

    Parameters
    ----------
    name : str or None
        A key of the table; ``None`` stands for ``'NONE'``.
    settings : WrapSettings
        What it may need to know.
    wrap_modes : mapping, optional
        The table; by default :data:`WRAP_MODES`.

    Raises
    ------
    RuntimeError
        If there is no such wrap mode.
    """
    table = WRAP_MODES if wrap_modes is None else wrap_modes
    name = NoWrap.name if name is None else name
    if name not in table:
        raise PypetRuntimeError(
            f"There is no wrap mode {name!r}; there are {', '.join(sorted(table))}."
        )
    return table[name](settings)
