"""Keeping trajectories: the two storage seams and the services that come with them.

This package exports the seams only, each name when it is asked for. Services are imported from
their modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypet_trajectory.imports import names_from

if TYPE_CHECKING:
    from pypet_trajectory.api.records import (
        NodeKind,
        NodeRecord,
        RunDelta,
        RunFailure,
        RunRows,
        TrajectoryMeta,
        WriteRequest,
    )
    from pypet_trajectory.api.service import StorageService, SupportsDeltas
    from pypet_trajectory.storage.backend import TreeBackend

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

__getattr__ = names_from(
    __name__,
    {
        "NodeKind": "pypet_trajectory.api.records",
        "NodeRecord": "pypet_trajectory.api.records",
        "RunDelta": "pypet_trajectory.api.records",
        "RunFailure": "pypet_trajectory.api.records",
        "RunRows": "pypet_trajectory.api.records",
        "StorageService": "pypet_trajectory.api.service",
        "SupportsDeltas": "pypet_trajectory.api.service",
        "TrajectoryMeta": "pypet_trajectory.api.records",
        "TreeBackend": "pypet_trajectory.storage.backend",
        "WriteRequest": "pypet_trajectory.api.records",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
