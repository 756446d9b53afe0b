"""What an environment stores by itself: everything fixed before the first run, the rest after.

Before the first run meta data, run table, explorations, parameters and config are in the file,
so that an experiment that dies leaves a file that loads and says truthfully how far it came.
Results that exist by then wait until the end, since post-processing may still change them;
config that post-processing changes is written again. Pypet 0.7 stored all of it at the end.

While runs finish the run table is kept true on disk at a bounded share of the time. Each outcome
changes it in memory at once. Writing rows costs time, so it happens whenever what was spent on it
so far stays below a share of the time that has passed: runs of seconds are on disk as soon as they
end, a thousand runs a second are written in bulk. No timer is involved, hence no second thread
touches the file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from pypet_multiproc.writer.files import kept_open
from pypet_trajectory import constants
from pypet_trajectory.api.service import SupportsSessions, supports, transaction
from pypet_trajectory.trajectory import lifecycle

logger = logging.getLogger("pypet")

#: Branches whose content does not change once runs have begun.
FIXED_BRANCHES = ("parameters", "derived_parameters", "config")
#: Share of the time that may go into writing rows.
_SHARE = 0.03
#: Seconds that may be spent regardless, so that the first runs of any experiment are written.
_CREDIT = 0.02


class ExperimentStore:
    """Stores a trajectory around its runs.

    Parameters
    ----------
    trajectory : Trajectory
        What to store.
    automatic : bool
        Whether nodes are stored; meta data and run table always are.
    """

    def __init__(self, trajectory: Any, automatic: bool) -> None:
        self._trajectory = trajectory
        self._automatic = automatic
        #: Config that the user has not locked, with the values that are in the file.
        self._open_config: dict[str, tuple[Any, Any]] = {}

    def before_runs(self, changed: list[Any]) -> None:
        """Lock parameters and store what runs depend on.

        If the process dies in here, the file holds everything or nothing of it.

        Parameters
        ----------
        changed : list of Parameter
            Config leaves that replace what the file holds of them.

        Raises
        ------
        PresettingError
            If a preset was never used.
        """
        traj = self._trajectory
        lifecycle.prepare_experiment(traj)
        if self._automatic:
            unlocked = [
                leaf
                for leaf in traj.f_get_config(copy=False).values()
                if not leaf.v_locked and not leaf.f_is_empty()
            ]
            with transaction(traj.v_storage_service, traj.v_name):
                if not traj.v_stored:
                    self.meta_data()
                with self._one_opening():
                    traj.f_store_items([*_replacing(changed), *self._grown(), *self._unstored()])
                    for leaf in unlocked:
                        self._open_config[leaf.v_full_name] = (leaf, leaf.f_get())
                        leaf.f_unlock()  # last, for reading locks, too
                    self.meta_data()
        else:
            self.meta_data()

    def meta_data(self) -> None:
        """Store meta data and the changed rows of the run table, with ranges that grew."""
        self._trajectory.f_store(only_init=True)

    def believe_stored_runs(self) -> None:
        """Let only those runs count as completed of which the storage says so.

        For after its failure: the data of further runs may be there, but not their rows of the run
        table, so they are executed again.
        """
        table = self._trajectory.v_runs.table
        service = self._trajectory.v_storage_service
        stored: Any = None
        if supports(service, SupportsSessions):
            try:
                with service.opened(self._trajectory.v_name, writable=False) as backend:
                    stored = backend.read_runs()
            except (OSError, ValueError) as error:
                logger.warning("It is not known which runs are stored: %s", error)
        for idx in np.flatnonzero(table.column("completed")).tolist():
            if stored is None or idx >= len(stored) or not stored.is_completed(idx):
                table.set(idx, completed=0)

    def after_runs(self, times: list[Any]) -> None:
        """Store everything that is in memory and not in the file.

        Parameters
        ----------
        times : list of Parameter
            Config leaves that replace what the file holds of them.
        """
        if not self._automatic:
            return
        logger.info("Storing what is left of trajectory `%s`.", self._trajectory.v_name)
        changed = [
            leaf
            for leaf, stored in self._open_config.values()
            if not leaf.v_locked and not leaf.f_is_empty() and not _same(leaf, stored)
        ]
        self._open_config.clear()
        with self._one_opening():
            self._trajectory.f_store_items(
                [*_replacing([*changed, *times]), *self._unstored(), *self._others()]
            )
            self.meta_data()
        logger.info("Trajectory `%s` is stored.", self._trajectory.v_name)

    def _one_opening(self) -> AbstractContextManager[None]:
        """Let several calls share one opening of the file, which takes longer than most of them."""
        traj = self._trajectory
        service = traj.v_storage_service
        return nullcontext() if service is None else kept_open(service, traj.v_name)

    def _grown(self) -> list[Any]:
        """Explored parameters whose ranges in the file are shorter than those in memory."""
        return list(self._trajectory.v_exploration.grown())

    def _unstored(self) -> Iterator[tuple[Any, ...]]:
        """Requests for what the fixed branches hold and the file does not."""
        options = {"recursive": True, "store_data": constants.STORE_DATA_SKIPPING}
        for branch in FIXED_BRANCHES:
            group = self._trajectory.f_get_children(copy=False).get(branch)
            if group is not None:
                yield constants.GROUP, group, (), options

    def _others(self) -> Iterator[tuple[Any, ...]]:
        """Requests for everything outside the fixed branches, whose nodes may have grown."""
        traj = self._trajectory
        for name in traj.f_get_children(copy=False):
            if name not in FIXED_BRANCHES:
                options = {"recursive": True, "store_data": constants.STORE_DATA}
                yield constants.TREE, traj, (name,), options


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


def _replacing(leaves: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for leaf in leaves:
        yield constants.LEAF, leaf, (), {"store_data": constants.OVERWRITE_DATA}


def _same(leaf: Any, stored: Any) -> bool:
    """Whether a config leaf still has the value that was stored, without locking it."""
    value = leaf.f_get()
    leaf.f_unlock()
    return bool(leaf._equal_values(value, stored))
