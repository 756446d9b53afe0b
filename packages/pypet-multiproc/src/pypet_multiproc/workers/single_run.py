"""One run: from a run index to what became of it.

:func:`run_single` is the only place that calls a run function. A *runner* says where its
trajectory comes from: :class:`ReusingRunner` goes from run to run with one trajectory,
:class:`RestoringRunner` makes a fresh one for each run, :class:`FrozenRunner` one for each process.
Invariant: whatever the run function does,
an outcome comes back and the trajectory is out of run mode; only a request to stop the process
passes through.
"""

from __future__ import annotations

import logging
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypet_multiproc.model import serialization
from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import (
    TIMED_OUT,
    ResultNotPicklableError,
    RunTimeoutError,
    describe,
    portable,
    reason,
    storage_failure,
)
from pypet_multiproc.model.serialization import Packed
from pypet_multiproc.model.tasks import Attempt
from pypet_multiproc.processes.children import storing
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.processes.limits import time_limit
from pypet_multiproc.transport.chunks import left_out
from pypet_multiproc.wrapping.services import MultiprocWrapper
from pypet_multiproc.writer.files import flush_file
from pypet_trajectory.constants import OVERWRITE_DATA, STORE_DATA
from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.trajectory.lifecycle import abandon_run, finalize_run, start_run

if TYPE_CHECKING:
    from pypet_trajectory.api.service import StorageService
    from pypet_trajectory.trajectory import Trajectory
    from pypet_trajectory.trajectory.snapshot import Snapshot

_logger = logging.getLogger("pypet")


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """What happens around each call of the run function."""

    #: Store what the run added.
    automatic_storing: bool = True
    #: Drop what the run added from memory.
    clean_up: bool = True
    #: Seconds after which the run is given up from within its process; ``None``: never.
    time_limit: float | None = None
    #: What stays in the storage when a run is tried again.
    prepared: frozenset[str] = frozenset()


def run_single(
    trajectory: Trajectory,
    attempt: Attempt,
    runfunc: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    policy: RunPolicy,
) -> RunOutcome:
    """Call the run function at one point of the trajectory.

    Parameters
    ----------
    trajectory : Trajectory
        Not in a run.
    attempt : Attempt
        Which run, and its own arguments if it has any.
    runfunc, args, kwargs
        What to call; used where the attempt has no arguments of its own.
    policy : RunPolicy
        What to do before and after.
    """
    idx = attempt.task.idx
    outcome = attempt.outcome()
    service = trajectory.v_storage_service
    observer = service if isinstance(service, MultiprocWrapper) else None
    args = args if attempt.task.args is None else attempt.task.args
    kwargs = kwargs if attempt.task.kwargs is None else attempt.task.kwargs
    # A trajectory restored without its ranges is at its run already and cannot go to one.
    start_run(trajectory, None if trajectory.v_idx == idx else idx)
    trajectory.v_runs.by_environment = True
    if observer is not None:
        observer.overwrite = attempt.repeated
        observer.begin_run(idx, attempt.token)
    _logger.info("Starting single run #%d of %d.", idx, len(trajectory))
    try:
        if observer is not None and attempt.again:
            with storing:
                observer.clear_run(trajectory, policy.prepared)
        with time_limit(policy.time_limit):
            outcome.result = runfunc(trajectory, *args, **kwargs)
        if policy.automatic_storing:
            if observer is not None:
                observer.function_returned()
            with storing:
                # An earlier try may have stored something that this one has other values for.
                mode = OVERWRITE_DATA if attempt.repeated else STORE_DATA
                trajectory.f_store(store_data=mode)
        _make_safe(service)
        finalize_run(trajectory, completed=True, clean_up=policy.clean_up)
        outcome.row = trajectory.v_runs.table.row(idx)
        _logger.info("Finished single run #%d of %d.", idx, len(trajectory))
    except KeyboardInterrupt:
        abandon_run(trajectory)
        raise
    except (Exception, SystemExit, GeneratorExit) as exc:
        _note_failure(trajectory, outcome, exc)
    finally:
        if observer is not None:
            observer.end_run(outcome)
            if observer.storage_failure is not None:
                _take_back(trajectory, outcome, observer.storage_failure)
        trajectory.v_runs.by_environment = False
        outcome.interrupted = sigint_handling.hit
    return outcome


def _make_safe(service: StorageService | None) -> None:
    """Flush what a run stored into a file that it left open, before it counts as completed."""
    with storing:
        if isinstance(service, MultiprocWrapper):
            service.make_safe()
        elif service is not None:
            flush_file(service)


def _take_back(trajectory: Trajectory, outcome: RunOutcome, storage_failure: str) -> None:
    """Let a run stay open whose function has caught that the storage failed."""
    outcome.storage_failure = storage_failure
    if outcome.failure is None:
        trajectory.v_runs.table.set(outcome.idx, completed=0)
        outcome.row["completed"] = 0


def _note_failure(trajectory: Trajectory, outcome: RunOutcome, exc: BaseException) -> None:
    status = {"status": TIMED_OUT} if isinstance(exc, RunTimeoutError) else {}
    failure = describe(exc, attempts=outcome.attempts, **status)
    failed_storage = storage_failure(exc)
    if failed_storage is None:
        _logger.error(
            "Run %d failed (attempt %d): %s",
            outcome.idx,
            outcome.attempts,
            reason(failure),
            exc_info=exc,
        )
    else:
        # It is no fault of the run, and the engine raises it.
        outcome.storage_failure = str(failed_storage)
    outcome.result = None
    outcome.failure = failure
    outcome.exception = exc
    outcome.row = {**trajectory.v_runs.table.row(outcome.idx), "completed": 0}
    abandon_run(trajectory)


