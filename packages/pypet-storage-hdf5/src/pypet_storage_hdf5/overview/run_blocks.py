"""Blocks of rows of the run table, to and from columns, without an object per run.

A row has 700 bytes and mostly says that the run did not start yet. Invariant: what is compared
and copied here are whole blocks of bytes, and columns come into being only once a row says
something else than a fresh one. So a million runs cost tenths of a second, not minutes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet_trajectory.constants import FORMAT_ZEROS, FORMATTED_RUN_NAME, RUN_NAME
from pypet_trajectory.runs.table import FRESH, NUMERIC_FIELDS, RunTable


def run_names(start: int, stop: int) -> NDArray[np.bytes_]:
    """Names of runs by pypet's standard rule, as bytes; shape ``(stop - start,)``."""
    prefix = RUN_NAME.encode()
    if stop > 10**FORMAT_ZEROS:
        return np.array([(FORMATTED_RUN_NAME % idx).encode() for idx in range(start, stop)])
    width = len(prefix) + FORMAT_ZEROS
    letters = np.empty((stop - start, width), np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    rest = np.arange(start, stop, dtype=np.uint32)
    digits = _four_digits()
    for position in range(width - 4, len(prefix) - 1, -4):  # FORMAT_ZEROS is a multiple of 4
        higher = rest // 10_000  # with its product half the time of divmod
        letters[:, position : position + 4] = digits[rest - higher * 10_000]
        rest = higher
    return letters.view(f"S{width}")[:, 0]


@functools.cache
def _four_digits() -> NDArray[np.uint8]:
    """The numbers below 10,000 as four letters each."""
    digits = np.arange(10_000)[:, np.newaxis] // (1000, 100, 10, 1) % 10
    return (digits + ord("0")).astype(np.uint8)


def rows_from(
    names: Callable[[int, int], Any],
    columns: Mapping[str, NDArray[Any]],
    start: int,
    stop: int,
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Rows `start` to `stop` of a run table as stored; `names` gives those of a range of runs."""
    rows = np.zeros(stop - start, dtype)
    rows["idx"] = np.arange(start, stop)
    rows["name"] = names(start, stop)
    for name, column in columns.items():
        if name in NUMERIC_FIELDS:
            rows[name] = column[start:stop]
        elif column.strides == (0,):  # one text for all
            rows[name] = bytes_for(str(column[0]), dtype[name])
        else:
            rows[name] = [bytes_for(str(text), dtype[name]) for text in column[start:stop]]
    return rows


def bytes_for(text: str, dtype: np.dtype[Any]) -> bytes:
    """UTF-8 of a text, cut between two characters to the width of a column."""
    return text.encode("utf-8", "replace")[: dtype.itemsize].decode("utf-8", "ignore").encode()


class ColumnCollector:
    """Collects blocks of stored rows, in order, into a `RunTable`.

    Parameters
    ----------
    length : int
        Number of runs.
    dtype : numpy.dtype
        Type of a stored row; fields that are missing stay fresh.
    """

    def __init__(self, length: int, dtype: np.dtype[Any]) -> None:
        self._length = length
        fields = [name for name in FRESH if name in (dtype.names or ())]
        self._fresh = {name: _fresh_bytes(name, dtype[name]) for name in fields}
        #: Values of each column by the start of their block, only where not fresh.
        self._blocks: dict[str, dict[int, NDArray[Any]]] = {name: {} for name in fields}
        self._names: list[NDArray[np.bytes_]] = []
        self._names_differ = False
        self._has_names = "name" in (dtype.names or ())
        #: Rows of runs that did not start, for comparison; ``None`` if rows have other fields.
        self._fresh_rows: NDArray[Any] | None = None
        if set(dtype.names or ()) == {"idx", "name", *fields}:
            self._fresh_rows = np.zeros(0, dtype)

    def add(self, start: int, rows: NDArray[Any]) -> None:
        """Take the rows from index `start` on; `rows` may be reused afterwards."""
        if self._are_fresh(start, rows):
            return
        if self._has_names:
            self._add_names(start, rows["name"])
        for name, blocks in self._blocks.items():
            column = _as_bytes(rows[name])
            if not (column == self._fresh[name]).all():
                blocks[start] = _trimmed(rows[name], column)

    def table(self) -> RunTable:
        """The run table of all rows."""
        names = None
        if self._names_differ:
            names = [
                name.decode("utf-8", errors="replace")
                for block in self._names
                for name in block.tolist()
            ]
        table = RunTable(self._length, names)
        for name, blocks in self._blocks.items():
            if blocks:
                table.set_column(name, self._joined(name, blocks))
        return table

    def _are_fresh(self, start: int, rows: NDArray[Any]) -> bool:
        """Whether these runs have standard names and did not start."""
        if self._fresh_rows is None or self._names_differ:
            return False
        length = len(rows)
        if len(self._fresh_rows) < length:
            self._fresh_rows = np.zeros(length, rows.dtype)
            for name, fresh in self._fresh.items():
                self._fresh_rows[name] = fresh.view(rows.dtype[name])[0]
        expected = self._fresh_rows[:length]
        expected["idx"] = np.arange(start, start + length)
        expected["name"] = run_names(start, start + length)
        return _same_bytes(rows, expected)

    def _add_names(self, start: int, stored: NDArray[np.bytes_]) -> None:
        standard = _as_bytes(run_names(start, start + len(stored)))
        found = _as_bytes(stored)
        width = standard.shape[1]
        if not self._names_differ and (
            (found[:, :width] != standard).any() or found[:, width:].any()
        ):
            self._names_differ = True
            if start:
                self._names.append(run_names(0, start))
        if self._names_differ:
            self._names.append(stored.copy())

    def _joined(self, name: str, blocks: Mapping[int, NDArray[Any]]) -> NDArray[Any]:
        kept = NUMERIC_FIELDS.get(name)
        if kept is None:
            fresh: Any = str(FRESH[name]).encode()
            width = max(block.dtype.itemsize for block in blocks.values())
            kept = np.dtype(f"S{max(width, len(fresh))}")
        else:
            fresh = FRESH[name]
        column = np.full(self._length, fresh, kept)
        for start, block in blocks.items():
            column[start : start + len(block)] = block
        return column


def _same_bytes(rows: NDArray[Any], others: NDArray[Any]) -> bool:
    """Whether two arrays of the same type hold the same, eight bytes at a time where possible."""
    found, wanted = rows.view(np.uint8), others.view(np.uint8)
    if rows.nbytes % 8 == 0:
        found, wanted = found.view(np.uint64), wanted.view(np.uint64)
    return bool((found == wanted).all())


def _as_bytes(column: NDArray[Any]) -> NDArray[np.uint8]:
    """A column as one line of bytes per row, shape ``(rows, itemsize)``."""
    column = np.ascontiguousarray(column)
    return column.view(np.uint8).reshape(len(column), column.dtype.itemsize)


def _fresh_bytes(name: str, dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """What a fresh row has in this field; a text that is cut is something else."""
    value = FRESH[name]
    if isinstance(value, str):
        encoded = value.encode()
        if len(encoded) > dtype.itemsize:
            return np.full(dtype.itemsize, 255, np.uint8)
        return np.frombuffer(encoded.ljust(dtype.itemsize, b"\0"), np.uint8)
    return np.array([value]).astype(dtype).view(np.uint8)


def _trimmed(column: NDArray[Any], as_bytes: NDArray[np.uint8]) -> NDArray[Any]:
    """A copy of the column, texts without the NUL bytes that no row needs."""
    if column.dtype.kind != "S":
        return column.copy()
    used = np.flatnonzero(as_bytes.any(axis=0))
    width = int(used[-1]) + 1 if used.size else 1
    return column.astype(f"S{width}")
