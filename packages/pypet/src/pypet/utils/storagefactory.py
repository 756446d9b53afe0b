"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.storage.registry import storage_factory

__all__ = ["storage_factory"]
