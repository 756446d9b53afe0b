"""Telling from time to time how many nodes were stored or loaded.

A trajectory of a hundred thousand results takes minutes, and a user who waits wants to know that
something happens. Invariant: nothing is said before `interval` seconds have passed since the last
time, so short calls are silent; nor while the file is held open by a user who works on it call by
call, as pypet 0.7 is silent then too.
"""

from __future__ import annotations

import time
from datetime import timedelta

from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)


class Progress:
    """Counts the nodes of one session and logs their number and speed.

    Parameters
    ----------
    interval : float
        Seconds between two messages.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._count = 0
        self._begin = self._next = float("inf")

    def start(self) -> None:
        """Count from zero."""
        self._count = 0
        self._begin = time.monotonic()
        self._next = self._begin + self.interval

    def stop(self) -> None:
        """Say nothing more until the next start."""
        self._next = float("inf")

    def node_done(self) -> None:
        """One node more was stored or loaded."""
        self._count += 1
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self.interval
            passed = now - self._begin
            _logger.info(
                "Processed %d nodes in %s (%.2f nodes/s).",
                self._count,
                timedelta(seconds=round(passed)),
                self._count / passed if passed else float("inf"),
            )
