"""Storing each distinct value of a range once, and the running number of each run's value.

Arrays, matrices and pickles are big, and explorations often repeat few of them. Classes of
parameters differ in what they write for one value, in the names they give it, and in what makes
two values the same; the rest is here. Unlike a `Parameter`, whose range is one table, this takes
values of any shape.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.leaves.parameter import DATA, EXPLORED_DATA
from pypet_trajectory.values.column_table import ColumnTable, column_values
from pypet_trajectory.values.ranges import CompactRange

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


@dataclass(frozen=True)
class DistinctForm:
    """The form in which one class of parameters stores its values."""

    #: Ending of the names of the default value and of the table of numbers.
    ending: str
    #: Name of the distinct value of a running number.
    item_name: Callable[[int], str]
    #: What makes two values the same.
    key: Callable[[Any], Hashable]

    @property
    def data(self) -> str:
        """Name of the default value."""
        return DATA + self.ending

    @property
    def explored(self) -> str:
        """Name of the table of running numbers."""
        return EXPLORED_DATA + self.ending

    def is_in(self, stored: Mapping[str, Any]) -> bool:
        """Whether something was stored in this form."""
        return self.data in stored or self.explored in stored

    def store(
        self, default: Any, explored: Sequence[Any], write: Callable[[Any], Any]
    ) -> dict[str, Any]:
        """Return the default value, the distinct explored ones and their numbers.

        Parameters
        ----------
        default
            The default value; None if there is none.
        explored
            The values of the range, kept alive by the caller, so that an id stands for one object.
        write
            Makes of a value what a storage takes.
        """
        stored: dict[str, Any] = {}
        if default is not None:
            stored[self.data] = write(default)
        if explored:
            values, numbers = distinct_values(explored, self.key)
            stored.update((self.item_name(n), write(value)) for n, value in enumerate(values))
            stored[self.explored] = numbers
        return stored

    def load(
        self, full_name: str, stored: Mapping[str, Any], read: Callable[[Any], Any]
    ) -> tuple[Any, CompactRange | None]:
        """Return the default value and the range, None for what was not stored.

        Parameters
        ----------
        full_name
            Of the parameter, for errors.
        stored
            What `store` returned, or a part of it.
        read
            The inverse of `write`; called once for each distinct value.

        Raises
        ------
        DataNotInStorageError
            If there are running numbers without their values.
        """
        default = read(stored[self.data]) if self.data in stored else None
        if self.explored not in stored:
            return default, None
        numbers = [int(number) for number in column_values(stored[self.explored][INDEX])]
        missing = {self.item_name(n) for n in numbers}.difference(stored)
        if missing:
            raise DataNotInStorageError(
                f"The range of parameter `{full_name}` cannot be loaded without its values: "
                f"`{min(missing)}` is missing, one of {len(missing)}."
            )
        values = {n: read(stored[self.item_name(n)]) for n in dict.fromkeys(numbers)}
        return default, CompactRange.from_objects(values[n] for n in numbers)
