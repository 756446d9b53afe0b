"""The storage service: calls and settings of a trajectory, turned into changes of a file."""

from pypet_storage_hdf5.service.service import HDF5StorageService

__all__ = ["HDF5StorageService"]
