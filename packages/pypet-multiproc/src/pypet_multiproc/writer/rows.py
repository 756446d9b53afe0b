"""Rows of the run table that wait until something else is written.

The writer opens or flushes the file for the data of runs anyway; rows that go with it cost next
to nothing. Invariant: of each run the latest row waits, with the failure that belongs to it; so
writing what waits has the effect of writing everything in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet_trajectory.api.records import RunFailure, RunRows


class WaitingRows:
    """Rows that have not been written yet, by trajectory."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[dict[int, Mapping[str, Any]], dict[int, RunFailure]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, rows: RunRows) -> None:
        """Let rows wait; they replace earlier ones of the same runs."""
        waiting, failures = self._waiting.setdefault(rows.trajectory_name, ({}, {}))
        waiting.update(rows.rows)
        for idx in rows.rows:
            failures.pop(idx, None)
        failures.update(rows.failures)

    def take(self) -> list[RunRows]:
        """What waits, one for each trajectory; from now on nothing waits."""
        taken = [RunRows(name, *parts) for name, parts in self._waiting.items()]
        self._waiting = {}
        return taken
