"""Data that stays in the file: shared data classes, their result, and the storage context.

A shared item of a result is not loaded but worked on where it lies: rows are appended to a table in
the file, a slice of an array is read from it. Each access opens and closes the file unless a
:class:`StorageContextManager` keeps it open.
"""

from pypet_storage_hdf5.shared.arrays import (
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedPandasFrame,
    SharedVLArray,
)
from pypet_storage_hdf5.shared.base import SharedData
from pypet_storage_hdf5.shared.context import StorageContextManager
from pypet_storage_hdf5.shared.result import (
    SharedResult,
    make_ordinary_result,
    make_shared_result,
    shared_class,
)
from pypet_storage_hdf5.shared.table import SharedTable

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
    "shared_class",
]
