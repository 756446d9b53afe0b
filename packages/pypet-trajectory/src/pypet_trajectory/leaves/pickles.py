"""Pickles inside leaves, and the switch that refuses to open them.

A pickle can run any code when it is opened. Whoever loads from a source that is not trusted
enters `refusing_pickles`; the leaf classes that hold pickles then refuse, naming the node.
"""

from __future__ import annotations

import contextlib
import contextvars
import pickle
import pickletools
from collections.abc import Iterator
from typing import Any

from pypet_trajectory.exceptions import PickleRefusedError

_refusing: contextvars.ContextVar[bool] = contextvars.ContextVar("refusing_pickles", default=False)


@contextlib.contextmanager
def refusing_pickles(refuse: bool = True) -> Iterator[None]:
    """Refuse to open pickles of leaves within this context.

    Examples
    --------
    >>> with refusing_pickles():
    ...     load_pickle(b'I1\\n.', 'results.z')
    Traceback (most recent call last):
        ...
    pypet_trajectory.exceptions.PickleRefusedError: `results.z` holds a pickle...
    """
    token = _refusing.set(refuse)
    try:
        yield
    finally:
        _refusing.reset(token)


def load_pickle(dump: Any, full_name: str) -> Any:
    """Open a pickle that belongs to a leaf.

    Raises
    ------
    PickleRefusedError
        If pickles are refused at the moment.
    """
    if _refusing.get():
        raise PickleRefusedError(
            f"`{full_name}` holds a pickle, and pickles are refused here because they can run any "
            "code: load with allow_pickle=True if you trust where the data comes from."
        )
    return pickle.loads(as_bytes(dump))


def as_bytes(dump: Any) -> bytes:
    """Return a dump as bytes; storages may give back arrays or numpy bytes."""
    return dump if isinstance(dump, bytes) else bytes(dump)


def guess_protocol(dump: Any) -> int:
    """Return the pickle protocol that a dump needs at least."""
    return max(opcode.proto for opcode, _, _ in pickletools.genops(as_bytes(dump)))
