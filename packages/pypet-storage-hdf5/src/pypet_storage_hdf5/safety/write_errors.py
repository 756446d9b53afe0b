"""Writes that the operating system refused, as HDF5 itself reports them.

PyTables ignores what HDF5 returns when it flushes or closes a file or a dataset. On a full disk
whole arrays are missing afterwards, and no exception tells: of 200 groups with two arrays each,
written to a disk that had room for a third of them, PyTables raised none. HDF5 calls a function
for every API call that fails, which PyTables sets to none. Here it is HDF5's own, which prints the
error; it prints to a file in memory, in which `refused` looks for what a driver could not write.
No Python code runs then: HDF5 holds its lock while it reports, and a thread that gave up the
interpreter's lock meanwhile would never get it back from one that waits for HDF5.

Invariant: no refused write goes unnoticed of a thread that called `hear` before, if `CAN_LISTEN`;
otherwise only the length of the file is checked.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import os
import re
import tempfile
import threading
from typing import Any

from pypet_storage_hdf5.safety.hdf5_library import LIBRARY, Identifier

_DEFAULT_STACK = 0
_UNBUFFERED = 2  # `_IONBF`
#: One level of an error that HDF5 prints: file and function of HDF5, and what happened.
_LEVEL = re.compile(rb"#\d+: (.*?) line \d+ in (\w+)\(.*?\): (.*?)\n +major: ", re.DOTALL)
#: Where HDF5 calls the operating system, and parts of the names of functions that change the file.
_DRIVER = b"H5FDsec2"
_WRITING = (b"write", b"trunc", b"flush", b"close")
_ERRNO = re.compile(rb"errno = (\d+), error message = '(.*?)'")


def _memory_file() -> int:
    """A file that only this process has, in memory where the system offers that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pypet-hdf5-errors")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class _Reports:
    """What HDF5 prints about calls that failed."""

    def __init__(self, library: Any) -> None:
        library.H5Eset_auto2.argtypes = [Identifier, ctypes.c_void_p, ctypes.c_void_p]
        self._set_report = library.H5Eset_auto2
        self._print = ctypes.cast(library.H5Eprint2, ctypes.c_void_p)
        c_library = ctypes.CDLL(None)
        c_library.fdopen.restype = ctypes.c_void_p
        c_library.setvbuf.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_size_t,
        ]
        self._descriptor = _memory_file()
        # Appending, so that it may be emptied; never closed, for another thread may still report.
        self._stream = c_library.fdopen(self._descriptor, b"a")
        c_library.setvbuf(self._stream, None, _UNBUFFERED, 0)

    def hear(self) -> None:
        """Let HDF5 report what fails in this thread."""
        self._set_report(_DEFAULT_STACK, self._print, self._stream)

    def stop(self) -> None:
        """Let HDF5 report nothing of this thread."""
        self._set_report(_DEFAULT_STACK, None, None)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def since(self, position: int) -> bytes:
        return os.pread(self._descriptor, self.size() - position, position)

    def clear(self) -> None:
        os.ftruncate(self._descriptor, 0)

    def renew(self) -> None:
        """Have a file of its own, in a forked process."""
        own = _memory_file()
        os.dup2(own, self._descriptor, inheritable=False)
        os.close(own)


def _reports() -> _Reports | None:
    if LIBRARY is None:
        return None
    try:
        return _Reports(LIBRARY)
    except (OSError, TypeError, AttributeError):  # there is no such C library, as on Windows
        return None


_REPORTS = _reports()
#: Whether HDF5 tells about refused writes here.
CAN_LISTEN = _REPORTS is not None
if _REPORTS is not None:
    # HDF5 complains about files that it could not close when the process ends, if it may report.
    atexit.register(_REPORTS.stop)
_lock = threading.Lock()
_listeners = 0


def listen() -> int:
    """Listen until `stop` was called as often; returns what `refused` needs."""
    global _listeners
    with _lock:
        _listeners += 1
        hear()
        return so_far()


def hear() -> None:
    """Listen to what HDF5 does in this thread, too: it has an error stack for each."""
    if _REPORTS is not None:
        _REPORTS.hear()


def so_far() -> int:
    """What `refused` needs to report only what comes from now on."""
    return 0 if _REPORTS is None else _REPORTS.size()


def stop() -> None:
    """Forget what was reported, unless others listen."""
    global _listeners
    with _lock:
        _listeners = max(0, _listeners - 1)
        if not _listeners and _REPORTS is not None:
            _REPORTS.clear()


def refused(since: int, path: str) -> OSError | None:
    """The error for which a write to `path` was refused since `listen` returned `since`, if any.

    A report that names no file counts for every file.
    """
    if _REPORTS is None or _REPORTS.size() <= since:
        return None
    name = os.fsencode(path)
    for source, function, text in _LEVEL.findall(_REPORTS.since(since)):
        if _DRIVER not in source or not any(part in function for part in _WRITING):
            continue
        if b"filename = " not in text or name in text:
            found = _ERRNO.search(text)
            if found is not None:
                return OSError(int(found[1]), found[2].decode("utf-8", "replace"))
            return OSError(errno.EIO, text.decode("utf-8", "replace"))
    return None


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    if _REPORTS is not None:
        _REPORTS.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
