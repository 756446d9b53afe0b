"""`PickleParameter`: any value that can be pickled.

Explored values are told apart by identity, not by equality, since nothing is known about them;
ranges therefore keep the very objects. Pickles are opened when the parameter is loaded.
"""

from __future__ import annotations

import pickle
from typing import Any, Final

from pypet_trajectory.leaves.distinct import DistinctForm
from pypet_trajectory.leaves.parameter import DATA, Parameter
from pypet_trajectory.leaves.pickles import guess_protocol, load_pickle
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.types import exact_scalars


def _item_name(number: int) -> str:
    """Name of a distinct explored object."""
    return f"xp_{number:08d}"


_FORM: Final = DistinctForm("", _item_name, id)


class PickleParameter(Parameter):
    """A parameter of anything that can be pickled.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    data
        The value; None leaves the parameter empty.
    comment
        Any text.
    protocol
        The pickle protocol to store with.
    """

    __slots__ = ("_protocol",)

    PROTOCOL = "__pckl_prtcl__"

    _protocol: int

    def __init__(
        self, full_name: str, data: Any = None, comment: str = "", protocol: int = 2
    ) -> None:
        super().__init__(full_name, data, comment)
        self._protocol = protocol

    @property
    def v_protocol(self) -> int:
        """The pickle protocol to store with."""
        return self._protocol

    @v_protocol.setter
    def v_protocol(self, protocol: int) -> None:
        self._protocol = protocol

    @exact_scalars
    def f_supports(self, data: Any) -> bool:
        """Return True: whether data can be pickled shows when it is stored."""
        return True

    def _make_range(self, values: list[Any]) -> CompactRange:
        return CompactRange.from_objects(values)

    def _store(self) -> dict[str, Any]:
        """Return pickles of the value and of each distinct explored object; locks."""
        stored = self._store_distinct(
            _FORM, lambda value: pickle.dumps(value, protocol=self._protocol)
        )
        if DATA in stored:
            stored[self.PROTOCOL] = self._protocol
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Open the pickles from storage, take over their protocol, and lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        self._load_distinct(_FORM, load_dict, load_pickle)
        if self._data is None:
            self._warn_without_data()
        if self.PROTOCOL in load_dict:
            self._protocol = int(load_dict[self.PROTOCOL])
        elif DATA in load_dict:
            self._protocol = guess_protocol(load_dict[DATA])
