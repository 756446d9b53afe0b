"""Trajectories in a file: records read and written, in sessions that leave the file whole."""

from pypet_storage_hdf5.backend.backend import HDF5Backend, complete_file

__all__ = ["HDF5Backend", "complete_file"]