class Runner(ABC):
    """Runs attempts in the process it was brought to."""

    def prepare(self, service: StorageService | None) -> None:
        """Called once in the process, before the first run.

        Parameters
        ----------
        service : StorageService, optional
            What runs store with.
        """
        return None

    def trajectory_at(self, idx: int) -> Trajectory | None:
        """A trajectory that is at run `idx`, if there is one before the run starts."""
        return None

    @abstractmethod
    def run(self, attempt: Attempt) -> RunOutcome:
        """Do one run."""


class ReusingRunner(Runner):
    """Goes from run to run with one trajectory and one set of arguments.

    Parameters
    ----------
    trajectory : Trajectory
        Used for all runs.
    runfunc, args, kwargs
        What to call.
    policy : RunPolicy
        What to do around each call.
    """

    def __init__(
        self,
        trajectory: Trajectory,
        runfunc: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        policy: RunPolicy,
    ) -> None:
        self._trajectory = trajectory
        self._call = runfunc, args, kwargs
        self._policy = policy

    def prepare(self, service: StorageService | None) -> None:
        """Let the trajectory store with `service`."""
        if service is not None:
            self._trajectory.v_storage_service = service

    def trajectory_at(self, idx: int) -> Trajectory:
        """The trajectory, at run `idx`."""
        self._trajectory.f_set_crun(idx)
        return self._trajectory

    def run(self, attempt: Attempt) -> RunOutcome:
        """Do one run."""
        return run_single(self._trajectory, attempt, *self._call, self._policy)


class RestoringRunner(Runner):
    """Makes a fresh trajectory and fresh arguments for each run.

    Parameters
    ----------
    snapshot : Snapshot
        The trajectory.
    call : Packed
        Run function, positional and keyword arguments.
    policy : RunPolicy
        What to do around each call.
    """

    def __init__(self, snapshot: Snapshot, call: Packed, policy: RunPolicy) -> None:
        self._snapshot, self._call, self._policy = snapshot, call, policy
        self._service: StorageService | None = None

    def prepare(self, service: StorageService | None) -> None:
        """Remember the service."""
        self._service = service

    def trajectory_at(self, idx: int) -> Trajectory:
        """A fresh trajectory, at run `idx`."""
        return self._snapshot.restore(idx, storage_service=self._service)

    def run(self, attempt: Attempt) -> RunOutcome:
        """Do one run."""
        trajectory = self._snapshot.restore(attempt.task.idx, storage_service=self._service)
        runfunc, args, kwargs = self._call.unpack()
        return run_single(trajectory, attempt, runfunc, args, kwargs, self._policy)


class FrozenRunner(Runner):
    """Makes one trajectory and one set of arguments in each process and uses them for all runs.

    Parameters
    ----------
    snapshot : Snapshot
        The trajectory, with full copy.
    call : Packed
        Run function, positional and keyword arguments.
    policy : RunPolicy
        What to do around each call.
    full_copy : bool
        What ``v_full_copy`` is in the main process, and shall be for runs.
    """

    def __init__(
        self, snapshot: Snapshot, call: Packed, policy: RunPolicy, full_copy: bool
    ) -> None:
        self._snapshot, self._call, self._policy = snapshot, call, policy
        self._full_copy = full_copy
        self._runner: ReusingRunner | None = None

    def prepare(self, service: StorageService | None) -> None:
        """Make what is shared by all runs."""
        trajectory = self._snapshot.restore(0, storage_service=service)
        trajectory.v_full_copy = self._full_copy
        runfunc, args, kwargs = self._call.unpack()
        self._runner = ReusingRunner(trajectory, runfunc, args, kwargs, self._policy)

    def run(self, attempt: Attempt) -> RunOutcome:
        """Do one run."""
        if self._runner is None:
            raise PypetRuntimeError("A runner has to be prepared before it can run.")
        return self._runner.run(attempt)


def outcome_bytes(outcome: RunOutcome) -> bytes:
    """An outcome on its way to the main process.

    A result or an exception that cannot be pickled is replaced by what explains it: such a run
    has failed, although its data is stored.
    """
    if outcome.exception is not None:
        outcome.exception = portable(outcome.exception)
    try:
        with left_out():
            return serialization.dumps(outcome)
    except Exception as exc:
        error = ResultNotPicklableError(
            f"Run {outcome.idx} returned something that cannot be sent to the main process. "
            + serialization.explain(outcome.result, "the return value", exc)
        )
    _logger.error("%s", error)
    outcome.result = None
    outcome.failure = describe(error, attempts=outcome.attempts)
    outcome.exception = error
    outcome.row["completed"] = 0
    return serialization.dumps(outcome)


def received_outcome(data: bytes | memoryview) -> RunOutcome:
    """An outcome that came from another process, as :func:`outcome_bytes` made it.

    Its exception arrives without a traceback, which is how the engine knows that it was raised
    elsewhere. Pickle leaves tracebacks out by itself until a library changes that for the whole
    process: ``distributed`` does so when it is imported.
    """
    outcome = pickle.loads(data)
    assert isinstance(outcome, RunOutcome)
    if outcome.exception is not None:
        outcome.exception.__traceback__ = None
    return outcome
