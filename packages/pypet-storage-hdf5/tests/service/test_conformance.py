"""The HDF5 service is a storage service like any other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from pypet_storage_hdf5 import HDF5StorageService
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.testing.storage import StorageServiceConformance


class TestHDF5StorageServiceConforms(StorageServiceConformance):
    def new_store(self) -> Callable[[], StorageService]:
        path = Path(tempfile.mkdtemp()) / "store.hdf5"
        return lambda: HDF5StorageService(str(path))
