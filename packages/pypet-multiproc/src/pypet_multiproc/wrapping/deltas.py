"""What is done to records on their way: several deltas as one, and a delta that replaces.

Deltas are never changed, for others may hold them; new ones share their records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pypet_trajectory import constants
from pypet_trajectory.api.records import NodeKind, RunDelta


def joined(deltas: Sequence[RunDelta]) -> RunDelta | None:
    """One delta that writes what several wrote, in their order."""
    if len(deltas) < 2:
        return deltas[0] if deltas else None
    requests = tuple(request for delta in deltas for request in delta.requests)
    return RunDelta(deltas[0].trajectory_name, deltas[0].run_index, requests)


def overwriting(delta: RunDelta) -> RunDelta:
    """A delta that replaces data which is there already."""
    requests = tuple(
        dataclasses.replace(request, mode=constants.OVERWRITE_DATA)
        if request.record.kind is NodeKind.LEAF
        else request
        for request in delta.requests
    )
    return dataclasses.replace(delta, requests=requests)
