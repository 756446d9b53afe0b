"""What an experiment consists of, and pipeline functions that say so.

A :class:`Plan` is the run function and the post-processing function with their arguments.
``run`` makes one from its own arguments, ``pipeline`` from what the user's function returns.
Parts that a pipeline does not return keep the values of an earlier call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pypet.environment.arguments.misuse import shown
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError


class PipelineError(PypetRuntimeError):
    """A pipeline function returned something that is no experiment."""


@dataclass(frozen=True)
class Plan:
    """Functions of an experiment and their arguments."""

    #: Called once per run as ``runfunc(traj, *args, **kwargs)``; ``None``: no runs.
    runfunc: Callable[..., Any] | None = None
    #: Positional arguments; for ``run_map`` iterables, one value per run.
    args: Sequence[Any] = ()
    #: Keyword arguments; for ``run_map`` iterables, one value per run.
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: Called as ``postproc(traj, results, *postproc_args, **postproc_kwargs)`` after a batch.
    postproc: Callable[..., Any] | None = None
    postproc_args: Sequence[Any] = ()
    postproc_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check("run", self.runfunc, self.args, self.kwargs)
        _check("post-processing", self.postproc, self.postproc_args, self.postproc_kwargs)

    def with_run(
        self, runfunc: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Plan:
        """The same post-processing after other runs."""
        check_callable("run", runfunc)
        return replace(self, runfunc=runfunc, args=args, kwargs=kwargs)

    def with_postprocessing(
        self, postproc: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Plan:
        """Other post-processing after the same runs."""
        check_callable("post-processing", postproc)
        return replace(self, postproc=postproc, postproc_args=args, postproc_kwargs=kwargs)


def check_callable(what: str, function: Any) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    PypetTypeError
        If it cannot; also a ``TypeError``.
    """
    if not callable(function):
        raise PypetTypeError(f"The {what} function must be callable, but is {shown(function)}.")


def _check(what: str, function: Any, args: Any, kwargs: Any) -> None:
    if function is not None:
        check_callable(what, function)
    if not isinstance(args, (tuple, list)):
        raise PypetTypeError(
            f"Positional arguments of the {what} function must be a tuple or a list, but are "
            f"{shown(args)}. A tuple of one value is written with a comma: (value,)"
        )
    if not isinstance(kwargs, Mapping):
        raise PypetTypeError(
            f"Keyword arguments of the {what} function must be a dictionary, but are "
            f"{shown(kwargs)}."
        )


def plan_from_pipeline(pipeline: Callable[[Any], Any], trajectory: Any, plan: Plan) -> Plan:
    """Call a pipeline function and read the plan it returns.

    Parameters
    ----------
    pipeline : callable
        Gets the trajectory, fills it, and returns one of ``runfunc``; ``(runfunc, args,
        kwargs)`` with the last one or two left out if wanted; two such tuples, the second for
        post-processing and possibly empty; or ``None`` if nothing is to be run.
    trajectory : Trajectory
        What the function gets.
    plan : Plan
        Gives the parts that the function does not return.

    Raises
    ------
    PipelineError
        If what is returned is none of these; also a ``RuntimeError``.
    PypetTypeError
        If the pipeline cannot be called, or arguments are no tuple or no dictionary.
    """
    check_callable("pipeline", pipeline)
    returned = pipeline(trajectory)
    if returned is None:
        return replace(plan, runfunc=None)
    if callable(returned):
        returned = (returned,)
    run_part, postproc_part = _split(returned)
    runfunc, args, kwargs = _function_and_arguments(run_part, plan.args, plan.kwargs, "run")
    plan = plan.with_run(runfunc, args, kwargs)
    if postproc_part:
        plan = plan.with_postprocessing(
            *_function_and_arguments(
                postproc_part, plan.postproc_args, plan.postproc_kwargs, "post-processing"
            )
        )
    return plan


def _split(returned: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """What concerns the runs and what concerns post-processing."""
    if not isinstance(returned, (tuple, list)) or not returned:
        raise PipelineError(
            "A pipeline function returns (runfunc, args, kwargs), optionally together with "
            f"(postproc, args, kwargs) in a tuple of two tuples, but returned {returned!r}."
        )
    if callable(returned[0]):
        return returned, ()
    if len(returned) > 2 or not all(isinstance(part, (tuple, list)) for part in returned):
        raise PipelineError(
            "If the first element that a pipeline function returns is no function, it returns "
            f"two tuples, one for the runs and one for post-processing, but returned {returned!r}."
        )
    return returned[0], returned[1] if len(returned) == 2 else ()


def _function_and_arguments(
    part: Sequence[Any], args: Sequence[Any], kwargs: Mapping[str, Any], what: str
) -> tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]]:
    if not 1 <= len(part) <= 3 or not callable(part[0]):
        raise PipelineError(
            f"The {what} part of what a pipeline function returns has one to three elements, "
            f"(function, args, kwargs), but is {part!r}."
        )
    return (
        part[0],
        part[1] if len(part) > 1 else args,
        part[2] if len(part) > 2 else kwargs,
    )
