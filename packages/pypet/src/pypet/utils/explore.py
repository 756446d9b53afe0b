"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.exploration.combinations import cartesian_product, find_unique_points

__all__ = ["cartesian_product", "find_unique_points"]
