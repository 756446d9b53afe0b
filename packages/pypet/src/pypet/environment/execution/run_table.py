"""The run table kept true on disk while runs finish, at a bounded share of the time.

Each outcome changes the table in memory at once. Writing rows costs time, so it happens
whenever what was spent on it so far stays below a share of the time that has passed: runs of
seconds are on disk as soon as they end, a thousand runs a second are written in bulk. No timer
is involved, hence no second thread touches the file.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

#: Share of the time that may go into writing rows.
_SHARE = 0.03
#: Seconds that may be spent regardless, so that the first runs of any experiment are written.
_CREDIT = 0.02


class RunTableKeeper:
    """Brings outcomes into the run table, and the run table to the storage.

    Parameters
    ----------
    trajectory : Trajectory
        Whose runs they are.
    engine : RunEngine
        Through which rows reach the storage while runs are computed.
    """

    def __init__(self, trajectory: Any, engine: Any) -> None:
        self._trajectory = trajectory
        self._engine = engine
        #: Rows from here on are not in the file yet; meta data brings them.
        self._stored_length = len(trajectory)
        self._start = time.perf_counter()
        self._spent = 0.0
        self._last_cost = 0.0

    def note(self, outcome: Any) -> None:
        """Enter one outcome, and store rows if that is affordable now."""
        table = self._trajectory.v_runs.table
        idx, failure = outcome.idx, outcome.failure
        # A run in this process has entered its row when it was finalised.
        if failure is not None or idx not in table.changed or not table.is_completed(idx):
            table.set(idx, **{name: value for name, value in outcome.row.items() if name != "idx"})
        if failure is None:
            table.failures.pop(idx, None)
        else:
            table.failures[idx] = failure
        elapsed = time.perf_counter() - self._start
        if self._spent + self._last_cost <= _CREDIT + _SHARE * elapsed:
            self.store()

    def store(self) -> None:
        """Store all rows that changed since they were stored last.

        Runs that immediate post-processing added are stored with the meta data when their
        batch ends.
        """
        table = self._trajectory.v_runs.table
        indices = sorted(idx for idx in table.changed if idx < self._stored_length)
        if not indices:
            return
        begin = time.perf_counter()
        self._engine.store_run_rows(self._trajectory.v_runs.rows(self._trajectory.v_name, indices))
        table.changed.difference_update(indices)
        self._last_cost = time.perf_counter() - begin
        self._spent += self._last_cost

    def distrust(self) -> None:
        """Let all rows of runs that ended count as changed again.

        For after an error: the process that was to write rows may have died.
        """
        table = self._trajectory.v_runs.table
        table.changed.update(np.flatnonzero(table.column("completed")).tolist(), table.failures)
