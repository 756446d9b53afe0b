"""Combining lists of values, and finding the points that occur more than once.

These are the functions of pypet 0.7; :mod:`pypet_trajectory.exploration.algebra` does the same
lazily and composably.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pypet_trajectory.exceptions import PypetKeyError, UnsupportedDataError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.values.identity import point_hashes

_logger = module_logger(__name__)


def cartesian_product(
    parameter_dict: Mapping[str, Iterable[Any]],
    combined_parameters: Sequence[str | tuple[str, ...]] = (),
) -> dict[str, list[Any]]:
    """Return all combinations of parameter values.

    Parameters
    ----------
    parameter_dict
        Parameter names to values.
    combined_parameters
        Names, the first of which varies slowest, and tuples of names that vary together like in
        `zip`; by default all names in their order. Names left out get an empty list.

    Returns
    -------
    dict
        Parameter names to values, one for each combination.

    Raises
    ------
    KeyError
        If a combined name is not in `parameter_dict`.

    Examples
    --------
    >>> cartesian_product({'a': [1, 2], 'b': [3, 4]})
    {'a': [1, 1, 2, 2], 'b': [3, 4, 3, 4]}
    >>> cartesian_product({'a': [1, 2], 'b': [3, 4], 'c': 'xy'}, ('c', ('a', 'b')))
    {'a': [1, 2, 1, 2], 'b': [3, 4, 3, 4], 'c': ['x', 'x', 'y', 'y']}
    """
    groups = [
        (names,) if isinstance(names, str) else tuple(names)
        for names in (combined_parameters or list(parameter_dict))
    ]
    unknown = [name for names in groups for name in names if name not in parameter_dict]
    if unknown:
        raise PypetKeyError(
            f"Only parameters with values can be combined, and {', '.join(map(repr, unknown))} "
            f"has none; known are {', '.join(map(repr, parameter_dict))}."
        )
    product: dict[str, list[Any]] = {name: [] for name in parameter_dict}
    if not groups:
        return product
    zipped = [zip(*(parameter_dict[name] for name in names), strict=False) for names in groups]
    for names, column in zip(groups, zip(*itertools.product(*zipped), strict=True), strict=False):
        for name, values in zip(names, zip(*column, strict=True), strict=True):
            product[name] = list(values)
    return product


def find_unique_points(
    explored_parameters: Sequence[Any],
) -> list[tuple[tuple[Any, ...], list[int]]]:
    """Find the distinct points of an exploration.

    Parameters
    ----------
    explored_parameters
        Parameters with ranges of one length.

    Returns
    -------
    list
        Pairs of a point (a tuple of values in the order of the parameters) and the run indices at
        which it is visited, in order of first visit.

    Raises
    ------
    TypeError
        If a parameter has no range.
    """
    parameters = list(explored_parameters)
    ranges = {str(number): param.f_get_range(copy=False) for number, param in enumerate(parameters)}
    if not ranges:
        return []
    try:
        keys: list[Any] = point_hashes(ranges)
    except UnsupportedDataError:
        keys = _keys_by_comparison(parameters, list(zip(*ranges.values(), strict=True)))
    runs: dict[Any, list[int]] = {}
    for idx, key in enumerate(keys):
        runs.setdefault(key, []).append(idx)
    columns = list(ranges.values())
    return [(tuple(column[found[0]] for column in columns), found) for found in runs.values()]


def _keys_by_comparison(parameters: Sequence[Any], points: Sequence[tuple[Any, ...]]) -> list[int]:
    """Number points by comparing each with all distinct ones before it."""
    _logger.warning(
        "Some explored values of %s have no canonical form; finding unique points compares all "
        "pairs, which takes long for many runs.",
        ", ".join(f"`{param.v_full_name}`" for param in parameters),
    )
    distinct: list[tuple[Any, ...]] = []

    def number_of(point: tuple[Any, ...]) -> int:
        for number, known in enumerate(distinct):
            if all(
                param._equal_values(mine, theirs)
                for param, mine, theirs in zip(parameters, point, known, strict=True)
            ):
                return number
        distinct.append(point)
        return len(distinct) - 1

    return [number_of(point) for point in points]
