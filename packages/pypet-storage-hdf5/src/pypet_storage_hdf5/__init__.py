"""Trajectories of numerical experiments in HDF5 files."""

from pypet_storage_hdf5.service import HDF5StorageService

__all__ = ["HDF5StorageService"]
