"""When an experiment is made resumable, and how it is taken up again.

Everything about files is in :mod:`pypet_resume`; here is only when it happens: the snapshot is
written after parameters are stored and before the first run, a record after each run, and all
of it is removed once every run has completed and is stored, never earlier.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.parts.plans import Plan
from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.writer.files import held
from pypet_trajectory import constants
from pypet_trajectory.api.service import checkpoint
from pypet_trajectory.exceptions import PypetRuntimeError, PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)


@dataclass
class Resumption:
    """An experiment that was read from its resume folder."""

    #: The trajectory as it was before the first run, its run table as it is now.
    trajectory: Any
    #: What was to be executed.
    plan: Plan
    #: (run index, returned value) of the runs that need not be done again.
    results: list[tuple[int, Any]]
    #: Seconds since the epoch when the experiment first began.
    start_timestamp: float
    #: The folder, which goes on recording.
    folder: Any


class RunRecorder:
    """Records finished runs of one experiment.

    Parameters
    ----------
    folder : pypet_resume.ResumeFolder
        Where records go.
    trajectory : Trajectory
        Whose runs they are.
    start_timestamp : float
        When the experiment began, seconds since the epoch.
    """

    def __init__(self, folder: Any, trajectory: Any, start_timestamp: float) -> None:
        self.folder = folder
        self._trajectory = trajectory
        self._start_timestamp = start_timestamp
        self._full_copy_before = trajectory.v_full_copy

    def begin(self, plan: Plan) -> None:
        """Write the snapshot of an experiment none of whose runs is done."""
        checkpoint(self._trajectory.v_storage_service)  # the folder gets a copy of the file
        with _full_copy(self._trajectory):
            self.folder.begin(self._snapshot(plan), _storage_file(self._trajectory))

    def proceed(self, plan: Plan) -> None:
        """Replace the snapshot after the trajectory or the arguments have changed."""
        with _full_copy(self._trajectory):
            self.folder.proceed(self._snapshot(plan))

    def record(self, outcome: RunOutcome) -> None:
        """Make one finished run durable."""
        self.folder.record(outcome.idx, outcome.result, outcome.row, outcome.delta)

    def _snapshot(self, plan: Plan) -> Any:
        from pypet_resume.snapshot import ExperimentSnapshot

        assert plan.runfunc is not None
        return ExperimentSnapshot(
            trajectory=self._trajectory,
            runfunc=plan.runfunc,
            args=tuple(plan.args),
            kwargs=dict(plan.kwargs),
            postproc=plan.postproc,
            postproc_args=tuple(plan.postproc_args),
            postproc_kwargs=dict(plan.postproc_kwargs),
            full_copy=self._full_copy_before,
            start_timestamp=self._start_timestamp,
        )


def refuse_mapped(arguments: EnvironmentArguments, mapped: bool) -> None:
    """Refuse to map arguments in a resumable experiment.

    Raises
    ------
    ValueError
        If both are asked for: iterators cannot be rewound in another process.
    """
    if mapped and arguments.resumable:
        raise PypetValueError(
            "run_map and pipeline_map cannot be resumed, but resumable is set. Use run or "
            "pipeline, or make an environment with resumable=False."
        )


@contextmanager
def recording(
    arguments: EnvironmentArguments,
    trajectory: Any,
    plan: Plan,
    start_timestamp: float,
    folder: Any,
) -> Iterator[RunRecorder | None]:
    """Record the runs executed in a ``with`` block, and tidy up if all of them completed.

    Parameters
    ----------
    arguments : EnvironmentArguments
        Say whether to record at all, and where.
    trajectory : Trajectory
        Stored, with no run done in this block yet.
    plan : Plan
        What is executed.
    start_timestamp : float
        When the experiment began, seconds since the epoch.
    folder : pypet_resume.ResumeFolder, optional
        The folder of an earlier part of this experiment, whose records stay valid.

    Raises
    ------
    RuntimeError
        If the folder holds another experiment.
    """
    if not arguments.resumable or plan.runfunc is None:
        yield None
        return
    if folder is None or not folder.path.is_dir():
        folder = _folder(arguments.resume_folder, trajectory.v_name)
        recorder = RunRecorder(folder, trajectory, start_timestamp)
        recorder.begin(plan)
    else:
        recorder = RunRecorder(folder, trajectory, start_timestamp)
        recorder.proceed(plan)
    try:
        yield recorder
    finally:
        folder.close()
    if arguments.delete_resume and trajectory.f_is_completed():
        folder.remove()


def resumption_from(
    arguments: EnvironmentArguments, trajectory_name: str, resume_folder: str | None
) -> Resumption:
    """Read an interrupted experiment and bring file and run table up to what is recorded.

    Parameters
    ----------
    arguments : EnvironmentArguments
        Of the environment that goes on.
    trajectory_name : str
        Names the folder inside `resume_folder`.
    resume_folder : str, optional
        By default that of the environment.

    Raises
    ------
    RuntimeError
        If the environment is not resumable or does no runs.
    FileNotFoundError
        If there is nothing to resume.
    """
    if not arguments.resumable or not arguments.do_single_runs:
        raise PypetRuntimeError(
            "Resuming needs an environment with resumable=True and do_single_runs=True, but "
            f"they are {arguments.resumable} and {arguments.do_single_runs}."
        )
    folder = _folder(resume_folder or arguments.resume_folder, trajectory_name)
    state = folder.load()
    snapshot = state.snapshot
    trajectory = snapshot.trajectory
    trajectory.v_full_copy = snapshot.full_copy
    _bring_up_to_date(folder, state, trajectory)
    plan = Plan(
        snapshot.runfunc,
        snapshot.args,
        snapshot.kwargs,
        snapshot.postproc,
        snapshot.postproc_args,
        snapshot.postproc_kwargs,
    )
    return Resumption(trajectory, plan, state.results(), snapshot.start_timestamp, folder)


def _bring_up_to_date(folder: Any, state: Any, trajectory: Any) -> None:
    """Make file and run table hold every run that was recorded.

    A file that cannot be read any more is rebuilt from its copy and the records.
    """
    service = trajectory.v_storage_service
    try:
        _load_run_table(trajectory)
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        filename = _storage_file(trajectory)
        if filename is None:
            raise
        _logger.warning(
            "`%s` cannot be read (%s: %s) and is rebuilt from its copy and the recorded runs.",
            filename,
            type(error).__name__,
            error,
        )
        folder.restore_copy(filename)
        with held(service):
            folder.replay(service)
        _load_run_table(trajectory)
    else:
        table = trajectory.v_runs.table
        missing = [
            idx for idx in state.finished if idx < len(table) and not table.is_completed(idx)
        ]
        if missing:
            with held(service):
                folder.replay(service, only=missing)
    state.update_run_table(trajectory.v_runs.table)
    for parameter in trajectory.v_exploration.loaded():
        if parameter.f_get_range_length() < len(trajectory):
            # It was expanded after the snapshot was taken.
            parameter.f_unlock()
            trajectory.f_load_item(parameter, load_data=constants.OVERWRITE_DATA)


def _load_run_table(trajectory: Any) -> None:
    trajectory.f_load(load_data=constants.LOAD_NOTHING, force=True)


def _folder(resume_folder: str | None, trajectory_name: str) -> Any:
    from pypet_resume.resume import ResumeFolder

    # Set whenever an environment is resumable.
    assert resume_folder is not None
    return ResumeFolder(resume_folder, trajectory_name)


@contextmanager
def _full_copy(trajectory: Any) -> Iterator[None]:
    """Let the trajectory be pickled with its explored ranges."""
    before = trajectory.v_full_copy
    trajectory.v_full_copy = True
    try:
        yield
    finally:
        trajectory.v_full_copy = before


def _storage_file(trajectory: Any) -> str | None:
    """The file that the trajectory is stored in, ``None`` if it is in no file."""
    service = trajectory.v_storage_service
    # A filename may be relative to a working directory that is left by now; a location is not.
    backend = getattr(service, "backend", None)
    filename = getattr(backend, "location", getattr(service, "filename", None))
    return filename if filename is not None and os.path.isfile(filename) else None
