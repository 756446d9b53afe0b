"""Trajectories of numerical experiments in HDF5 files."""

from pypet_storage_hdf5.h5.file import HDF5FileError
from pypet_storage_hdf5.maintenance.check import Problem, check_hdf5_file
from pypet_storage_hdf5.maintenance.compact import compact_hdf5_file
from pypet_storage_hdf5.maintenance.repair import RepairReport, repair_hdf5_file
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
    "HDF5FileError",
    "HDF5StorageService",
    "Problem",
    "RepairReport",
    "SharedArray",
    "SharedCArray",
    "SharedData",
    "SharedEArray",
    "SharedPandasFrame",
    "SharedResult",
    "SharedTable",
    "SharedVLArray",
    "StorageContextManager",
    "check_hdf5_file",
    "compact_hdf5_file",
    "make_ordinary_result",
    "make_shared_result",
    "repair_hdf5_file",
]
