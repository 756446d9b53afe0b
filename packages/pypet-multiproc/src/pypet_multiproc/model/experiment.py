"""What the engine is given and what it gives back: an experiment, its tasks, their outcomes.

Plain data. A task is a run index and, for mapped runs, arguments of its own; an outcome is
everything the main process needs to know about a run that ended. Unlike in pypet 0.7 no
trajectory comes back: what a run stored has reached the storage when its outcome arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pypet_trajectory.api.records import RunDelta, RunFailure

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


@dataclass
class Experiment:
    """One trajectory and the function to call at each of its points."""

    #: The trajectory, explored and stored.
    trajectory: Trajectory
    #: Called as ``runfunc(trajectory, *args, **kwargs)``.
    runfunc: Callable[..., Any]
    #: Positional arguments, the same for each run.
    args: tuple[Any, ...] = ()
    #: Keyword arguments, the same for each run.
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: What was prepared for runs, as patterns of :mod:`pypet_trajectory.storage.deleting`; it
    #: stays when a run is tried again.
    prepared: frozenset[str] = frozenset()


@dataclass(slots=True)
class RunTask:
    """One run to do."""

    #: Index of the run.
    idx: int
    #: Positional arguments of this run, instead of the experiment's.
    args: tuple[Any, ...] | None = None
    #: Keyword arguments of this run, instead of the experiment's.
    kwargs: Mapping[str, Any] | None = None
    #: Whether the run may have been tried before; what it stores replaces what is there.
    repeated: bool = False


@dataclass(slots=True)
class RunOutcome:
    """What became of one run."""

    #: Index of the run.
    idx: int
    #: What the run function returned; ``None`` if the run failed.
    result: Any = None
    #: Fields of the run table, as :meth:`RunTable.row` gives them.
    row: dict[str, Any] = field(default_factory=dict)
    #: Why the run did not complete; ``None`` if it did.
    failure: RunFailure | None = None
    #: What the run stored, if it was asked for (``keep_deltas``) or the main process writes it.
    delta: RunDelta | None = None
    #: How often the run was tried.
    attempts: int = 1
    #: The exception that ended the run, if it could be carried over.
    exception: BaseException | None = field(default=None, repr=False)
    #: Store calls that bring no records; only for services that do not write deltas.
    store_calls: list[tuple[Any, ...]] | None = field(default=None, repr=False)
    #: Identifies the attempt towards the writer process.
    token: int = field(default=0, repr=False)
    #: How many messages the run sent to the writer process.
    sent: int = field(default=0, repr=False)
    #: Why the storage takes nothing any more, if the run met that; the run stays open then.
    storage_failure: str | None = field(default=None, repr=False)
    #: Whether the run could not send what it stored because the writer process takes nothing.
    cut_off: bool = field(default=False, repr=False)
    #: Whether the process that ran it was asked to stop.
    interrupted: bool = field(default=False, repr=False)
