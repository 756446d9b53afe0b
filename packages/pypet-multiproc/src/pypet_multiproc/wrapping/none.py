"""NONE: every process uses the storage service as it is.

Right for services that are safe by themselves (``multiproc_safe``) and for one run at a time; with
anything else, runs that store at the same moment fail.
"""

from __future__ import annotations

from typing import ClassVar

from pypet_multiproc.wrapping.base import WrapMode, WrapSettings, store_rows
from pypet_multiproc.wrapping.services import RecordingService
from pypet_trajectory import constants
from pypet_trajectory.storage.records import RunRows
from pypet_trajectory.storage.service import StorageService


class NoWrap(WrapMode):
    """Leaves the service alone."""

    name: ClassVar[str] = constants.WRAP_MODE_NONE
    can_load: ClassVar[bool] = True
    writes_in_worker: ClassVar[bool] = True

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._service: StorageService = StorageService()

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Remember the service."""
        self._service = service

    def worker_service(self) -> StorageService:
        """The service itself."""
        return RecordingService(self._service) if self.settings.keep_deltas else self._service

    def store_run_rows(self, rows: RunRows) -> None:
        """Give them to the service."""
        store_rows(self._service, rows)

    def finalize(self) -> None:
        """Nothing was set up."""
        return None
