"""Which back end of this thread holds which file open for writing.

HDF5 lets nobody open a file that is being written to. But an experiment that keeps its file open
calls functions of the user, and these may load another trajectory of the same file, as they could
when pypet 0.7 opened the file for each call. So a back end that finds its file held by another one
of the same thread borrows the open file instead of opening it again.

Invariant: only files of the same process and thread are lent. A process that was forked has its
parent's memory but not its parent's right to use the file.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend


class _Holder(NamedTuple):
    backend: weakref.ref[HDF5Backend]
    process: int
    thread: int


#: Holders by the real path of the file, so that links to it mean the same.
_holders: dict[str, _Holder] = {}


def hold(path: str, backend: HDF5Backend) -> None:
    """Remember that `backend` has opened the file for writing."""
    key = os.path.realpath(path)
    _holders[key] = _Holder(weakref.ref(backend), os.getpid(), threading.get_ident())


def release(backend: HDF5Backend) -> None:
    """Forget whatever `backend` holds."""
    for key, holder in list(_holders.items()):
        if holder.backend() in (backend, None):
            _holders.pop(key, None)


def holder_of(path: str) -> HDF5Backend | None:
    """The back end of this thread that has the file open for writing, if there is one."""
    if not _holders:
        return None
    holder = _holders.get(os.path.realpath(path))
    if holder is None or (holder.process, holder.thread) != (os.getpid(), threading.get_ident()):
        return None
    backend = holder.backend()
    return backend if backend is not None and backend.is_open else None
