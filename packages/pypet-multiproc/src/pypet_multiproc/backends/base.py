"""What ways to run have in common: the seam to the engine, and what processes that run get.

A backend takes attempts from a :class:`~pypet_multiproc.model.tasks.TaskSource` and yields each
with its outcome, in the order in which they end. It decides *where* runs happen; whether a failure
is tried again, recorded or raised is the engine's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypet_multiproc.model.experiment import Experiment, RunOutcome
from pypet_multiproc.model.serialization import NotPicklableError, Packed, explain, pack
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.model.tasks import Attempt, TaskSource
from pypet_multiproc.workers.single_run import FrozenRunner, RestoringRunner, Runner, RunPolicy
from pypet_multiproc.wrapping.base import WrapMode

if TYPE_CHECKING:
    from pypet_multiproc.logs.manager import LoggingManager

#: An attempt with what became of it; ``None`` says that the engine should look around.
Step = tuple[Attempt, RunOutcome] | None


@dataclass(frozen=True)
class BackendContext:
    """What a backend works with."""

    #: What to run.
    experiment: Experiment
    #: The user's choices.
    settings: EngineSettings
    #: Brings data to the storage.
    wrap: WrapMode
    #: Sets up logging in other processes.
    logging_manager: LoggingManager | None = None
    #: Makes runners in place of the usual ones; for tests of the machinery.
    make_runner: Callable[[RunPolicy], Runner] | None = None

    def policy(self, *, clean_up: bool, time_limit: float | None = None) -> RunPolicy:
        """What happens around each run."""
        return RunPolicy(
            automatic_storing=self.settings.automatic_storing,
            clean_up=clean_up,
            time_limit=time_limit,
            prepared=self.experiment.prepared,
        )


class Backend(ABC):
    """One way to run.

    Parameters
    ----------
    context : BackendContext
        What to work with.
    """

    def __init__(self, context: BackendContext) -> None:
        self.context = context

    @abstractmethod
    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives.

        Yields ``None`` now and then so that the engine can look after the wrap mode.
        """

    @abstractmethod
    def abort(self) -> None:
        """End active runs soon; :meth:`run` then comes to its end as usual."""

    @abstractmethod
    def close(self) -> None:
        """End whatever still runs, in bounded time; may be called twice."""


def make_runner(
    context: BackendContext, policy: RunPolicy, *, frozen: bool, inherits_main: bool
) -> Runner:
    """A runner that copies the trajectory, for each run or once in each process.

    Trajectory, function and arguments are serialised once for an experiment, however many processes
    there are, and what cannot be serialised is found here, before the first run.

    Parameters
    ----------
    context : BackendContext
        What to work with; it may bring a runner of its own.
    policy : RunPolicy
        What happens around each run.
    frozen : bool
        Whether all runs of a process use one copy.
    inherits_main : bool
        As for :func:`~pypet_multiproc.model.serialization.pack`.

    Raises
    ------
    NotPicklableError
        If trajectory, function or arguments cannot be sent to other processes.
    """
    if context.make_runner is not None:
        return context.make_runner(policy)
    trajectory = context.experiment.trajectory
    full_copy = trajectory.v_full_copy
    call = _packed_call(context.experiment, inherits_main)
    if frozen:
        return FrozenRunner(_snapshot(trajectory, True), call, policy, full_copy)
    return RestoringRunner(_snapshot(trajectory, full_copy), call, policy)


def packed_runner(runner: Runner) -> Packed:
    """A runner on its way to processes that inherit nothing."""
    return pack(runner, "the trajectory", inherits_main=False)


def _packed_call(experiment: Experiment, inherits_main: bool) -> Packed:
    call = (experiment.runfunc, tuple(experiment.args), dict(experiment.kwargs))
    try:
        return pack(call, "the run function and its arguments", inherits_main=inherits_main)
    except NotPicklableError:
        # Packing them one by one says which of them is to blame.
        for part, name in zip(call, ("the run function", "args", "kwargs"), strict=True):
            pack(part, name, inherits_main=inherits_main)
        raise


def _snapshot(trajectory: Any, full_copy: bool) -> Any:
    from pypet_trajectory.trajectory.snapshot import Snapshot

    try:
        return Snapshot.take(trajectory, full_copy=full_copy)
    except Exception as exc:
        raise NotPicklableError(explain(trajectory, "the trajectory", exc)) from exc
