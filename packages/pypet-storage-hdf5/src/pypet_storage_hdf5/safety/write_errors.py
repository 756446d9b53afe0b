"""Writes that the operating system refused, as HDF5 itself reports them.

PyTables ignores what HDF5 returns when it flushes or closes a file or a dataset. On a full disk
whole arrays are missing afterwards, and no exception tells: of 200 groups with two arrays each,
written to a disk that had room for a third of them, PyTables raised none. HDF5 calls a function
for every API call that fails, which PyTables sets to none. Here it is set to one that looks
whether a driver could not write. It is called in case of errors only, so it costs nothing.

Invariant: between `listen` and `stop` no refused write of this thread goes unnoticed, if
`CAN_LISTEN`; otherwise only the length of the file is checked.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import re
import threading
from typing import Any

from pypet_storage_hdf5.hdf5_library import LIBRARY, Identifier


class _Error(ctypes.Structure):
    """``H5E_error2_t``: one level of an error stack."""

    _fields_ = [
        ("cls_id", Identifier),
        ("maj_num", Identifier),
        ("min_num", Identifier),
        ("line", ctypes.c_uint),
        ("func_name", ctypes.c_char_p),
        ("file_name", ctypes.c_char_p),
        ("desc", ctypes.c_char_p),
    ]


_Visit = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Error), ctypes.c_void_p)
_Report = ctypes.PYFUNCTYPE(ctypes.c_int, Identifier, ctypes.c_void_p)
_DEFAULT_STACK = 0
_DOWNWARD = 1
#: Where HDF5 calls the operating system, and parts of the names of functions that change the file.
_DRIVER = b"H5FDsec2"
_WRITING = (b"write", b"trunc", b"flush", b"close")
_ERRNO = re.compile(r"errno = (\d+), error message = '(.*?)'")


if LIBRARY is not None:
    LIBRARY.H5Eset_auto2.argtypes = [Identifier, _Report, ctypes.c_void_p]
    LIBRARY.H5Ewalk2.argtypes = [Identifier, ctypes.c_int, _Visit, ctypes.c_void_p]

#: Whether HDF5 tells about refused writes here.
CAN_LISTEN = LIBRARY is not None

_lock = threading.Lock()
_listeners = 0
_refused: list[str] = []


def _note_refused(_number: int, error: Any, _data: Any) -> int:
    level = error.contents
    in_driver = _DRIVER in (level.file_name or b"")
    if in_driver and any(part in (level.func_name or b"") for part in _WRITING):
        _refused.append((level.desc or b"").decode("utf-8", "replace"))
    return 0


def _walk(stack: int, _data: Any) -> int:
    LIBRARY.H5Ewalk2(stack, _DOWNWARD, _visitor, None)
    return 0


#: Kept, for HDF5 is given nothing but their addresses.
_visitor, _reporter = _Visit(_note_refused), _Report(_walk)


def listen() -> int:
    """Listen until `stop` was called as often; returns what `refused` needs."""
    global _listeners
    with _lock:
        _listeners += 1
        if LIBRARY is not None:
            # For this thread, where HDF5 keeps an error stack for each.
            LIBRARY.H5Eset_auto2(_DEFAULT_STACK, _reporter, None)
        return len(_refused)


def so_far() -> int:
    """What `refused` needs to report only what comes from now on."""
    return len(_refused)


def stop() -> None:
    """Listen no more, unless others do."""
    global _listeners
    with _lock:
        _listeners = max(0, _listeners - 1)
        if not _listeners:
            _silence()
            _refused.clear()


def refused(since: int, path: str) -> OSError | None:
    """The error for which a write to `path` was refused since `listen` returned `since`, if any.

    A report that names no file counts for every file.
    """
    for text in _refused[since:]:
        if "filename = " not in text or path in text:
            found = _ERRNO.search(text)
            if found is not None:
                return OSError(int(found[1]), found[2])
            return OSError(errno.EIO, text)
    return None


def _silence() -> None:
    if LIBRARY is not None:
        LIBRARY.H5Eset_auto2(_DEFAULT_STACK, _Report(), None)


# HDF5 closes what is open when the process ends, and must not call an interpreter that is gone.
atexit.register(_silence)
