"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.tree.classes import create_class, load_class

__all__ = ["create_class", "load_class"]
