"""``runs`` and ``run_failures``: the run table on disk.

Row number is run index. Invariant: ``runs`` keeps exactly the nine columns of pypet 0.7, which
appends plain tuples to it. So why a run failed has a table of its own, which exists only if a run
failed.

A fresh table of a million runs is written in blocks, without an object per run. Its rows are wide
and mostly empty: large tables are therefore compressed with lz4, which PyTables always has and
which is ten times as fast as zlib here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import tables

from pypet_storage_hdf5.h5.attributes import cut_text
from pypet_storage_hdf5.h5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.overview.run_blocks import ColumnCollector, rows_from, run_names
from pypet_storage_hdf5.overview.tables import (
    as_rows,
    create_table,
    exchange_table,
    light_filters,
    plain,
    table_exists,
)
from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.constants import (
    FORMATTED_RUN_NAME,
    HDF5_STRCOL_MAX_COMMENT_LENGTH,
    HDF5_STRCOL_MAX_NAME_LENGTH,
    HDF5_STRCOL_MAX_RUNTIME_LENGTH,
)
from pypet_trajectory.exceptions import DataNotInStorageError, PypetIndexError
from pypet_trajectory.runs.table import FRESH, RunTable

_DTYPE = np.dtype(
    [
        ("idx", "<i4"),
        ("name", f"S{HDF5_STRCOL_MAX_NAME_LENGTH}"),
        ("time", "S32"),  # pypet 0.7 has 20 bytes, which cut the text of runs that did not start
        ("timestamp", "<f8"),
        ("finish_timestamp", "<f8"),
        ("runtime", f"S{HDF5_STRCOL_MAX_RUNTIME_LENGTH}"),
        ("parameter_summary", f"S{HDF5_STRCOL_MAX_COMMENT_LENGTH}"),
        ("short_environment_hexsha", "S7"),
        ("completed", "<i4"),
    ]
)
_BLOCK = 8192
#: Rows read at a time: they stay in the processor's cache while they are looked at.
_READ_BLOCK = 1024
#: From this length on a run table is compressed for speed.
_LARGE = 10_000
#: Rows per chunk: one chunk is compressed again whenever one of its runs changes.
_CHUNK = 16
_LARGE_CHUNK = 64

_FAILURE_DTYPE = np.dtype(
    [
        ("idx", "<i4"),
        ("attempts", "<i4"),
        ("timestamp", "<f8"),
        ("status", "S16"),
        ("exception", "S128"),
        ("host", "S128"),
        ("message", "S4096"),
        ("traceback", "S32768"),
    ]
)


class RunsOnDisk:
    """The run table of one trajectory in an open file.

    Parameters
    ----------
    file : OpenFile
        The file.
    overview : str
        Path of the trajectory's ``overview`` group.
    """

    def __init__(self, file: OpenFile, overview: str) -> None:
        self._file = file
        self._path = f"{overview}/runs"
        self._failures_path = f"{overview}/run_failures"
        self._open_node: Any = None
        #: How runs are called if not by pypet's standard rule.
        self.name_of_run: Callable[[int], str] | None = None

    # --------------------------------------------------------------- reading

    def count(self) -> int:
        """Number of runs."""
        return int(self._node().nrows)

    def read(self) -> RunTable:
        """The whole run table with its failures.

        Raises
        ------
        DataNotInStorageError
            If there is no run table.
        HDF5FileError
            If rows of it are damaged.
        """
        try:
            return self._read()
        except tables.HDF5ExtError as error:
            raise HDF5FileError(
                f"The run table {self._path!r} in {self._file.path!r} is damaged, so the "
                "trajectory cannot be loaded. `repair_hdf5_file` saves what else is in the file."
            ) from error

    def _read(self) -> RunTable:
        with self._file.refusing_pickles(self._path):
            node = self._node()
            length = int(node.nrows)
            collector = ColumnCollector(length, node.dtype)
            block = np.empty(min(length, _READ_BLOCK), node.dtype)
            for start in range(0, length, _READ_BLOCK):
                stop = min(length, start + _READ_BLOCK)
                rows = block[: stop - start]
                node.read(start, stop, out=rows)
                collector.add(start, rows)
        table = collector.table()
        table.failures = self._read_failures()
        return table

    # --------------------------------------------------------------- writing

    def write(self, table: RunTable, rows: Collection[int] | None) -> None:
        """Append missing rows and rewrite `rows` (``None``: all).

        Crash story: rows are appended in blocks, in order; a table that is too short is completed
        by the next call. Failures are written before the rows they concern.
        """
        length = len(table)
        if not table_exists(self._file, self._path):
            create_table(
                self._file,
                self._path,
                _DTYPE,
                expected=length,
                filters=light_filters(self._file, "blosc:lz4" if length >= _LARGE else None),
                chunkshape=_LARGE_CHUNK if length >= _LARGE else _CHUNK,
            )
            rows = ()
        self._write_failures(table.failures)
        node = self._node()
        stored = int(node.nrows)
        if stored < length:
            columns = {name: table.column(name) for name in FRESH}
            names = self._names_of(table)
            for start in range(stored, length, _BLOCK):
                stop = min(length, start + _BLOCK)
                node.append(rows_from(names, columns, start, stop, node.dtype))
        wanted = range(stored) if rows is None else sorted(idx for idx in rows if idx < stored)
        if wanted:
            rows_wanted = [self._row_of(table, idx) for idx in wanted]
            with self._file.handles.open_table(self._path) as handle:
                handle.replace(wanted, as_rows(rows_wanted, handle.dtype))

    def update(self, changed: RunRows) -> None:
        """Rewrite single rows and their failures.

        Raises
        ------
        IndexError
            If a row is not there.
        """
        old = self._read_failures() if changed.failures or self._has_failures() else {}
        new = {idx: failure for idx, failure in old.items() if idx not in changed.rows} | dict(
            changed.failures
        )
        if new != old:
            self._write_failures(new)
        self._check_exists()
        indices = sorted(changed.rows)
        rows = [
            {"name": FORMATTED_RUN_NAME % idx, **changed.rows[idx], "idx": idx} for idx in indices
        ]
        with self._file.handles.open_table(self._path) as table:
            if indices and not 0 <= indices[0] <= indices[-1] < table.nrows:
                raise PypetIndexError(
                    f"{self._path!r} in {self._file.path!r} has {table.nrows} rows, so there is "
                    f"no run {indices[-1] if indices[0] >= 0 else indices[0]}."
                )
            table.replace(indices, as_rows(rows, table.dtype))

    # -------------------------------------------------------------- internal

    def _node(self) -> Any:
        if self._open_node is not None and self._open_node._v_isopen:
            return self._open_node
        self._check_exists()
        # Opening a table costs more than changing a row of it, so it stays open.
        self._open_node = self._file.handles.node(self._path)
        return self._open_node

    def _check_exists(self) -> None:
        if not table_exists(self._file, self._path):
            raise DataNotInStorageError(
                f"There is no table {self._path!r} in {self._file.path!r}, so the trajectory "
                "cannot be loaded."
            )

    def _names_of(self, table: RunTable) -> Callable[[int, int], Any]:
        """Names of a range of runs as stored."""
        if table.names is None and self.name_of_run is None:
            return run_names
        return lambda start, stop: [self._name(table, idx).encode() for idx in range(start, stop)]

    def _name(self, table: RunTable, idx: int) -> str:
        if table.names is not None:
            return table.names[idx]
        return FORMATTED_RUN_NAME % idx if self.name_of_run is None else self.name_of_run(idx)

    def _row_of(self, table: RunTable, idx: int) -> dict[str, Any]:
        return {**table.row(idx), "name": self._name(table, idx)}

    def _has_failures(self) -> bool:
        return table_exists(self._file, self._failures_path)

    def _read_failures(self) -> dict[int, RunFailure]:
        if not self._has_failures():
            return {}
        known = [field.name for field in fields(RunFailure)]
        failures = {}
        for row in self._file.read_table(self._failures_path):
            values: dict[str, Any] = {
                name: plain(row[name]) for name in row.dtype.names if name in known
            }
            failures[int(row["idx"])] = RunFailure(**values)
        return failures

    def _write_failures(self, failures: Mapping[int, RunFailure]) -> None:
        """Replace the table of failures; the new one is complete before the old one goes."""
        exists = self._has_failures()
        if (not failures and not exists) or (exists and self._read_failures() == failures):
            return
        if not failures:
            self._file.handles.remove(self._failures_path)
            return
        rows = [
            {"idx": idx, **_cut_texts(asdict(failure))} for idx, failure in sorted(failures.items())
        ]
        exchange_table(self._file, self._failures_path, as_rows(rows, _FAILURE_DTYPE))


def _cut_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: cut_text(value, _FAILURE_DTYPE[name].itemsize) if isinstance(value, str) else value
        for name, value in row.items()
    }
