"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.trajectory.loading import merge_all_in_folder

__all__ = ["merge_all_in_folder"]
