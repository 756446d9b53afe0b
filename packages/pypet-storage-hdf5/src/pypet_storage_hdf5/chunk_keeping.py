"""Keeping the last chunk of shared data before rows are appended, and bringing it back.

An append changes the last chunk unless that is full. A compressed chunk is written anew, and HDF5
brings its place and length to the file with a later flush only; a process killed in between leaves
a chunk that nobody can read, with rows that were confirmed long before. Chunks without filters
are written in place and lose nothing.

Invariant: when an append begins, the journal has all rows of the chunk that it changes; each row
is kept once. Rows that are changed in place or removed are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tables
from numpy.typing import NDArray

from pypet_storage_hdf5 import markers
from pypet_storage_hdf5.file import HDF5FileError, OpenFile


class KeptRows(NamedTuple):
    """Rows of shared data as they were before an append."""

    #: HDF5 path of the dataset.
    path: str
    #: Index of the first row.
    start: int
    rows: NDArray[Any]


def rows_at_stake(node: Any) -> tuple[int, int] | None:
    """Start and end of the rows in the chunk that an append to `node` changes, end excluded.

    ``None`` if an append puts nothing at stake.
    """
    filters = node.filters
    if not isinstance(node, tables.EArray | tables.Table) or not (
        filters.complevel or filters.fletcher32
    ):
        return None
    return node.nrows - node.nrows % _rows_per_chunk(node), node.nrows


def bring_back_rows(file: OpenFile, path: str, kept: Sequence[KeptRows]) -> bool:
    """Rebuild a dataset if some of the rows in `kept`, or any row behind them, is lost.

    It ends where the first rows are that cannot be read and were not kept: these were never
    confirmed.

    Raises
    ------
    HDF5FileError
        If rows before those in `kept` are lost, since a split of the tree of chunks was cut short.
        Then the dataset stays as it is.

    Notes
    -----
    Crash story: the new dataset is complete and flushed, under a name that readers ignore, before
    the old one is set aside. If only the new one is there, it gets the name.
    """
    unfinished = markers.unfinished_path(path)
    if file.handles.kind(path) is None:
        if file.handles.kind(unfinished) is None:
            return False  # it was deleted
        file.handles.move(unfinished, path)
        return True
    with file.refusing_pickles(path):
        node = file.tables.get_node(path)
        if _is_intact(node, kept):
            return False
        file.handles.discard(unfinished)
        file.handles.before_change(path.rpartition("/")[0])
        copy = _created_alike(file, node, unfinished)
        try:
            _copy_rows(node, copy, kept)
            _copy_properties(node, copy)
        except BaseException:
            copy.close()
            file.handles.remove(unfinished)
            raise
        finally:
            node.close()
        copy.close()
    file.flush(buffers=True)
    file.handles.remove(path)
    file.handles.move(unfinished, path)
    return True


def _is_intact(node: Any, kept: Sequence[KeptRows]) -> bool:
    """Whether all is there; rows of a chunk that is not found are read as zeros."""
    for part in kept:
        rows = _rows(node, part.start, part.start + _length(node, part.rows))
        if rows is None or rows.tobytes() != part.rows.tobytes():
            return False
    size = _rows_per_chunk(node)
    first = min(part.start for part in kept) // size * size
    return all(
        _rows(node, start, start + size) is not None for start in range(first, node.nrows, size)
    )


def _copy_rows(node: Any, copy: Any, kept: Sequence[KeptRows]) -> None:
    """Copy chunk by chunk, with rows that were kept in place of what is there now."""
    size = _rows_per_chunk(node)
    last = max(part.start for part in kept)
    for start in range(0, node.nrows, size):
        parts = [part.rows for part in kept if start <= part.start < start + size]
        known = sum(_length(node, rows) for rows in parts)
        rest = _rows(node, start + known, start + size)
        if rest is None and last >= start + size:
            raise HDF5FileError(f"Rows from {start} on cannot be read, long before the last ones.")
        for rows in parts if rest is None else [*parts, rest]:
            if _length(node, rows):
                copy.append(rows)
        if rest is None:
            return


def _copy_properties(node: Any, copy: Any) -> None:
    node._v_attrs._f_copy(copy)
    if isinstance(node, tables.Table):
        for name in node.indexedcolpathnames:
            copy.cols._f_col(name).create_index()


def _rows(node: Any, start: int, stop: int) -> NDArray[Any] | None:
    """Rows of a dataset, ``None`` if they cannot be read."""
    try:
        rows: NDArray[Any] = node.read(start, stop)
    except tables.HDF5ExtError:
        return None
    return rows


def _length(node: Any, rows: NDArray[Any]) -> int:
    return int(rows.shape[node.maindim])


def _rows_per_chunk(node: Any) -> int:
    return int(node.chunkshape[node.maindim])


def _created_alike(file: OpenFile, node: Any, target: str) -> Any:
    """An empty dataset of the same kind."""
    parent, _, name = target.rpartition("/")
    alike = {
        "title": node.title,
        "filters": node.filters,
        "chunkshape": node.chunkshape,
        "byteorder": node.byteorder,
    }
    if isinstance(node, tables.Table):
        return file.tables.create_table(parent, name, description=node.description, **alike)
    shape = [*node.shape]
    shape[node.maindim] = 0
    return file.tables.create_earray(parent, name, atom=node.atom, shape=tuple(shape), **alike)
