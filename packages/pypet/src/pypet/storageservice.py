"""Names of pypet 0.7's module of this name, from the distributions that define them."""

from pypet_storage_hdf5.service import HDF5StorageService
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.storage.memory import LazyStorageService

__all__ = ["HDF5StorageService", "LazyStorageService", "StorageService"]
