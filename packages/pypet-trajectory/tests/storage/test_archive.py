from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from pypet_trajectory.storage.archive import ArchiveStorageService
from pypet_trajectory.storage.service import StorageService
from pypet_trajectory.testing.storage import StorageServiceConformance


class TestArchiveStorageServiceConforms(StorageServiceConformance):
    def new_store(self) -> Callable[[], StorageService]:
        path = Path(tempfile.mkdtemp()) / "store.traj"
        return lambda: ArchiveStorageService(path)
