"""Taking turns at a file: waiting while another process has it open, and telling who that is.

HDF5 locks a file as long as it is open: one may write it, or many may read. A process that looks
at an experiment that is running holds the lock for moments, and no run should fail because of
that. So the second one waits, with an end to its patience. No thread waits for a file that its own
process has open, for that would never end.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tables

from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.logger import module_logger

if sys.platform != "win32":
    import fcntl
else:
    fcntl = None

_logger = module_logger(__name__)


class HeldFileError(PypetRuntimeError):
    """A file is held by another program; the message says by which one."""


#: Seconds to wait for others before giving up.
PATIENCE = 20.0
#: Seconds after which the log says that this process waits.
_SAYS_SO_AFTER = 2.0
#: Seconds between two looks at who holds the file, and between two attempts to open it.
_PAUSE, _BETWEEN_ATTEMPTS = 0.005, 0.25


def open_in_turn(path: str, open_file: Callable[[], Any]) -> Any:
    """What `open_file` returns, as soon as no other process holds the lock of the file.

    Raises
    ------
    Whatever `open_file` raises if that has other reasons, if this process itself has the file
    open, or if the file is not free after `PATIENCE` seconds.
    """
    is_ours = _is_open_here(path)
    start = time.monotonic()
    has_said_so = False
    with warnings.catch_warnings():
        # PyTables warns of files that it failed to open as if they were open.
        warnings.simplefilter("ignore", tables.UnclosedFileWarning)
        while True:
            try:
                return open_file()
            except tables.HDF5ExtError as error:
                waited = time.monotonic() - start
                may_wait = is_lock_conflict(error) and not is_ours and waited < PATIENCE
                if not may_wait or str(os.getpid()) in _holding_pids(path):
                    raise
            if waited > _SAYS_SO_AFTER and not has_said_so:
                has_said_so = True
                who = holders(path) or "another process"
                _logger.warning("Waiting for %r, which %s holds open.", path, who)
            _pause(path)


def _pause(path: str) -> None:
    """Wait until no process is known to hold the file, but not for long."""
    end = time.monotonic() + _BETWEEN_ATTEMPTS
    time.sleep(_PAUSE)
    while _holding_pids(path) and time.monotonic() < end:
        time.sleep(_PAUSE)


def _wait() -> None:
    time.sleep(_PAUSE)


def is_lock_conflict(error: Exception) -> bool:
    """Whether a file did not open because it is locked."""
    return "unable to lock" in str(error)


def holders(path: str) -> str:
    """Which processes hold a lock on the file, as far as Linux tells."""
    return ", ".join(
        "this process" if pid == str(os.getpid()) else f"process {pid}"
        for pid in sorted(_holding_pids(path))
    )


def _holding_pids(path: str) -> set[str]:
    locks = Path("/proc/locks")
    try:
        inode = str(os.stat(path).st_ino)
        lines = locks.read_text().splitlines()
    except OSError:
        return set()
    return {
        parts[4]
        for parts in map(str.split, lines)
        if len(parts) > 5 and parts[1] != "->" and parts[5].rpartition(":")[2] == inode
    }


def _is_open_here(path: str) -> bool:
    names = tables.file._open_files.filenames  # noqa: SLF001 - there is no public way
    return any(os.path.realpath(name) == os.path.realpath(path) for name in names)


@contextmanager
def locked_for_reading(path: str) -> Iterator[int]:
    """A descriptor of the file, which no other program changes in this block.

    HDF5 locks a file with `flock`, shared by those who read it; so does this.

    Raises
    ------
    HeldFileError
        If another program has the file open for writing, and keeps it; says which one.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        deadline = time.monotonic() + PATIENCE
        while not _shared(descriptor):
            holding = holders(path)
            if time.monotonic() > deadline or "this process" in holding:
                raise HeldFileError(holding or "another program")
            _wait()
        yield descriptor
    finally:
        os.close(descriptor)


def _shared(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True
