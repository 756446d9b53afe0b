"""The run table: one row per run, kept as columns.

Invariant: a column exists only once a caller wrote to it, so a fresh table of a million runs
costs as much as a table of one. Names are not kept at all unless they differ from what the
trajectory's ``$`` function computes. Unlike the nested dictionary that users see
(:mod:`pypet_trajectory.runs.information`), nothing here is an object per run.

Copies are cheap as well: a copy shares the columns, and both sides keep later changes of single
rows beside them until there are so many that owning the columns is cheaper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_trajectory.exceptions import PypetIndexError, PypetKeyError, PypetValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pypet_trajectory.api.records import RunFailure

#: Values of a row whose run has not started; the texts are what pypet 0.7 writes to its files.
FRESH: Mapping[str, Any] = MappingProxyType(
    {
        "timestamp": 42.0,
        "finish_timestamp": 1.337,
        "runtime": "forever and ever",
        "time": ">>Maybe time`s gone on strike",
        "completed": 0,
        "parameter_summary": "Not yet my friend!",
        "short_environment_hexsha": "N/A",
    }
)

#: Columns of numbers with their types; all other columns hold text.
NUMERIC_FIELDS: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "timestamp": np.dtype(np.float64),
        "finish_timestamp": np.dtype(np.float64),
        "completed": np.dtype(np.int8),
    }
)

#: A table that shares its columns keeps at most this many changed rows beside them.
_MAX_OVERRIDES = 256


def format_time(timestamp: float) -> str:
    """Local time as pypet writes it, ``%Y_%m_%d_%Hh%Mm%Ss``."""
    return time.strftime("%Y_%m_%d_%Hh%Mm%Ss", time.localtime(timestamp))


def format_runtime(seconds: float) -> str:
    """Duration as pypet writes it, for instance ``0:00:03.141593``."""
    return str(timedelta(seconds=seconds))


class RunTable:
    """What is known about each run.

    Parameters
    ----------
    length : int
        Number of runs, at least 0.
    names : sequence of str, optional
        Names of the runs if they differ from those the ``$`` wildcard function gives.
    """

    __slots__ = (
        "_columns",
        "_length",
        "_overrides",
        "_shared",
        "changed",
        "failures",
        "known",
        "names",
    )

    def __init__(self, length: int = 1, names: Sequence[str] | None = None) -> None:
        self._length = length
        self._columns: dict[str, NDArray[Any]] = {}
        self._overrides: dict[int, dict[str, Any]] = {}
        self._shared = False
        #: Explicit names of the runs, or ``None`` if they follow from the ``$`` function.
        self.names: list[str] | None = None if names is None else list(names)
        #: Indices of rows changed since :meth:`mark_stored`.
        self.changed: set[int] = set()
        #: Why runs did not complete, by index.
        self.failures: dict[int, RunFailure] = {}
        #: Indices whose rows are known; ``None`` means all. A trajectory loaded without run
        #: information, or shipped without full copy, knows its length but not all rows.
        self.known: frozenset[int] | None = None

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"<RunTable of {self._length} runs, columns written: {sorted(self._columns)}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    # ---------------------------------------------------------------- length

    def extend(self, count: int) -> None:
        """Append `count` fresh rows."""
        if count < 0:
            raise PypetValueError(f"A run table cannot be extended by {count} rows.")
        for name in list(self._columns):
            column = self._stored_column(name)
            self._columns[name] = np.concatenate([column, _fresh_column(name, count)])
        self._overrides = {
            idx: {name: value for name, value in fields.items() if name not in self._columns}
            for idx, fields in self._overrides.items()
        }
        self._length += count
        if self.known is not None:
            self.known |= frozenset(range(self._length - count, self._length))

    def append_rows(self, other: RunTable, indices: Sequence[int]) -> None:
        """Append what `other` knows about some of its runs, and mark it changed.

        Explicit names are not taken over; the caller knows how the new runs are called.
        """
        first = self._length
        rows = {name: other._stored_column(name) for name in FRESH if other._has(name)}
        picked = {name: column[np.asarray(indices, dtype=np.intp)] for name, column in rows.items()}
        self.extend(len(indices))
        for name, values in picked.items():
            self._own_columns()
            if name not in NUMERIC_FIELDS:
                values = np.array([*map(_decoded, values), None], dtype=object)[:-1]
            self._writable(name)[first:] = values
        self.changed.update(range(first, self._length))
        for position, idx in enumerate(indices):
            if idx in other.failures:
                self.failures[first + position] = other.failures[idx]

    def reset(self, length: int) -> None:
        """Forget everything and hold `length` fresh rows."""
        self.__init__(length)  # type: ignore[misc]

    # --------------------------------------------------------------- reading

    def column(self, name: str) -> NDArray[Any]:
        """One field of all runs; do not write into it.

        Returns
        -------
        ndarray
            Shape ``(len(table),)``; float64 for time stamps (seconds since the epoch), int8 for
            ``completed``, objects of type ``str`` for texts.

        Raises
        ------
        KeyError
            If the table has no such field.
        """
        _check_fields((name,))
        if name in NUMERIC_FIELDS:
            if not self._has(name):
                return np.broadcast_to(_fresh_column(name, 1), (self._length,))
            return self._stored_column(name)
        if not self._has(name) and (name not in _DERIVED or not self._has("timestamp")):
            return np.broadcast_to(np.array(FRESH[name], dtype=object), (self._length,))
        texts = np.empty(self._length, dtype=object)
        texts[:] = [
            _text(name, value, start, finish)
            for value, start, finish in zip(
                self._stored_column(name).tolist(),
                self.column("timestamp").tolist(),
                self.column("finish_timestamp").tolist(),
                strict=True,
            )
        ]
        return texts

    def row(self, idx: int) -> dict[str, Any]:
        """All fields of one run plus ``'idx'``, as Python numbers and strings.

        Raises
        ------
        IndexError
            If there is no such run.
        """
        row: dict[str, Any] = {"idx": self._checked(idx), **self.time_stamps(idx)}
        start, finish = row["timestamp"], row["finish_timestamp"]
        for name in FRESH:
            if name == "completed":
                row[name] = int(self._value(name, idx))
            elif name not in NUMERIC_FIELDS:
                row[name] = _text(name, self._value(name, idx), start, finish)
        return row

    def time_stamps(self, idx: int) -> dict[str, float]:
        """When one run began and ended, in seconds since the epoch, as fields of its row.

        Raises
        ------
        IndexError
            If there is no such run.
        """
        idx = self._checked(idx)
        names = ("timestamp", "finish_timestamp")
        return {name: float(self._value(name, idx)) for name in names}

    def is_completed(self, idx: int) -> bool:
        """Whether the run has finished."""
        return bool(self._value("completed", self._checked(idx)))

    def open_indices(self) -> NDArray[np.int64]:
        """Indices of runs that have not completed, ascending, shape ``(n_open,)``."""
        return np.flatnonzero(self.column("completed") == 0)

    def any_completed(self) -> bool:
        """Whether at least one run has finished."""
        return self._has("completed") and bool(self._stored_column("completed").any())

    # --------------------------------------------------------------- writing

    def set(self, idx: int, **fields: Any) -> None:
        """Change fields of one row and mark it changed.

        Raises
        ------
        IndexError
            If there is no such run.
        KeyError
            If the table has no such field.
        """
        idx = self._checked(idx)
        _check_fields(fields)
        fields = self._without_what_follows(idx, fields)
        self.changed.add(idx)
        if self.known is not None:
            self.known |= {idx}
        if self._shared:
            self._overrides.setdefault(idx, {}).update(fields)
            if len(self._overrides) > _MAX_OVERRIDES:
                self._own_columns()
            return
        for name, value in fields.items():
            if value is not None or name in self._columns:
                self._writable(name)[idx] = value

    def set_column(self, name: str, values: Iterable[Any]) -> None:
        """Replace one field of all rows, as a loader does; marks nothing changed.

        Texts may come as an array of fixed-width bytes (UTF-8); they are decoded when read.

        Raises
        ------
        ValueError
            If the number of values is not the number of runs.
        """
        _check_fields((name,))
        if name in NUMERIC_FIELDS:
            column = np.array(values, dtype=NUMERIC_FIELDS[name])
        elif isinstance(values, np.ndarray) and values.dtype.kind == "S":
            column = values.copy()
        else:
            column = np.array([*values, None], dtype=object)[:-1]
        if column.shape != (self._length,):
            raise PypetValueError(
                f"The run table has {self._length} rows, but column {name!r} was given "
                f"{column.shape[0]} values."
            )
        self._columns[name] = column
        for fields in self._overrides.values():
            fields.pop(name, None)

    def mark_stored(self) -> None:
        """Say that the store now knows every row as it is here."""
        self.changed.clear()

    def copy(self) -> RunTable:
        """An independent table; costs the same for any number of runs."""
        twin = RunTable(self._length)
        twin._columns = dict(self._columns)
        twin._overrides = {idx: dict(fields) for idx, fields in self._overrides.items()}
        twin._shared = self._shared = bool(self._columns) or self._shared
        twin.names = self.names
        twin.changed = set(self.changed)
        twin.failures = dict(self.failures)
        twin.known = self.known
        return twin

    def only_row(self, idx: int) -> RunTable:
        """A table of equal length that knows nothing but row `idx`."""
        table = RunTable(self._length)
        fields = {name: self._value(name, idx) for name in FRESH if self._has(name)}
        if fields:
            table._overrides = {idx: fields}
        table._shared = True
        table.names = self.names
        table.changed = self.changed & {idx}
        table.failures = {idx: self.failures[idx]} if idx in self.failures else {}
        table.known = frozenset((idx,))
        return table

    # -------------------------------------------------------------- internal

    def _checked(self, idx: int) -> int:
        if not 0 <= idx < self._length:
            raise PypetIndexError(f"There is no run {idx}; the run table has {self._length} rows.")
        return int(idx)

    def _has(self, name: str) -> bool:
        """Whether this field of any row was written."""
        return name in self._columns or any(name in fields for fields in self._overrides.values())

    def _value(self, name: str, idx: int) -> Any:
        """What is stored, ``None`` for a text that was not written."""
        fields = self._overrides.get(idx)
        if fields is not None and name in fields:
            return fields[name]
        column = self._columns.get(name)
        if column is None:
            return FRESH[name] if name in NUMERIC_FIELDS else None
        return column[idx]

    def _stored_column(self, name: str) -> NDArray[Any]:
        """The column with the changes beside it applied; may be the column itself."""
        column = self._columns.get(name)
        if column is None:
            column = _fresh_column(name, self._length)
        changes = [(idx, fields[name]) for idx, fields in self._overrides.items() if name in fields]
        if not changes:
            return column
        column = column.astype(NUMERIC_FIELDS.get(name, np.dtype(object)))
        for idx, value in changes:
            column[idx] = value
        return column

    def _own_columns(self) -> None:
        for name in filter(self._has, FRESH):
            column = self._stored_column(name)
            self._columns[name] = column.copy() if column is self._columns.get(name) else column
        self._overrides = {}
        self._shared = False

    def _writable(self, name: str) -> NDArray[Any]:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = _fresh_column(name, self._length)
        elif column.dtype.kind == "S":
            column = self._columns[name] = column.astype(object)
        return column

    def _without_what_follows(self, idx: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Texts that the time stamps give anyway become ``None``: two strings less per run."""
        start = fields.get("timestamp", self._value("timestamp", idx))
        finish = fields.get("finish_timestamp", self._value("finish_timestamp", idx))
        return {
            name: None if name in _DERIVED and value == _text(name, None, start, finish) else value
            for name, value in fields.items()
        }


def _runtime(start: float, finish: float) -> str | None:
    if start == FRESH["timestamp"] or finish == FRESH["finish_timestamp"]:
        return None
    return format_runtime(float(finish) - float(start))


def _start_time(start: float, finish: float) -> str | None:
    return None if start == FRESH["timestamp"] else format_time(float(start))


#: Texts that follow from the time stamps where they were not written.
_DERIVED: Mapping[str, Callable[[float, float], str | None]] = {
    "time": _start_time,
    "runtime": _runtime,
}


def _text(name: str, value: Any, start: float, finish: float) -> str:
    value = _decoded(value)
    if value is None and name in _DERIVED:
        value = _DERIVED[name](start, finish)
    return str(FRESH[name]) if value is None else str(value)


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _fresh_column(name: str, length: int) -> NDArray[Any]:
    if name in NUMERIC_FIELDS:
        return np.full(length, FRESH[name], dtype=NUMERIC_FIELDS[name])
    return np.full(length, None, dtype=object)


def _check_fields(names: Iterable[str]) -> None:
    for name in names:
        if name not in FRESH:
            raise PypetKeyError(f"The run table has no field {name!r}, only {', '.join(FRESH)}.")
