"""Creating, filling and rewriting tables of the ``overview`` group.

Unlike tables of items these are changed in place, also by pypet 0.7, which finds columns by name.
What is written here reaches the disk when the caller flushes the file, which costs more than all
the rows of one call.
Invariant: a table of another shape than ours is extended as it is; only single-row tables are
replaced, the new one being complete before the old one goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tables
from numpy.typing import NDArray

from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import DATASET, GROUP
from pypet_storage_hdf5.h5.objects import describing
from pypet_storage_hdf5.overview.run_blocks import bytes_for


def ensure_group(file: OpenFile, path: str) -> None:
    """Create a group if it is not there; its parent must be."""
    if file.handles.kind(path) != GROUP:
        file.handles.create_group(path)


def table_exists(file: OpenFile, path: str) -> bool:
    """Whether there is a table at `path`."""
    return file.handles.kind(path) == DATASET


def create_table(
    file: OpenFile,
    path: str,
    dtype: np.dtype[Any],
    rows: NDArray[Any] | None = None,
    *,
    expected: int = 1000,
    filters: tables.Filters | None = None,
    chunkshape: int | None = None,
) -> None:
    """Create a table; PyTables opens it much faster without its own attributes."""
    parent, _, name = path.rpartition("/")
    with file.handles.bare(), describing:
        node = file.tables.create_table(
            parent,
            name,
            description=dtype,
            expectedrows=expected,
            filters=filters or light_filters(file),
            chunkshape=chunkshape,
        )
    try:
        if rows is not None and len(rows):
            node.append(rows)
    finally:
        node.close(flush=False)


def exchange_table(
    file: OpenFile, path: str, rows: NDArray[Any], *, expected: int | None = None
) -> None:
    """Put a new table in the place of an old one, if there is one.

    Crash story: the new table is complete before the old one goes.
    """
    unfinished = file.handles.cleared_unfinished(path)
    expected = len(rows) if expected is None else expected
    create_table(file, unfinished, rows.dtype, rows, expected=expected)
    file.handles.discard(path)
    file.handles.move(unfinished, path)


def light_filters(file: OpenFile, library: str | None = None) -> tables.Filters:
    """The file's filters at the level that suits wide rows of which most bytes are zero.

    A chunk is compressed again whenever one of its rows changes; higher levels gain next to nothing
    and take ten times as long.
    """
    filters = file.filters()
    if not filters.complevel:
        return filters
    return tables.Filters(
        1, library or filters.complib, shuffle=False, fletcher32=filters.fletcher32
    )


def append_rows(file: OpenFile, path: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows given as column name to value; columns unknown to the table are left out."""
    with file.handles.open_table(path) as table:
        table.append(as_rows(rows, table.dtype))


def as_rows(rows: Sequence[Mapping[str, Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Rows as structured array; texts are cut, what a row does not say is blank."""
    array = np.zeros(len(rows), dtype)
    for name in dtype.names or ():
        kind = dtype[name]
        blank: Any = b"" if kind.kind == "S" else 0
        values = (row.get(name) for row in rows)
        array[name] = [
            blank if value is None else bytes_for(value, kind) if isinstance(value, str) else value
            for value in values
        ]
    return array


def replace_single_row(file: OpenFile, path: str, row: Mapping[str, Any], dtype: Any) -> None:
    """Make a table consist of this one row.

    Crash story: a table of equal columns gets its row rewritten, which is one write of one chunk;
    otherwise that of `exchange_table`.
    """
    rows = as_rows([row], np.dtype(dtype))
    if table_exists(file, path):
        old = file.read_table(path)
        if old.dtype == rows.dtype and len(old) == 1:
            if old[0] != rows[0]:
                with file.handles.open_table(path) as table:
                    table.replace([0], rows)
            return
    exchange_table(file, path, rows)


def read_single_row(file: OpenFile, path: str) -> dict[str, Any] | None:
    """The first row of a table, texts decoded; ``None`` if there is no such table or row."""
    if not table_exists(file, path):
        return None
    rows = file.read_table(path)
    if not len(rows):
        return None
    return {name: plain(rows[0][name]) for name in rows.dtype.names or ()}


def plain(value: Any) -> Any:
    """A cell as Python object."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value.item()
