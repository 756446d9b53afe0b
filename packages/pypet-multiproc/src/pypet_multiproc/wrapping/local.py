"""LOCAL: runs only note what they want stored; the main process stores it.

What a run notes travels back with its outcome. The main process opens the file, writes and closes
it: at once if it has not written for a moment, so that long runs are stored when they end, and
otherwise for all outcomes of that moment together. Invariant: the file is never open in the main
process while another process is started, for a forked child would inherit the lock on it.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, ClassVar

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import describe
from pypet_multiproc.processes.limits import GarbageInterval
from pypet_multiproc.transport.messages import DELTA, Message, deliver, joined
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings, store_rows
from pypet_multiproc.wrapping.services import StoringOnly
from pypet_multiproc.writer.files import WaitingRows, flush_file, kept_open
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunRows
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
from pypet_trajectory.exceptions import PypetRuntimeError, StorageFailedError
from pypet_trajectory.logger import HasLogger

#: Outcomes wait at most this many seconds before they are written ...
_PATIENCE = 0.25
#: ... and at most this many wait.
_MAX_WAITING = 256


class ReferenceWrapper(StoringOnly):
    """Notes store calls instead of doing them.

    Parameters
    ----------
    by_delta : bool
        Whether the service that will store takes records.
    """

    def __init__(self, by_delta: bool = True) -> None:
        super().__init__(by_delta)
        #: What was noted: name of the trajectory to messages in their order.
        self.references: dict[str, list[Message]] = {}

    def send(self, message: Message) -> None:
        kind, args, kwargs = message
        name = args[0].trajectory_name if kind == DELTA else kwargs.get("trajectory_name", "")
        self.references.setdefault(name, []).append(message)

    def free_references(self) -> None:
        """Forget everything that was noted."""
        self.references = {}

    def clear_run(self, trajectory: Any, prepared: Collection[str]) -> None:
        """Nothing to clear: what a try noted that is followed by another was never stored."""
        return None

    def begin_run(self, idx: int, token: int) -> None:
        """Forget what earlier runs noted."""
        super().begin_run(idx, token)
        self.free_references()

    def end_run(self, outcome: RunOutcome) -> None:
        """Let the outcome carry what was noted."""
        messages = [message for noted in self.references.values() for message in noted]
        self.free_references()
        if all(kind == DELTA for kind, _, _ in messages):
            outcome.delta = joined([args[0] for _, args, _ in messages])
        else:
            outcome.store_calls = messages
        self._run_index = -1


class ReferenceStore(HasLogger):
    """Stores what a :class:`ReferenceWrapper` noted.

    Parameters
    ----------
    storage_service : StorageService
        Where to.
    gc_interval : int, optional
        Collect garbage after so many calls.
    """

    def __init__(self, storage_service: StorageService, gc_interval: int | None = None) -> None:
        self._storage_service = storage_service
        self._collector = GarbageInterval(gc_interval)

    def store_references(self, references: dict[str, list[Message]]) -> None:
        """Store everything in `references`, trajectory by trajectory."""
        for messages in references.values():
            for message in messages:
                deliver(message, self._storage_service)
        flush_file(self._storage_service)
        self._collector.count()


class LocalWrap(WrapMode):
    """Stores in the main process what runs noted."""

    name: ClassVar[str] = constants.WRAP_MODE_LOCAL

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._service: StorageService | None = None
        self._trajectory_name = ""
        self._waiting: list[RunOutcome] = []
        self._rows = WaitingRows()
        self._due: float | None = None
        self._written_at = 0.0
        self._collector = GarbageInterval(settings.gc_interval)

    @property
    def _started(self) -> StorageService:
        if self._service is None:
            raise PypetRuntimeError("The wrap mode LOCAL has not been started.")
        return self._service

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Remember the service."""
        self._service = service
        self._trajectory_name = trajectory_name

    def worker_service(self) -> StorageService:
        """A service that takes notes."""
        return ReferenceWrapper(supports(self._started, SupportsDeltas))

    def main_service(self) -> StorageService:
        """The real service: only this process uses it."""
        return self._started

    def after_outcome(self, outcome: RunOutcome) -> None:
        """Let the outcome wait until it is written with others."""
        if outcome.delta is None and not outcome.store_calls:
            self._settled.append(outcome)
            return
        self._waiting.append(outcome)
        self._be_due()

    def settled(self) -> list[RunOutcome]:
        """Outcomes that have been written; writes those that are due."""
        if len(self._waiting) >= _MAX_WAITING or self.seconds_until_due() == 0.0:
            self._write()
        return super().settled()

    def seconds_until_due(self) -> float | None:
        """When waiting outcomes must be written."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def _be_due(self) -> None:
        if self._due is None:
            self._due = self._written_at + _PATIENCE

    def drain(self) -> list[RunOutcome]:
        """Write everything that waits."""
        self._write()
        return super().settled()

    def _write(self) -> None:
        waiting, self._waiting, self._due = self._waiting, [], None
        if not waiting and not self._rows:
            return
        service = self._started
        try:
            with kept_open(service, self._trajectory_name):
                for outcome in waiting:
                    self._store(outcome, service)
                for rows in self._rows.take():
                    store_rows(service, rows)
        except StorageFailedError:
            self._rows.take()  # to try again is of no use
            raise
        # Not before the file is closed, for until then nothing in it is safe.
        self._settled += waiting
        self._written_at = time.monotonic()

    def _store(self, outcome: RunOutcome, service: StorageService) -> None:
        try:
            if outcome.delta is not None:
                deliver((DELTA, (outcome.delta,), {}), service)
            for message in outcome.store_calls or ():
                deliver(message, service)
        except StorageFailedError:
            raise
        except Exception as exc:
            if outcome.failure is None:
                outcome.failure = describe(exc, attempts=outcome.attempts)
                outcome.exception = exc
                outcome.row["completed"] = 0
        self._collector.count()
        outcome.store_calls = None
        if not self.settings.keep_deltas:
            outcome.delta = None

    def store_run_rows(self, rows: RunRows) -> None:
        """Let them wait until they are written with the data of further runs."""
        self._rows.add(rows)
        self._be_due()

    def store_references(self, references: dict[str, Any]) -> None:
        """Store what a :class:`ReferenceWrapper` of the user's own process noted."""
        ReferenceStore(self._started, self.settings.gc_interval).store_references(references)

    def finalize(self) -> None:
        """Write what still waits."""
        if self._service is not None:
            try:
                self._write()
            finally:
                self._service = None
