"""Runs in the main process store directly, into a file that stays open.

Not a wrap mode users choose: it is what a single process does. Invariant: an outcome is settled
once the file was flushed after it, at the rhythm of a
:class:`~pypet_multiproc.writing.files.FlushClock`; so short runs share a flush, and a long run is
safe as soon as it ends.
"""

from __future__ import annotations

from typing import ClassVar

from pypet_multiproc.experiment import RunOutcome
from pypet_multiproc.wrapping.none import NoWrap
from pypet_multiproc.writing.files import FlushClock, close_file, flush_file, open_file
from pypet_trajectory.storage.service import StorageService


class DirectWrap(NoWrap):
    """Keeps the file open while runs go on in this process."""

    name: ClassVar[str] = "DIRECT"

    _opened = False

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Open the file."""
        super().start(service, trajectory_name)
        self._clock = FlushClock()
        self._waiting: list[RunOutcome] = []
        self._opened = open_file(service, trajectory_name)

    def after_outcome(self, outcome: RunOutcome) -> None:
        """Let the outcome wait for the next flush."""
        self._waiting.append(outcome)
        self._clock.wrote()
        if outcome.failure is not None:
            self._flush()

    def settled(self) -> list[RunOutcome]:
        """Outcomes whose data has been flushed; flushes if that is due."""
        if self._clock.is_due():
            self._flush()
        return super().settled()

    def drain(self) -> list[RunOutcome]:
        """Flush and return the rest."""
        self._flush()
        return super().settled()

    def _flush(self) -> None:
        flush_file(self._service)
        self._clock.flushed()
        self._settled += self._waiting
        self._waiting = []

    def finalize(self) -> None:
        """Close the file, if it was opened here."""
        if self._opened:
            self._opened = False
            close_file(self._service)
