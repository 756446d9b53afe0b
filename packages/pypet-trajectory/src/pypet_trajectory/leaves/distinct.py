"""Storing each distinct value of a range once, and the running number of each run's value."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final

from pypet_trajectory.leaves.column_table import ColumnTable, column_values
from pypet_trajectory.leaves.ranges import CompactRange

#: Column that holds the running numbers.
INDEX: Final = "idx"


def distinct_values(
    values: Iterable[Any], key: Callable[[Any], Hashable]
) -> tuple[list[Any], ColumnTable]:
    """Number distinct values in order of first appearance.

    Parameters
    ----------
    values
        The values of a range, one for each run.
    key
        What makes two values the same.

    Returns
    -------
    tuple
        The distinct values, and a table whose column ``idx`` gives the number of each run's.
    """
    numbers: dict[Hashable, int] = {}
    found: list[Any] = []
    column = []
    for value in values:
        number = numbers.setdefault(key(value), len(found))
        if number == len(found):
            found.append(value)
        column.append(number)
    return found, ColumnTable({INDEX: CompactRange(column)})


def expand_values(table: Any, load: Callable[[int], Any]) -> list[Any]:
    """Return the values of all runs, calling `load` with each running number once."""
    numbers = [int(number) for number in column_values(table[INDEX])]
    loaded = {number: load(number) for number in dict.fromkeys(numbers)}
    return [loaded[number] for number in numbers]
