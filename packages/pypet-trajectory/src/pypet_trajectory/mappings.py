"""Small collections: nested dictionaries, chained mappings and iterators, everything.

Unlike `collections.ChainMap` and `itertools.chain`, the classes here may be added to while they
are in use, or are deliberately so plain that no parameter supports them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pypet_trajectory.exceptions import PypetKeyError


def flatten_dictionary(nested_dict: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Join the keys of nested dictionaries.

    Examples
    --------
    >>> flatten_dictionary({'a': {'b': 1, 'c': {'d': 2}}}, '.')
    {'a.b': 1, 'a.c.d': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in nested_dict.items():
        if isinstance(value, dict):
            for subkey, subvalue in flatten_dictionary(value, separator).items():
                flat[f"{key}{separator}{subkey}"] = subvalue
        else:
            flat[key] = value
    return flat


def nest_dictionary(flat_dict: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Split keys into nested dictionaries, the inverse of `flatten_dictionary`.

    Raises
    ------
    KeyError
        If a name would have to be a value and a dictionary at the same time.

    Examples
    --------
    >>> nest_dictionary({'a.b': 1, 'a.c.d': 2}, '.')
    {'a': {'b': 1, 'c': {'d': 2}}}
    """
    nested: dict[str, Any] = {}
    for key, value in flat_dict.items():
        *parents, last = key.split(separator)
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise PypetKeyError(f"`{key}` cannot be nested: `{parent}` already has a value.")
        if last in level:
            raise PypetKeyError(f"`{key}` cannot be nested: `{last}` already has items below it.")
        level[last] = value
    return nested


class IteratorChain:
    """An iterator over several iterables that may grow while it is in use.

    Examples
    --------
    >>> chain = IteratorChain([1], [2])
    >>> next(chain)
    1
    >>> chain.add([3])
    >>> list(chain)
    [2, 3]
    """

    def __init__(self, *iterables: Iterable[Any]) -> None:
        self._pending: list[Iterable[Any]] = list(iterables)
        self._current: Iterator[Any] = iter(())

    def __iter__(self) -> IteratorChain:
        return self

    def __next__(self) -> Any:
        while True:
            for item in self._current:
                return item
            if not self._pending:
                raise StopIteration
            self._current = iter(self._pending.pop(0))

    def next(self) -> Any:
        """Return the next item."""
        return next(self)

    def add(self, *iterables: Iterable[Any]) -> None:
        """Append further iterables."""
        self._pending.extend(iterables)


class ChainMap:
    """Several mappings read as one: the first that knows a key answers.

    ``len`` is the sum of the lengths, and iterating repeats keys that several maps have.
    """

    def __init__(self, *maps: Mapping[Any, Any]) -> None:
        self._maps = maps

    def __getitem__(self, key: Any) -> Any:
        for mapping in self._maps:
            if key in mapping:
                return mapping[key]
        raise PypetKeyError(f"`{key}` is in none of the {len(self._maps)} chained mappings.")

    def __contains__(self, key: object) -> bool:
        return any(key in mapping for mapping in self._maps)

    def __len__(self) -> int:
        return sum(map(len, self._maps))

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._maps)


class Universe:
    """The set that contains everything."""

    def __contains__(self, item: object) -> bool:
        return True


class HashArray:
    """A numpy array as a dictionary key: equal if type, shape, dtype and bytes are equal.

    The array is not copied; it must not change while it serves as a key.
    """

    __slots__ = ("_bytes", "_hash", "_ndarray")

    def __init__(self, ndarray: np.ndarray[Any, Any]) -> None:
        self._ndarray = ndarray
        self._bytes = ndarray.tobytes()
        self._hash = hash((type(ndarray), ndarray.dtype, ndarray.shape, self._bytes))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HashArray):
            return NotImplemented
        mine, theirs = self._ndarray, other._ndarray
        return (
            type(mine) is type(theirs)
            and mine.dtype == theirs.dtype
            and mine.shape == theirs.shape
            and self._bytes == other._bytes
        )


class TrajectoryMock:
    """The few facts about a trajectory that log file names are made of.

    Picklable and small, where the trajectory itself may be large.
    """

    def __init__(self, traj: Any) -> None:
        self.v_environment_name = traj.v_environment_name
        self.v_name = traj.v_name
        self.v_crun = traj.v_crun
        self.v_crun_ = traj.v_crun_
        self.v_idx = traj.v_idx
