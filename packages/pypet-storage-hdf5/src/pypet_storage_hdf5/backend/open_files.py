"""Registry of the files that back ends of this process have open for writing.

HDF5 opens no file twice for writing. But an experiment that keeps its file open calls functions
of the user, and these may load another trajectory of the same file, as they could when pypet 0.7
opened the file for each call. So a back end that finds its file in the registry shares the open
file instead of opening it again.

Invariant: only files of the same process and thread are shared. A process that was forked has its
parent's memory but not its parent's right to use the file.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend.backend import HDF5Backend


class _Entry(NamedTuple):
    backend: weakref.ref[HDF5Backend]
    process: int
    thread: int


#: Entries by the real path of the file, so that links to it mean the same.
_registry: dict[str, _Entry] = {}


def register(path: str, backend: HDF5Backend) -> None:
    """Remember that `backend` has opened the file for writing."""
    key = os.path.realpath(path)
    _registry[key] = _Entry(weakref.ref(backend), os.getpid(), threading.get_ident())


def unregister(backend: HDF5Backend) -> None:
    """Forget the files of `backend`, and those of back ends that are gone."""
    for key, entry in list(_registry.items()):
        if entry.backend() in (backend, None):
            _registry.pop(key, None)


def opened_here(path: str) -> HDF5Backend | None:
    """The back end of this thread that has the file open for writing, if there is one."""
    if not _registry:
        return None
    entry = _registry.get(os.path.realpath(path))
    if entry is None or (entry.process, entry.thread) != (os.getpid(), threading.get_ident()):
        return None
    backend = entry.backend()
    return backend if backend is not None and backend.is_open else None
