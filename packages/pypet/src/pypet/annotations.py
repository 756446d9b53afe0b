"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.annotations import Annotations, WithAnnotations

__all__ = ["Annotations", "WithAnnotations"]
