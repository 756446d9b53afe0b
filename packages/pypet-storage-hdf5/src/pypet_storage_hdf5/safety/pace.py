"""How often checkpoints of a file are made: by what they cost and how long ago the last one was.

A checkpoint copies the file. In a session of many calls checkpoints take two per cent of the time
at most, and come before the journal gets half as large as the file. Single calls show what they
stored at once, as long as the file is not large: copying 100 MB takes a tenth of a second and more,
and a loop of calls would be a loop of copies. So a single call on a large file that follows another
one closely leaves it to a later one, at last to the end of the process; what it stored is in the
journal. Where the file system shares blocks between copies, a checkpoint costs next to nothing,
and there is nothing to wait for.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: In a session of many calls the time between two checkpoints is at least so many times their cost,
_TIMES_COST = 50
#: and so many seconds,
_LEAST = 0.25
#: unless the journal has so many bytes, and half of those of the file.
_MOST_JOURNAL = 64 << 20

#: Single calls on files above so many bytes, whose checkpoints take so many seconds, ...
_LARGE, _COSTLY = 32 << 20, 0.05
#: ... wait until so many times the cost of a checkpoint has passed.
_TIMES_COST_ALONE = 10


class _Last(NamedTuple):
    """The last checkpoint of a file in this process."""

    time: float
    cost: float


_last: dict[str, _Last] = {}
#: Files whose working copies rest although no session holds them: the process that is to finish
#: them, and how.
_unfinished: dict[str, tuple[int, Callable[[], None]]] = {}


class Pace:
    """Decides for one file while it is open.

    Parameters
    ----------
    path : str
        The real path of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        #: When the journal began, seconds since the epoch.
        self.start = time.time()
        #: Seconds that the last checkpoint took, with the copy that it was made of.
        self.cost = 0.0
        self._clone_cost = 0.0

    def begun(self, start: float, cost: float) -> None:
        """Go on from what the journal says of the last checkpoint."""
        self.start, self.cost = start, cost

    def cloned(self, seconds: float) -> None:
        """Note how long a working copy took."""
        self._clone_cost = seconds

    def published(self, seconds: float) -> None:
        """Note how long a checkpoint took."""
        self.start, self.cost = time.time(), self._clone_cost + seconds
        _last[self._path] = _Last(time.monotonic(), self.cost)
        _unfinished.pop(self._path, None)

    def is_due(self, journal_size: int) -> bool:
        """Whether a checkpoint is affordable, or has to come."""
        if journal_size > _MOST_JOURNAL and 2 * journal_size > _size(self._path):
            return True
        # A clock that was set back must not put it off for ever.
        return abs(time.time() - self.start) >= max(_LEAST, _TIMES_COST * self.cost)

    def may_wait(self) -> bool:
        """Whether a single call may leave the checkpoint to a later one."""
        last = _last.get(self._path)
        if last is None or last.cost < _COSTLY or _size(self._path) < _LARGE:
            return False
        return time.monotonic() - last.time < _TIMES_COST_ALONE * last.cost

    def finish_at_exit(self, finish: Callable[[], None]) -> None:
        """Let `finish` make the checkpoint at the end of the process, if nothing does before."""
        if not _unfinished:
            atexit.register(_finish)
        if self._path not in _unfinished:
            _logger.warning(
                "%r has %d MB, and a copy of it takes %.2f s: what single calls store in quick "
                "succession is safe at once, but others see it a little later, at last when this "
                "process ends. Use StorageContextManager to store many things at once.",
                self._path,
                _size(self._path) >> 20,
                _last[self._path].cost,
            )
        _unfinished[self._path] = os.getpid(), finish


def unfinished_here(path: str) -> bool:
    """Whether this process owes a checkpoint of the file."""
    return _unfinished.get(path, (0,))[0] == os.getpid()


def _finish() -> None:
    for process, finish in list(_unfinished.values()):
        if process == os.getpid():
            try:
                finish()
            except Exception:  # the journal keeps what was stored
                _logger.exception("A file could not be finished at the end of the process.")


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0
