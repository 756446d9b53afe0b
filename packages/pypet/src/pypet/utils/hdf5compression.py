"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_storage_hdf5`."""

from pypet_storage_hdf5.maintenance.compact import compact_hdf5_file

__all__ = ["compact_hdf5_file"]
