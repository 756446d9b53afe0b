"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_storage_hdf5`."""

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
