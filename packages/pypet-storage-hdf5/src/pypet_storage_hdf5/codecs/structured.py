"""Arrays with named fields, as HDF5 tables: their fields have names in every viewer.

PyTables knows compound types only as rows of tables, so the array becomes a table with one row per
element, and marks say which type and shape it had. pypet 0.7, which refused such arrays, reads the
table as an ``ObjectTable``. Invariant: :func:`as_rows` and :func:`from_rows` are inverse to each
other; an array for which that cannot be (fields of objects, names HDF5 does not take) gives no
rows and is stored as raw bytes by :mod:`~pypet_storage_hdf5.codecs.recall` instead.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet_storage_hdf5.codecs.recall import Encoded, Marks
from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.values import exact_json

#: Bytes HDF5 allows for the description of a table, with some room to spare.
MAX_DESCRIPTION_BYTES = 50_000
#: What one column needs of them besides its name.
BYTES_PER_COLUMN = 72

_IMPOSSIBLE_NAME = re.compile(r"^$|^\.$|[/\0]|^_[cfgiv]_|^__members__$|^__methods__$")


def is_column_name(name: str) -> bool:
    """Whether PyTables takes the name for a column; its own check warns about spaces and such."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not _IMPOSSIBLE_NAME.search(name)


def as_rows(array: NDArray[Any]) -> Encoded | None:
    """A structured array as rows of a table with marks; ``None`` if a table cannot hold it."""
    if array.dtype.names is None or not array.size or array.dtype.hasobject:
        return None
    rows = _storable(np.asarray(array).reshape(-1))
    if rows is None or _description_size(rows.dtype) > MAX_DESCRIPTION_BYTES:
        return None
    return Encoded(
        rows,
        {
            markers.COLL_TYPE: markers.COLL_NDARRAY,
            markers.DTYPE: exact_json.describe_dtype(array.dtype),
            markers.SHAPE: ",".join(map(str, array.shape)),
        },
    )


def from_rows(rows: NDArray[Any], marks: Marks) -> NDArray[Any]:
    """The array that was stored as these rows."""
    dtype = exact_json.parse_dtype(marks[markers.DTYPE])
    array = np.zeros(len(rows), dtype)
    _fill(array, rows)
    # More or fewer rows than the shape says: the user worked on the table, which is then a line.
    shape = tuple(int(size) for size in marks.get(markers.SHAPE, "").split(",") if size)
    return array.reshape(shape) if np.prod(shape, dtype=int) == len(array) else array


def _storable(array: NDArray[Any]) -> NDArray[Any] | None:
    """The same fields in types HDF5 has, without gaps between them."""
    columns = {}
    for name in array.dtype.names or ():
        column: NDArray[Any] | None = array[name]
        assert column is not None
        if not is_column_name(name):
            return None
        if column.dtype.names is not None:
            column = _storable(column)
        elif column.dtype.kind == "U":
            try:
                encoded = np.char.encode(column, "utf-8")
            except UnicodeEncodeError:
                return None
            # As wide as the field, so that rows appended to the table fit, too.
            width = max(encoded.dtype.itemsize, column.dtype.itemsize // 4)
            column = encoded.astype(f"S{width}")
        elif column.dtype.kind in "mM":
            column = column.astype(column.dtype.newbyteorder("=")).view(np.int64)
        elif column.dtype.kind not in "biufcS":
            return None
        if column is None or not column.dtype.itemsize or not column.size:
            return None
        columns[name] = column
    if not columns:
        return None
    dtype = np.dtype(
        [
            (name, column.dtype.newbyteorder("="), column.shape[array.ndim :])
            for name, column in columns.items()
        ]
    )
    rows = np.zeros(array.shape, dtype)
    for name, column in columns.items():
        rows[name] = column
    return rows


def _description_size(dtype: np.dtype[Any]) -> int:
    return sum(
        BYTES_PER_COLUMN + len(name.encode()) + _description_size(dtype[name])
        for name in dtype.names or ()
    )


def _fill(array: NDArray[Any], rows: NDArray[Any]) -> None:
    for name in array.dtype.names or ():
        column, stored = array[name], rows[name]
        if column.dtype.names is not None:
            _fill(column, stored)
        elif column.dtype.kind == "U":
            array[name] = np.char.decode(stored, "utf-8")
        elif column.dtype.kind in "mM":
            array[name] = stored.view(column.dtype.newbyteorder("="))
        else:
            array[name] = stored
