"""What travels to the processes that run: trajectory, function and arguments, packed once.

Invariant: each is serialised once for an experiment, however many processes there are, and what
cannot be serialised is found here, in the main process and before the first run. Where processes
inherit the trajectory nothing is packed at all; that is the business of those ways to run.
"""

from __future__ import annotations

from typing import Any

from pypet_multiproc.backends.base import BackendContext
from pypet_multiproc.model.experiment import Experiment
from pypet_multiproc.model.serialization import NotPicklableError, Packed, explain, pack
from pypet_multiproc.workers.single_run import FrozenRunner, RestoringRunner, Runner, RunPolicy


def make_runner(
    context: BackendContext, policy: RunPolicy, *, frozen: bool, inherits_main: bool
) -> Runner:
    """A runner that copies the trajectory, for each run or once in each process.

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
