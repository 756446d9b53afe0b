"""Trajectories of numerical experiments in HDF5 files."""

from pypet_storage_hdf5.service import HDF5StorageService
from pypet_storage_hdf5.shared import (
    SharedArray,
    SharedCArray,
    SharedData,
    SharedEArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    SharedVLArray,
    StorageContextManager,
    make_ordinary_result,
    make_shared_result,
)

__all__ = [
    "HDF5StorageService",
    "SharedArray",
    "SharedCArray",
    "SharedData",
    "SharedEArray",
    "SharedPandasFrame",
    "SharedResult",
    "SharedTable",
    "SharedVLArray",
    "StorageContextManager",
    "make_ordinary_result",
    "make_shared_result",
]
