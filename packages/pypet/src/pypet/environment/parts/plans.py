"""What an experiment consists of, and functions of the user's that say so or change it.

A :class:`Plan` is the run function and the post-processing function with their arguments.
``run`` makes one from its own arguments, ``pipeline`` from what the user's function returns;
parts that it does not return keep the values of an earlier call. Post-processing may enlarge the
trajectory, itself or by returning a dictionary, and may change the arguments of later calls;
unlike with run functions, what it returns is never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pypet.environment.arguments.kinds import shown
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError, PypetValueError

#: Plan fields that elements 1 to 4 of a returned tuple replace.
_REPLACED = ("args", "kwargs", "postproc_args", "postproc_kwargs")


class PipelineError(PypetRuntimeError):
    """A pipeline function returned something that is no experiment."""


class TooFewArgumentsError(PypetValueError, PypetRuntimeError):
    """An iterable argument had no value left for a run; pypet 0.7 raised a RuntimeError."""


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


def call_postprocessing(
    plan: Plan, trajectory: Any, results: list[tuple[int, Any]], logger: Any
) -> Plan:
    """Call the post-processing function and expand the trajectory if it says so.

    Parameters
    ----------
    plan : Plan
        Its post-processing function is called with the trajectory and `results`.
    trajectory : Trajectory
        May come back longer than it was.
    results : list of (int, object)
        Run indices with what the runs returned; the very list that ``run`` returns.
    logger : logging.Logger
        Told if what the function returned is not understood.

    Returns
    -------
    Plan
        With the arguments that the function wants for later calls; ``None`` leaves them alone.

    Raises
    ------
    PypetTypeError
        If new arguments are no tuple or no dictionary.
    """
    if plan.postproc is None:
        return plan
    returned = plan.postproc(trajectory, results, *plan.postproc_args, **plan.postproc_kwargs)
    if returned is None:
        return plan
    expansion, arguments = returned, tuple[Any, ...]()
    if isinstance(returned, tuple) and returned:
        expansion, arguments = returned[0] or {}, returned[1:]
    if not isinstance(expansion, Mapping):
        logger.error(
            "Post-processing may return None, a dictionary that expands the trajectory, or a "
            "tuple of such a dictionary, args, kwargs, postproc_args and postproc_kwargs, "
            "but %r returned %r, which is ignored.",
            plan.postproc,
            returned,
        )
        return plan
    # Fewer are allowed, and what comes after the fifth element was always ignored.
    given = zip(_REPLACED, arguments, strict=False)
    plan = replace(plan, **{name: value for name, value in given if value is not None})
    if expansion:
        trajectory.f_expand(expansion)
    return plan


class MappedArguments:
    """Hands out the arguments of one run after the other, for ``run_map`` and ``pipeline_map``.

    Every argument is an iterable from which each run that is executed takes one value; runs that
    are skipped take none. Iterators live as long as the argument they came from, so that runs
    added by post-processing go on where the first ones stopped, unless it returned new arguments.
    """

    def __init__(self) -> None:
        self._args: Sequence[Any] | None = None
        self._kwargs: Mapping[str, Any] | None = None
        self._iterators: list[Iterator[Any]] = []
        self._keyword_iterators: dict[str, Iterator[Any]] = {}

    def follow(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Take values from these from now on; the same objects as before simply go on.

        Raises
        ------
        PypetValueError
            If there is no argument at all.
        PypetTypeError
            If one of them is no iterable.
        """
        if not args and not kwargs:
            raise PypetValueError(
                "Mapped runs take their arguments from iterables, but none was passed. Pass at "
                "least one, or use run() and pipeline(), which call every run alike."
            )
        if args is not self._args:
            iterators = [_iterator(f"argument {i}", arg) for i, arg in enumerate(args)]
            self._args, self._iterators = args, iterators
        if kwargs is not self._kwargs:
            self._keyword_iterators = {
                name: _iterator(f"argument {name!r}", arg) for name, arg in kwargs.items()
            }
            self._kwargs = kwargs

    def take(self, idx: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments for run `idx`.

        Raises
        ------
        TooFewArgumentsError
            If an iterable is exhausted; also a ``RuntimeError``.
        """
        args = tuple(
            self._next(iterator, f"argument {position}", idx)
            for position, iterator in enumerate(self._iterators)
        )
        kwargs = {
            name: self._next(iterator, f"argument {name!r}", idx)
            for name, iterator in self._keyword_iterators.items()
        }
        return args, kwargs

    @staticmethod
    def _next(iterator: Iterator[Any], name: str, idx: int) -> Any:
        for value in iterator:
            return value
        raise TooFewArgumentsError(
            f"Mapped runs need one value per run from each argument, but {name} has none left "
            f"for run {idx}. Pass iterables at least as long as there are runs to execute."
        )


def _iterator(name: str, argument: Any) -> Iterator[Any]:
    try:
        return iter(argument)
    except TypeError as error:
        raise PypetTypeError(
            f"Mapped runs take one value per run from each argument, but {name} is "
            f"{shown(argument)}, which is no iterable. Use run() for values that stay the same."
        ) from error
