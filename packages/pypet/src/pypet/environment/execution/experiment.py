"""One experiment after the other: each call of ``Environment.run`` and its relatives is one.

Plan, records for resuming, batch loop and storing are modules beside this one; here is the order in
which they come, and what is said at the end: which runs are done, which failed and why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.execution import resuming
from pypet.environment.execution.run_data import RunData
from pypet.environment.execution.running import BatchLoop
from pypet.environment.execution.storing import ExperimentStore
from pypet.environment.parts import config_entries, engines, services
from pypet.environment.parts.identity import Identity
from pypet.environment.parts.plans import Plan
from pypet.environment.parts.provenance import begin_record, finish_record
from pypet_multiproc.logs.manager import LoggingManager
from pypet_multiproc.model.failures import reason
from pypet_multiproc.writer.files import held
from pypet_trajectory.exceptions import PypetRuntimeError

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

logger = logging.getLogger("pypet.environment.Environment")

#: Runs named one by one; an experiment of a million runs is not listed in a log.
_NAMED_RUNS = 100


class ExperimentRunner:
    """Executes the experiments of one environment.

    Parameters
    ----------
    arguments : EnvironmentArguments
        Of the environment; as port the address of the server.
    trajectory : Trajectory
        What is executed.
    identity : Identity
        Of the environment.
    logging_manager : LoggingManager
        Sets up logging in the processes of runs, and shows progress.
    """

    def __init__(
        self,
        arguments: EnvironmentArguments,
        trajectory: Trajectory,
        identity: Identity,
        logging_manager: LoggingManager,
    ) -> None:
        self._arguments = arguments
        self._identity = identity
        self._logging_manager = logging_manager
        self._start_timestamp: float | None = None
        self._resume_folder: Any = None
        #: The trajectory; another object once an experiment was resumed.
        self.trajectory = trajectory
        #: What the next call executes, as far as it is known.
        self.plan = Plan()
        #: Index of the next run that will be looked at.
        self.current_idx = 0

    def execute(
        self,
        make_plan: Callable[[Any, Plan], Plan],
        *,
        mapped: bool = False,
        results: list[Any] | None = None,
    ) -> list[Any]:
        """Execute one experiment; all public methods that execute runs end here.

        Parameters
        ----------
        make_plan : callable
            Gets the trajectory and the plan so far, and says what to execute.
        mapped : bool
            Whether arguments of runs are iterables with one value per run.
        results : list of (int, object), optional
            Of runs that need not be executed again.

        Returns
        -------
        list of (int, object)
            These and those of the runs that were executed.
        """
        arguments, traj = self._arguments, self.trajectory
        name = self._identity.name
        results = [] if results is None else results
        resuming.refuse_mapped(arguments, mapped)
        run_data = RunData(traj, name, tried_here=self._start_timestamp is not None)
        start = self._start_timestamp = self._start_timestamp or time.time()
        self.plan = make_plan(traj, self.plan)
        _check_plan(arguments, self.plan)
        record = begin_record(arguments, traj)
        store = ExperimentStore(traj, arguments.automatic_storing)
        run_data.note_prepared()
        with held(traj.v_storage_service):
            store.before_runs([] if self.plan.runfunc is None else run_data.note_beginning())
            with self._batch_loop(start, store, run_data, mapped, results) as loop:
                loop.execute()
                if loop.expanded:
                    config_entries.note_expansion(traj, name)
                config_entries.note_wildcards(traj, name)
                store.after_runs(config_entries.note_times(traj, name, start))
        services.finalize(traj)
        finish_record(record, traj, arguments.automatic_storing)
        return results

    def resume(self, trajectory_name: str | None, resume_folder: str | None) -> list[Any]:
        """Go on with an experiment whose process died, see :meth:`Environment.resume`."""
        name = str(self.trajectory.v_name) if trajectory_name is None else trajectory_name
        resumption = resuming.resumption_from(self._arguments, name, resume_folder)
        traj = self.trajectory = resumption.trajectory
        self._resume_folder = resumption.folder
        self._start_timestamp = resumption.start_timestamp
        self._identity.mark(traj)
        config_entries.add_entries(self._arguments, self._identity, traj)
        config_entries.note_resumption(traj, self._identity.name)
        return self.execute(lambda *_: resumption.plan, results=resumption.results)

    @contextmanager
    def _batch_loop(
        self,
        start: float,
        store: ExperimentStore,
        run_data: RunData,
        mapped: bool,
        results: list[Any],
    ) -> Iterator[BatchLoop]:
        """The loop that executes runs, recorded if they can be resumed; then how it ended."""
        arguments, traj = self._arguments, self.trajectory
        with resuming.recording(arguments, traj, self.plan, start, self._resume_folder) as recorder:
            self._resume_folder = recorder.folder if recorder else None
            loop = BatchLoop(
                traj,
                self.plan,
                engines.engine_for(arguments, self._logging_manager),
                store,
                run_data,
                first_index=self.current_idx,
                mapped=mapped,
                immediate=arguments.immediate_postproc,
                clean_up=arguments.clean_up_runs,
                progress=self._logging_manager.show_progress,
                results=results,
                recorder=recorder,
            )
            try:
                yield loop
            finally:
                self.plan = loop.plan
                log_summary(traj)
                self.current_idx = _first_open_index(traj)


def _check_plan(arguments: EnvironmentArguments, plan: Plan) -> None:
    """Refuse runs where none were announced, and no runs where some were.

    Raises
    ------
    RuntimeError
        If the plan and ``do_single_runs`` contradict one another.
    """
    if plan.runfunc is not None and not arguments.do_single_runs:
        raise PypetRuntimeError(
            "The environment was made with do_single_runs=False, so no runs can be executed. "
            "Make one with do_single_runs=True."
        )
    if plan.runfunc is None and arguments.do_single_runs:
        raise PypetRuntimeError(
            "The pipeline function returned no run function. Return (runfunc, args, kwargs), or "
            "make the environment with do_single_runs=False."
        )


def _first_open_index(trajectory: Any) -> int:
    """Index of the first run that has not completed, the number of runs if all have."""
    open_indices = trajectory.v_runs.table.open_indices()
    return int(open_indices[0]) if len(open_indices) else len(trajectory)


def log_summary(trajectory: Any) -> None:
    """Log whether all runs have completed, with one error record if not.

    Incomplete runs raise no exception; see :attr:`Environment.failed_runs`.
    """
    open_indices = trajectory.v_runs.table.open_indices()
    if not len(open_indices):
        logger.info("All runs of trajectory `%s` have completed.", trajectory.v_name)
        return
    failures = trajectory.v_runs.table.failures
    lines = []
    for idx in open_indices[:_NAMED_RUNS].tolist():
        name = trajectory.v_runs.names.name(idx)
        failure = failures.get(idx)
        if failure is None:
            lines.append(name)
        else:
            lines.append(f"{name} ({failure.status}: {reason(failure)})")
    more = len(open_indices) - len(lines)
    if more:
        lines.append(f"and {more} more")
    logger.error(
        "%d of %d runs of trajectory `%s` have not completed; calling run again executes them: %s",
        len(open_indices),
        len(trajectory),
        trajectory.v_name,
        ", ".join(lines),
    )
