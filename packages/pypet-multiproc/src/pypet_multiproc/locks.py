"""A lock between processes that belongs to its owner and is freed when the owner dies.

It is a lock of the operating system on an empty file, so the kernel itself frees it when the
process that holds it ends, even by SIGKILL; a ``multiprocessing.Lock`` would stay locked for
ever. Only the path travels when the lock is pickled, so it works with every start method, in
pools and executors. Locks are not inherited by forked processes.

The file lies in the system's folder for temporary files, not beside the data, because locks on
network file systems cannot be relied upon.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from types import TracebackType
from typing import Any

from pypet_trajectory.exceptions import PypetRuntimeError

if sys.platform == "win32":
    import msvcrt
    import time

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


class OwnerLock:
    """Mutual exclusion between processes and between the threads of each.

    Not reentrant across threads; a thread that acquires it twice has to release it twice.

    Parameters
    ----------
    path : str, optional
        File to lock, created if missing; by default a new temporary file.
    """

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            fd, path = tempfile.mkstemp(prefix="pypet-", suffix=".lock")
            os.close(fd)
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._fd: int | None = None
        self._depth = 0
        self._threads = threading.RLock()

    def _here(self) -> None:
        """Notice that this is another process than the one the lock was used in."""
        if self._pid != os.getpid():
            if self._fd is not None:
                os.close(self._fd)
            self._forget()

    def acquire(self, block: bool = True) -> bool:
        """Take the lock; returns whether it was taken.

        Parameters
        ----------
        block : bool
            Whether to wait for it.
        """
        self._here()
        if not self._threads.acquire(blocking=block):
            return False
        try:
            if self._depth == 0:
                if self._fd is None:
                    self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if not _take(self._fd, block):
                    self._threads.release()
                    return False
        except BaseException:
            self._threads.release()
            raise
        self._depth += 1
        return True

    def release(self) -> None:
        """Give the lock back.

        Raises
        ------
        RuntimeError
            If this process does not hold it.
        """
        self._here()
        if self._depth == 0 or self._fd is None:
            raise PypetRuntimeError(
                f"The lock {self.path} is not held by process {os.getpid()}; only its owner may "
                "release it."
            )
        self._depth -= 1
        if self._depth == 0:
            _give(self._fd)
        self._threads.release()

    def remove(self) -> None:
        """Delete the file; done by whoever created the lock when nobody uses it any more."""
        self._here()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return

    def __enter__(self) -> OwnerLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._forget()
