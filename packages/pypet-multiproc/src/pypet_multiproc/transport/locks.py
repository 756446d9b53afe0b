"""A lock between processes that belongs to its owner and is freed when the owner dies.

It is a lock of the operating system on an empty file, so the kernel itself frees it when the
process that holds it ends, even by SIGKILL; a ``multiprocessing.Lock`` would stay locked for
ever. Only the path travels when the lock is pickled, so it works with every start method, in
pools and executors. Locks are not inherited by forked processes.

The file lies in the system's folder for temporary files, not beside the data, because locks on
network file systems cannot be relied upon. Such a folder may be tidied up while an experiment goes
on, so a lock counts only if its file is still the one that the path leads to. Hence a file that is
not locked may be deleted at any time: by the last processes of an experiment whose main process was
killed, and if all of them were killed at once by the next process that makes a lock. For that the
name of the file contains the id of the process that made it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
import threading
import time

from pypet_trajectory.exceptions import PypetRuntimeError

_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_MODE = 0o600
_DELETES_OPEN_FILES = sys.platform != "win32"

#: What `OwnerLock` calls its files, with the id of the process.
_NAME = re.compile(r"pypet-([0-9]+)-[a-z0-9_]{8}\.lock")

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int, block: bool) -> bool:
        while True:
            os.lseek(fd, 0, os.SEEK_SET)
            try:
                msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not block:
                    return False
                time.sleep(0.005)
            else:
                return True

    def _give(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(fd: int, block: bool) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _give(fd: int) -> None:
        fcntl.lockf(fd, fcntl.LOCK_UN)


class _Holding:
    """What this process knows of one lock file; all locks on that file share it."""

    def __init__(self) -> None:
        self.fd: int | None = None
        self.depth = 0
        self.threads = threading.RLock()

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


#: By path. The kernel does not keep two locks of one process apart, so we have to.
_holdings: dict[str, _Holding] = {}

#: Held by the thread that opens a lock file, and by one that deletes files not in use.
_opening = threading.Lock()


def _close_deleted() -> None:
    """Close lock files of experiments that are over; a process of an executor sees many."""
    for path, holding in list(_holdings.items()):
        if holding.fd is None or os.path.exists(path):
            continue
        if holding.threads.acquire(blocking=False):
            if holding.depth == 0:
                holding.close()
            holding.threads.release()


def _forget_holdings() -> None:
    """In a forked process: nothing that the parent holds is held here."""
    global _opening
    _opening = threading.Lock()
    for holding in _holdings.values():
        holding.close()
    _holdings.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_holdings)


def _remove_stale(folder: str) -> None:
    """Delete lock files in `folder` that killed processes of this user left.

    Only what :class:`OwnerLock` made is touched: an empty file with such a name, of a process that
    is gone. A process of that experiment that is still there makes the file anew if it needs it.
    """
    if not _DELETES_OPEN_FILES:
        return
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        match = _NAME.fullmatch(name)
        if match is not None and _is_gone(int(match[1])):
            # Another process may be at the same file, or it is none of ours.
            with contextlib.suppress(OSError):
                _remove_if_stale(os.path.join(folder, name))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _remove_if_stale(path: str) -> None:
    status = os.lstat(path)
    is_ours = (
        stat.S_ISREG(status.st_mode)
        and stat.S_IMODE(status.st_mode) == _MODE
        and status.st_uid == os.geteuid()
        and status.st_size == 0
        and status.st_nlink == 1
    )
    with _opening:
        # To close a file gives back every lock of this process on it, so it must not be in use.
        if not is_ours or _is_open_here(status):
            return
        fd = os.open(path, os.O_RDWR | _NO_FOLLOW | _CLOSE_ON_EXEC)
        try:
            # Locked, it can only be deleted here, if this has not happened before.
            if _take(fd, block=False) and _same(status, os.fstat(fd), os.lstat(path)):
                os.unlink(path)
        finally:
            os.close(fd)


def _same(first: os.stat_result, *others: os.stat_result) -> bool:
    return all(os.path.samestat(first, other) for other in others)


def _is_open_here(status: os.stat_result) -> bool:
    descriptors = [holding.fd for holding in list(_holdings.values())]
    return any(fd is not None and os.path.samestat(status, os.fstat(fd)) for fd in descriptors)


class OwnerLock:
    """Mutual exclusion between processes and between the threads of each.

    A thread that acquires it twice has to release it twice.

    Parameters
    ----------
    path : str, optional
        File to lock, created if missing; by default a new temporary file.
    """

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            _remove_stale(tempfile.gettempdir())
            fd, path = tempfile.mkstemp(prefix=f"pypet-{os.getpid()}-", suffix=".lock")
            os.close(fd)
        self.path = os.path.abspath(path)

    @property
    def _holding(self) -> _Holding:
        return _holdings.setdefault(self.path, _Holding())

    def acquire(self, block: bool = True) -> bool:
        """Take the lock; returns whether it was taken.

        Parameters
        ----------
        block : bool
            Whether to wait for it.
        """
        holding = self._holding
        if not holding.threads.acquire(blocking=block):
            return False
        try:
            taken = holding.depth > 0 or self._take_file(holding, block)
        except BaseException:
            holding.threads.release()
            raise
        if taken:
            holding.depth += 1
        else:
            holding.threads.release()
        return taken

    def _take_file(self, holding: _Holding, block: bool) -> bool:
        while True:
            if holding.fd is None:
                _close_deleted()
                with _opening:
                    flags = os.O_RDWR | os.O_CREAT | _CLOSE_ON_EXEC
                    holding.fd = os.open(self.path, flags, _MODE)
            if not _take(holding.fd, block):
                return False
            if self._leads_to(holding.fd):
                return True
            holding.close()

    def _leads_to(self, fd: int) -> bool:
        """Whether the path still leads to the file that is open."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(fd))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back.

        Raises
        ------
        RuntimeError
            If this process does not hold it.
        """
        holding = self._holding
        if holding.depth == 0 or holding.fd is None:
            raise PypetRuntimeError(
                f"The lock {self.path} is not held by process {os.getpid()}; only its owner may "
                "release it."
            )
        holding.depth -= 1
        if holding.depth == 0:
            _give(holding.fd)
        holding.threads.release()

    def remove(self) -> None:
        """Delete the file; for the process that made the lock, once no process uses it any more."""
        self._holding.close()
        del _holdings[self.path]
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return

    def discard(self, patience: float = 0.0) -> None:
        """Delete the file unless the lock is held; a process that needs it then makes it anew.

        Parameters
        ----------
        patience : float
            Seconds to wait until it is free.
        """
        if not _DELETES_OPEN_FILES:
            return
        deadline = time.monotonic() + patience
        while not self.acquire(block=False):
            if time.monotonic() >= deadline:
                return
            time.sleep(0.01)
        try:
            os.unlink(self.path)
        finally:
            self.release()

    def __enter__(self) -> OwnerLock:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
