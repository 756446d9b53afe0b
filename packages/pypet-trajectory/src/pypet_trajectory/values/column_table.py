"""`ColumnTable`: the table a leaf hands to storage, columns of equal length, without pandas.

Invariant: a column is what was passed in. A leaf passes a `CompactRange` where it can; its
``array`` is what to write, its ``kind`` the exact type the values must have again when they are
read (an ``int64`` array may stand for Python ints). `column_values` gives those values.

Unlike the pandas ``ObjectTable`` of pypet 0.7 a table is immutable and compares as a whole. Custom
leaf classes that expect a data frame are served, too: what a `ColumnTable` does not know is looked
up on the pandas table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pypet_trajectory.exceptions import (
    MissingPackageError,
    PypetAttributeError,
    PypetKeyError,
    PypetValueError,
)
from pypet_trajectory.values.ranges import CompactRange

if TYPE_CHECKING:
    from pypet_trajectory.values.object_table import ObjectTable

Column: TypeAlias = Sequence[Any] | np.ndarray[Any, Any]


def column_values(column: Column) -> list[Any]:
    """Return the values of a column with their exact types.

    The elements of a plain array are numpy scalars, those of a `CompactRange` what it stands for.
    """
    return list(column)


def column_kind(column: Column) -> type | None:
    """Return the exact type that all values of a column have; None if they differ."""
    if isinstance(column, CompactRange):
        return column.kind
    if isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype.kind != "O":
        scalar_type: type = column.dtype.type
        return scalar_type
    kinds = set(map(type, column))
    return kinds.pop() if len(kinds) == 1 else None


class ColumnTable:
    """Named columns of equal length.

    Parameters
    ----------
    columns
        Column names to values: any sequence or array with one entry per row.

    Raises
    ------
    ValueError
        If the columns differ in length.

    Examples
    --------
    >>> table = ColumnTable({'idx': [0, 1], 'name': ['a', 'b']})
    >>> len(table), list(table), table['name']
    (2, ['idx', 'name'], ['a', 'b'])
    >>> table.row(1)
    {'idx': 1, 'name': 'b'}
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = dict(columns)
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise PypetValueError(
                f"The columns of a table need one length, these differ: {lengths}."
            )

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self._columns)

    def __len__(self) -> int:
        return next((len(column) for column in self._columns.values()), 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise PypetKeyError(
                f"The table has no column `{name}`; its columns: {', '.join(self._columns)}."
            ) from None

    def items(self) -> Iterator[tuple[str, Column]]:
        """Iterate over names and columns."""
        return iter(self._columns.items())

    def row(self, index: int) -> dict[str, Any]:
        """Return one row, column name to value."""
        return {name: column[index] for name, column in self._columns.items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ColumnTable):
            return NotImplemented
        # Imported late: comparing is rare, and comparisons know about tables, too.
        from pypet_trajectory.values.comparisons import nested_equal

        return (
            self.columns == other.columns
            and len(self) == len(other)
            and all(
                bool(nested_equal(mine, theirs))
                for name in self._columns
                for mine, theirs in zip(self[name], other[name], strict=True)
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<ColumnTable {len(self)} rows: {', '.join(self._columns)}>"

    def to_pandas(self) -> ObjectTable:
        """Return the table as a data frame of objects, exact types kept.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pypet_trajectory.values.object_table import ObjectTable

        frame = ObjectTable(index=range(len(self)), columns=self.columns)
        for name, column in self._columns.items():
            cells = np.empty(len(column), dtype=object)
            for row, value in enumerate(column):
                cells[row] = value
            frame[name] = cells
        return frame

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise PypetAttributeError(f"ColumnTable has no attribute `{name}`.")
        try:
            return getattr(self.to_pandas(), name)
        except MissingPackageError as exc:
            raise PypetAttributeError(f"ColumnTable has no attribute `{name}`. {exc}") from exc

    def __reduce__(self) -> tuple[Any, ...]:
        return ColumnTable, (self._columns,)
