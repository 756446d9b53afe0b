"""NONE: every process uses the storage service as it is.

Right for services that are safe by themselves (``multiproc_safe``) and for one run at a time; with
anything else, runs that store at the same moment fail. So that one run at a time stays alone with
an unsafe service, the main process leaves rows of the run table until no run is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pypet_multiproc.wrapping.base import WrapMode, WrapSettings, store_rows
from pypet_multiproc.wrapping.services import RecordingService
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunRows
from pypet_trajectory.api.service import StorageService


class NoWrap(WrapMode):
    """Leaves the service alone."""

    name: ClassVar[str] = constants.WRAP_MODE_NONE
    can_load: ClassVar[bool] = True
    writes_in_worker: ClassVar[bool] = True

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        #: ``None`` also if the trajectory has no service.
        self._service: Any = None
        self._rows: RunRows | None = None

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
            self._rows = rows if self._rows is None else _later(self._rows, rows)

    def finalize(self) -> None:
        """Give rows that were kept to the service."""
        if self._rows is not None:
            rows, self._rows = self._rows, None
            store_rows(self._service, rows)


def _later(before: RunRows, now: RunRows) -> RunRows:
    """Rows and failures as they are after both changes."""
    failures: Mapping[int, Any] = {
        idx: failure for idx, failure in before.failures.items() if idx not in now.rows
    }
    return RunRows(
        before.trajectory_name, {**before.rows, **now.rows}, {**failures, **now.failures}
    )
