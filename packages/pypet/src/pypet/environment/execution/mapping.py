"""Arguments that differ from run to run: ``run_map`` and ``pipeline_map``.

Every argument is an iterable from which each run that is executed takes one value; runs that
are skipped take none. Iterators live as long as the argument they came from, so that runs added
by post-processing go on where the first ones stopped, unless it returned new arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pypet.environment.arguments.misuse import shown
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError, PypetValueError


class TooFewArgumentsError(PypetValueError, PypetRuntimeError):
    """An iterable argument had no value left for a run; pypet 0.7 raised a RuntimeError."""


class MappedArguments:
    """Hands out the arguments of one run after the other."""

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
