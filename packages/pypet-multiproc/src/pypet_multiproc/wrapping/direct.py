"""Storing without lock or writer: DIRECT for runs in the main process, and NONE.

DIRECT is not a wrap mode users choose: it is what a single process does. Opening a file takes
longer than a short run, so the data of runs of a few milliseconds waits for a moment and is stored
with that of others; longer runs are stored when they end. Invariant: the file is never open while a
run function is called, so runs may open it themselves, and other processes may look into it. What a
kill can cost is the work of that moment, and nothing that was reported as done.

With NONE every process uses the storage service as it is. That is right for services that are safe
by themselves (``multiproc_safe``) and for one run at a time; with anything else, runs that store at
the same moment fail. So that one run at a time stays alone with an unsafe service, the main process
leaves rows of the run table until no run is left.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import describe, storage_failure
from pypet_multiproc.processes.children import storing
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings, store_rows
from pypet_multiproc.wrapping.lock import LockWrapper
from pypet_multiproc.wrapping.services import RecordingService
from pypet_multiproc.writer.files import WaitingRows, kept_open
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunRows
from pypet_trajectory.api.service import StorageService

#: Runs that take fewer seconds than this wait for others ...
SHORT = 0.005
#: ... at most so many seconds.
_PATIENCE = 0.2


class NoLock:
    """What takes the place of a lock where one process works alone."""

    def acquire(self) -> None:
        """Nothing to wait for."""
        return None

    def release(self) -> None:
        """Nothing waits."""
        return None


class DirectWrap(WrapMode):
    """Stores what runs in this process want stored."""

    name: ClassVar[str] = "DIRECT"

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._wrapper: LockWrapper | None = None
        self._trajectory_name = ""
        self._waiting: list[RunOutcome] = []
        self._rows = WaitingRows()
        self._short = False
        self._since = 0.0

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Remember the service."""
        self._wrapper = LockWrapper(service, NoLock(), self.settings.keep_deltas, short=SHORT)
        self._wrapper.defer(True)
        self._trajectory_name = trajectory_name

    @property
    def _started(self) -> LockWrapper:
        assert self._wrapper is not None, "start() was not called"
        return self._wrapper

    def worker_service(self) -> StorageService:
        """The service, which lets short runs wait."""
        return self._started

    def after_outcome(self, outcome: RunOutcome) -> None:
        """Let the outcome wait if its data does."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(outcome)
        self._short = self._started.holds(outcome.token)
        if not self._short or time.monotonic() - self._since > _PATIENCE:
            self._store()

    def drain(self) -> list[RunOutcome]:
        """Store what waits."""
        self._store()
        return super().settled()

    def _store(self) -> None:
        errors = self._write()
        waiting, self._waiting = self._waiting, []
        for outcome in waiting:
            note_error(outcome, errors)
        self._settled += waiting

    def _write(self) -> Mapping[int, BaseException]:
        """Write data and rows that wait; returns why data of attempts could not be written.

        If the storage fails none of it counts as written, for the file was not flushed.
        """
        wrapper = self._started
        if not self._rows:
            return _unless_failed(wrapper.store_deferred())
        service = wrapper.storage_service
        with storing, wrapper.failure_noted(), kept_open(service, self._trajectory_name):
            errors = _unless_failed(wrapper.store_deferred())
            for rows in self._rows.take():
                store_rows(service, rows)
        return errors

    def unsettled(self) -> list[RunOutcome]:
        """Outcomes whose data could not be written."""
        return self._waiting

    def store_run_rows(self, rows: RunRows) -> None:
        """Write them, those of short runs together with the data of further runs."""
        self._rows.add(rows)
        if not self._short:
            self._store()

    def finalize(self) -> None:
        """Store what waits, unless the storage has failed."""
        wrapper = self._wrapper
        if wrapper is None:
            return
        try:
            if wrapper.storage_failure is None:
                errors = self._write()
                self._waiting = [each for each in self._waiting if each.token in errors]
        finally:
            self._wrapper = None


def _unless_failed(errors: Mapping[int, BaseException]) -> Mapping[int, BaseException]:
    """The errors, unless one of them is that the storage has failed, which is raised."""
    for error in errors.values():
        if storage_failure(error) is not None:
            raise error
    return errors


def note_error(outcome: RunOutcome, errors: Mapping[int, BaseException]) -> None:
    """Let a run have failed whose data could not be stored."""
    error = errors.get(outcome.token)
    failed_storage = storage_failure(error)
    if failed_storage is not None:
        outcome.storage_failure = str(failed_storage)
    outcome.cut_off = outcome.cut_off or isinstance(error, ConnectionError)
    if error is not None and outcome.failure is None:
        outcome.failure = describe(error, attempts=outcome.attempts)
        outcome.exception = error
        outcome.result = None
        outcome.row["completed"] = 0


class NoWrap(WrapMode):
    """Leaves the service alone."""

    name: ClassVar[str] = constants.WRAP_MODE_NONE
    writes_in_worker: ClassVar[bool] = True

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        #: ``None`` also if the trajectory has no service.
        self._service: Any = None
        self._rows = WaitingRows()

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Remember the service."""
        self._service = service

    def worker_service(self) -> StorageService:
        """The service itself."""
        service: StorageService = self._service
        return RecordingService(service) if self.settings.keep_deltas else service

    def store_run_rows(self, rows: RunRows) -> None:
        """Give them to the service, or keep them if a run may be using it."""
        if self._service is None or self._service.multiproc_safe:
            store_rows(self._service, rows)
        else:
            self._rows.add(rows)

    def finalize(self) -> None:
        """Give rows that were kept to the service."""
        for rows in self._rows.take():
            store_rows(self._service, rows)
