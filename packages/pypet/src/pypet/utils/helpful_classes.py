"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.mappings import (
    ChainMap,
    HashArray,
    IteratorChain,
    TrajectoryMock,
    Universe,
)

__all__ = ["ChainMap", "HashArray", "IteratorChain", "TrajectoryMock", "Universe"]
