"""Keeping trajectories: the two storage seams and the services that come with them.

This package exports the seams only, so that the modules of the tree may import records without
pulling in the services. Services are imported from their modules.
"""

from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.storage.records import (
    NodeKind,
    NodeRecord,
    RunDelta,
    RunFailure,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.storage.service import StorageService, SupportsDeltas

__all__ = [
    "NodeKind",
    "NodeRecord",
    "RunDelta",
    "RunFailure",
    "RunRows",
    "StorageService",
    "SupportsDeltas",
    "TrajectoryMeta",
    "TreeBackend",
    "WriteRequest",
]
