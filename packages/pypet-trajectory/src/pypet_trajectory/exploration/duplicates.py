"""Which points are new: found by hashing, so that the effort grows with the number of points.

Points are equal if each of their values has the same type and the same content. Values without a
canonical form, such as objects of custom classes, can only be compared one with another; then
the effort grows with the product of the numbers of points, which is logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import UnsupportedDataError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.values.identity import point_hashes

if TYPE_CHECKING:
    from pypet_trajectory.leaves.base import BaseParameter

_logger = module_logger(__name__)


def new_positions(
    parameters: Mapping[str, BaseParameter],
    known: Mapping[str, Sequence[Any]],
    candidates: Mapping[str, Sequence[Any]],
    *,
    distinct: bool,
) -> list[int]:
    """Positions of candidates that are not among the known points, ascending.

    Parameters
    ----------
    parameters : mapping
        Names to parameters, which know how to compare values of their own.
    known, candidates : mapping
        The same names to values, one for each point.
    distinct : bool
        Whether of several equal candidates only the first is new.
    """
    try:
        seen: set[str] = set(point_hashes(known))
        hashes = point_hashes(candidates)
    except UnsupportedDataError as error:
        _logger.info("Comparing points one with another, which may take long: %s", error)
        return _compared(parameters, known, candidates, distinct)
    positions = []
    for position, point in enumerate(hashes):
        if point not in seen:
            positions.append(position)
            if distinct:
                seen.add(point)
    return positions


def _compared(
    parameters: Mapping[str, BaseParameter],
    known: Mapping[str, Sequence[Any]],
    candidates: Mapping[str, Sequence[Any]],
    distinct: bool,
) -> list[int]:
    names = list(parameters)
    seen = list(zip(*(known[name] for name in names), strict=True))
    positions = []
    for position, point in enumerate(zip(*(candidates[name] for name in names), strict=True)):
        if not any(_equal(parameters, names, point, other) for other in seen):
            positions.append(position)
            if distinct:
                seen.append(point)
    return positions


def _equal(
    parameters: Mapping[str, BaseParameter],
    names: Sequence[str],
    one: Sequence[Any],
    two: Sequence[Any],
) -> bool:
    return all(
        parameters[name]._equal_values(a, b) for name, a, b in zip(names, one, two, strict=True)
    )
