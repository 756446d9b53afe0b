"""The batch loop: runs, post-processing, more runs, until the trajectory stops growing.

A batch is one sweep over the runs that have not completed. Each outcome updates the run table
at once, in memory and soon on disk; results are in order of run index when post-processing
sees them. Whatever ends the loop, the trajectory is at no run afterwards and can be used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pypet.environment.execution.run_data import RunData, drop_all_run_data
from pypet.environment.execution.storing import ExperimentStore, RunTableKeeper
from pypet.environment.parts.plans import MappedArguments, Plan, call_postprocessing
from pypet_multiproc.model.experiment import Experiment, RunOutcome, RunTask
from pypet_trajectory.exceptions import StorageFailedError
from pypet_trajectory.trajectory.lifecycle import abandon_run

logger = logging.getLogger("pypet")


class Recorder(Protocol):
    """Keeps outcomes where a later process can resume from."""

    def record(self, outcome: RunOutcome) -> None:
        """Make one finished run durable."""

    def proceed(self, plan: Plan) -> None:
        """Take notice of a trajectory that grew and of arguments that changed."""


class BatchLoop:
    """Executes the runs of one call of ``Environment.run`` and its relatives.

    Parameters
    ----------
    trajectory : Trajectory
        Stored, with all parameters locked.
    plan : Plan
        Which functions to call with what.
    engine : RunEngine
        Executes batches.
    store : ExperimentStore
        Stores the trajectory between batches.
    run_data : RunData
        What is there of the runs already.
    first_index : int
        Runs below are left alone.
    mapped : bool
        Whether the plan's arguments are iterables with one value per run.
    immediate : bool
        Whether post-processing begins when no run is left to start.
    clean_up : bool
        Whether run data that post-processing loaded is dropped from memory when it has ended.
    progress : callable
        Told how many runs have completed, minus one, and how many there are.
    results : list
        Of runs that were executed earlier; grows in place.
    recorder : Recorder, optional
        Told about every run that completed.
    """

    def __init__(
        self,
        trajectory: Any,
        plan: Plan,
        engine: Any,
        store: ExperimentStore,
        run_data: RunData,
        *,
        first_index: int = 0,
        mapped: bool = False,
        immediate: bool = False,
        clean_up: bool = True,
        progress: Callable[[int, int], Any],
        results: list[tuple[int, Any]],
        recorder: Recorder | None = None,
    ) -> None:
        self._traj = trajectory
        self._engine = engine
        self._store = store
        self._mapped = MappedArguments() if mapped else None
        self._immediate = immediate
        self._clean_up = clean_up
        self._progress = progress
        self._recorder = recorder
        self._keeper = RunTableKeeper(trajectory, engine)
        self._completed = 0
        self._run_data = run_data
        #: Which functions are called with what; post-processing may change arguments.
        self.plan = plan
        #: Index of the next run to look at.
        self.next_index = first_index
        #: (run index, returned value) of all runs executed so far.
        self.results = results
        #: Whether post-processing ever enlarged the trajectory.
        self.expanded = False

    def execute(self) -> None:
        """Do batches until nothing is left or there was a request to stop."""
        while True:
            self._do_batch()
            length = len(self._traj)
            self._postprocess(immediate=False)
            if len(self._traj) == length or self._engine.interrupted:
                return
            self._begin_expansion(length)
            self._run_data.note_prepared()
            self._store.before_runs(self._run_data.note_beginning())
            if self._recorder is not None:
                self._recorder.proceed(self.plan)

    # --------------------------------------------------------------------- one batch

    def _do_batch(self) -> None:
        if self.plan.runfunc is None:
            return
        experiment = Experiment(
            self._traj,
            self.plan.runfunc,
            tuple(self.plan.args),
            dict(self.plan.kwargs),
            self._run_data.prepared,
        )
        if self._mapped is not None:
            self._mapped.follow(self.plan.args, self.plan.kwargs)
            experiment.args, experiment.kwargs = (), {}
        self._run_data.drop_leftovers()
        indices = self._open_indices()
        self._completed = len(self._traj) - len(indices)
        self._progress(self._completed - 1, len(self._traj))
        self._keeper = RunTableKeeper(self._traj, self._engine)
        on_exhausted = self._postprocess_immediately if self._immediate else None
        try:
            with closing(
                self._engine.run(experiment, self._tasks(indices), on_exhausted)
            ) as outcomes:
                for outcome in outcomes:
                    self._take(outcome)
        except BaseException as error:
            self._settle_after_error(error)
            raise
        self._traj.f_restore_default()
        result_sort(self.results)
        self._store.meta_data()

    def _open_indices(self) -> NDArray[np.int64]:
        """Runs of this batch: not completed, from the next index on."""
        open_indices = self._traj.v_runs.table.open_indices()
        indices: NDArray[np.int64] = open_indices[open_indices >= self.next_index]
        skipped = len(self._traj) - self.next_index - len(indices)
        if skipped > 0:
            logger.debug("%d runs have completed before and are not executed again.", skipped)
        return indices

    def _tasks(self, indices: NDArray[np.int64], own_arguments: bool = False) -> Iterator[RunTask]:
        """Tasks in order; with `own_arguments` the plan's replace those of the experiment."""
        for idx in map(int, indices):
            self.next_index = idx + 1
            args: tuple[Any, ...] | None = None
            kwargs: dict[str, Any] | None = None
            if self._mapped is not None:
                args, kwargs = self._mapped.take(idx)
            elif own_arguments:
                args, kwargs = tuple(self.plan.args), dict(self.plan.kwargs)
            yield RunTask(idx, args, kwargs, repeated=self._run_data.may_be_tried(idx))

    def _take(self, outcome: RunOutcome) -> None:
        """Take notice of a run that ended."""
        if outcome.failure is None:
            if self._recorder is not None:
                self._recorder.record(outcome)
            self.results.append((outcome.idx, outcome.result))
            self._completed += 1
        self._keeper.note(outcome)
        if outcome.failure is None:
            self._progress(self._completed - 1, len(self._traj))

    def _settle_after_error(self, error: BaseException) -> None:
        """Leave trajectory and file in a true state while an exception is on its way out."""
        try:
            abandon_run(self._traj)
            self._traj.f_restore_default()
            self._keeper.distrust()
            self._store.meta_data()
        except StorageFailedError as failed:
            if not isinstance(error, StorageFailedError):  # else it has been said
                error.add_note(f"The run table could not be stored afterwards: {failed}")
            self._store.believe_stored_runs()
        except Exception:
            # The exception on its way out is the one to be seen; this one is in the log.
            logger.exception("The run table could not be stored after an error.")

    # --------------------------------------------------------------- post-processing

    def _postprocess(self, immediate: bool) -> None:
        if self.plan.postproc is None:
            return
        if not immediate:
            logger.info("************** Starting POSTPROCESSING **************")
        self.plan = call_postprocessing(self.plan, self._traj, self.results, logger)
        if not immediate:
            logger.info("************** Finished POSTPROCESSING **************")
        if self._clean_up:
            drop_all_run_data(self._traj)

    def _begin_expansion(self, old_length: int) -> None:
        """Go on with the runs that post-processing added."""
        logger.info(
            "Post-processing expanded the trajectory from %d to %d runs.",
            old_length,
            len(self._traj),
        )
        self.expanded = True
        self.next_index = old_length

    def _postprocess_immediately(self) -> Iterator[RunTask] | None:
        """Called by the engine when it has nothing left to start, but runs are still active."""
        length = len(self._traj)
        self._postprocess(immediate=True)
        if len(self._traj) == length or self._engine.interrupted:
            return None
        self._begin_expansion(length)
        self._run_data.note_prepared()
        if self._mapped is not None:
            self._mapped.follow(self.plan.args, self.plan.kwargs)
        return self._tasks(self._open_indices(), own_arguments=True)


def result_sort(result_list: list[tuple[int, Any]], start_index: int = 0) -> list[tuple[int, Any]]:
    """Sort (run index, result) pairs in place, from position `start_index` on.

    Results are never compared with one another, only run indices are, which are unique.

    Parameters
    ----------
    result_list : list of (int, object)
        What to sort; the same list is returned.
    start_index : int
        Entries before this position stay where they are.

    Examples
    --------
    >>> result_sort([(3, 'd'), (2, 'c'), (1, 'b')], start_index=1)
    [(3, 'd'), (1, 'b'), (2, 'c')]
    """
    result_list[start_index:] = sorted(result_list[start_index:], key=itemgetter(0))
    return result_list
