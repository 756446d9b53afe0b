"""TABLE and DICT: HDF5 tables, several of them if there are too many columns for one.

A dictionary is a table of one row whose columns are in the order of its keys. HDF5 limits how long
the description of a table may be; a wider one becomes a group of tables plus one that lists the
marks of all columns. A dictionary whose keys cannot be columns is one text instead. An array with
named fields is a table, too, see :mod:`~pypet_storage_hdf5.codecs.structured`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tables
from numpy.typing import NDArray

from pypet_storage_hdf5.codecs.arrays import write_encoded
from pypet_storage_hdf5.codecs.base import (
    Codec,
    data_options,
    finish,
    full_marks,
    read_marks,
    text_of,
    write_marks,
)
from pypet_storage_hdf5.codecs.columns import decode_column, encode_column
from pypet_storage_hdf5.codecs.recall import Encoded, encode, encode_as_text
from pypet_storage_hdf5.codecs.structured import (
    BYTES_PER_COLUMN,
    MAX_DESCRIPTION_BYTES,
    as_rows,
    from_rows,
    is_column_name,
)
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.handles import GROUP
from pypet_storage_hdf5.h5.objects import AttributeOwner
from pypet_trajectory.constants import ARRAY, DICT, TABLE
from pypet_trajectory.exceptions import NoSuchServiceError, PypetValueError
from pypet_trajectory.values.column_table import ColumnTable

if TYPE_CHECKING:
    from pypet_storage_hdf5.h5.file import OpenFile

_CHUNK_BYTES = 1 << 16
#: With more columns their marks go into a table: HDF5 is slow with many attributes.
_MAX_MARKED_COLUMNS = 64
_TYPES_SUFFIX = "__SRVC_STORE"
_OPTIONS = ("expectedrows", "chunkshape", "title", "byteorder", "track_times")


class _Part(NamedTuple):
    """Columns that go into one HDF5 table."""

    columns: dict[str, Encoded]

    def rows(self) -> NDArray[Any]:
        """The columns as one structured array."""
        dtype = np.dtype(
            [
                (name, column.data.dtype, column.data.shape[1:])
                for name, column in self.columns.items()
            ]
        )
        length = len(next(iter(self.columns.values())).data)
        rows = np.zeros(length, dtype)
        for name, column in self.columns.items():
            rows[name] = column.data
        return rows

    def marks(self) -> dict[str, str]:
        """Marks of all columns by the full names of their attributes."""
        found = {}
        for name, column in self.columns.items():
            found.update(
                full_marks(
                    column.marks,
                    markers.FORMATTED_COLUMN_PREFIX % name,
                    markers.ADDED_COLUMN_PREFIX % name,
                )
            )
        return found


class TableCodec(Codec):
    """Tables and dictionaries."""

    kinds = (TABLE, DICT)

    def write(
        self, file: OpenFile, path: str, value: Any, kind: str, options: Mapping[str, Any]
    ) -> None:
        data_options(options, _OPTIONS, kind, path)
        if isinstance(value, np.ndarray):
            encoded = as_rows(value)
            if encoded is None:
                write_encoded(file, path, encode(value) or encode_as_text(value), ARRAY)
                return
            with _new_table(file, path, encoded.data, options) as table:
                write_marks(table, encoded.marks)
                finish(table, kind)
            return
        if isinstance(value, dict):
            if not value:
                write_encoded(file, path, encode(value) or encode_as_text(value), ARRAY)
                return
            if not _can_be_columns(value):
                write_encoded(file, path, encode_as_text(value), ARRAY)
                return
            columns = {name: encode_column([entry]) for name, entry in value.items()}
            marks = {markers.DATA_PREFIX + markers.COLL_TYPE: markers.COLL_DICT}
        else:
            columns = {name: encode_column(column) for name, column in _columns_of(value, path)}
            marks = {}
        if not columns:
            raise PypetValueError(f"{path!r} cannot be stored: the table has no columns.")
        parts = list(_split(columns))
        if len(columns) <= _MAX_MARKED_COLUMNS and len(parts) == 1:
            with _new_table(file, path, parts[0].rows(), options) as table:
                for name, text in (parts[0].marks() | marks).items():
                    table.set_raw_attribute(name, np.array(text))
                finish(table, kind)
        else:
            _write_split(file, path, parts, kind, marks, options)

    def read(self, file: OpenFile, path: str, kind: str) -> Any:
        if file.handles.kind(path) == GROUP:
            return _table_or_dict(_read_split(file, path), kind)
        rows = file.read_table(path)
        with file.handles.dataset(path) as owner:
            return table_value(rows, owner, owner.attribute_names(), kind, file.settings.encoding)


def table_value(
    rows: NDArray[Any], owner: AttributeOwner, names: Collection[str], kind: str, encoding: str
) -> Any:
    """What the rows of one table stand for; `names` are those of all attributes of `owner`."""
    own_marks = read_marks(owner, names)
    if markers.DTYPE in own_marks:
        return from_rows(rows, own_marks)
    marks = {
        name: text_of(owner.raw_attribute(name))
        for name in names
        if name.startswith(_MARK_PREFIXES)
    }
    return _table_or_dict(_decoded(rows, marks, encoding), kind)


def _table_or_dict(columns: Mapping[str, Sequence[Any]], kind: str) -> Any:
    if kind == DICT:
        return {name: column[0] for name, column in columns.items()}
    return ColumnTable(columns)


def describe_table(row: Mapping[str, Any]) -> np.dtype[Any]:
    """Type of the rows of a table whose first row is `row`, with texts half as wide again."""
    fields = []
    for name, value in row.items():
        column = encode_column([value]).data
        dtype = column.dtype
        if dtype.kind == "S":
            dtype = np.dtype(f"S{max(1, int(1.5 * dtype.itemsize))}")
        elif type(value) is int:
            dtype = np.dtype(np.int64)
        fields.append((name, dtype, column.shape[1:]))
    return np.dtype(fields)


def row_of(row: Mapping[str, Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """One row as structured array of type `dtype`."""
    rows = np.zeros(1, dtype)
    for name, value in row.items():
        rows[name] = encode_column([value]).data
    return rows


def rows_of(table: Any, path: str) -> NDArray[Any]:
    """A `ColumnTable` or data frame as structured array."""
    return _Part({name: encode_column(column) for name, column in _columns_of(table, path)}).rows()


_MARK_PREFIXES = ("SRVC_COLUMN_", "PYPET_COLUMN_")


def _columns_of(table: Any, path: str) -> Iterator[tuple[str, Sequence[Any] | NDArray[Any]]]:
    """Names and values of the columns of a `ColumnTable` or data frame."""
    if isinstance(table, ColumnTable):
        names = table.columns
        columns: Any = table
    elif hasattr(table, "columns") and hasattr(table, "iloc"):
        names = [str(name) for name in table.columns]
        columns = {name: table.iloc[:, position].to_numpy() for position, name in enumerate(names)}
        columns = {
            name: column.tolist() if column.dtype == object else column
            for name, column in columns.items()
        }
    else:
        raise NoSuchServiceError(
            f"{path!r} is to be stored as a table, but is a {type(table).__name__}."
        )
    for name in names:
        if not is_column_name(name) or names.count(name) > 1:
            raise PypetValueError(
                f"The table {path!r} cannot be stored: {name!r} is no possible or no unique "
                "name of a column."
            )
        yield name, columns[name]


def _can_be_columns(mapping: Mapping[Any, Any]) -> bool:
    return all(type(key) is str and is_column_name(key) for key in mapping)


def _split(columns: Mapping[str, Encoded]) -> Iterator[_Part]:
    part: dict[str, Encoded] = {}
    size = 0
    for name, column in columns.items():
        cost = BYTES_PER_COLUMN + len(name.encode())
        if part and (
            len(part) >= tables.parameters.MAX_COLUMNS or size + cost > MAX_DESCRIPTION_BYTES
        ):
            yield _Part(part)
            part, size = {}, 0
        part[name] = column
        size += cost
    yield _Part(part)


def _new_table(
    file: OpenFile, path: str, rows: NDArray[Any], options: Mapping[str, Any]
) -> AbstractContextManager[AttributeOwner]:
    per_chunk = options.get("chunkshape") or min(
        max(1, len(rows)), max(1, _CHUNK_BYTES // max(1, rows.dtype.itemsize))
    )
    return file.handles.create_table(path, rows, int(per_chunk), file.filters(options))


def _write_split(
    file: OpenFile,
    path: str,
    parts: Sequence[_Part],
    kind: str,
    marks: Mapping[str, str],
    options: Mapping[str, Any],
) -> None:
    group = file.handles.create_group(path)
    name = path.rpartition("/")[2].removeprefix(markers.UNFINISHED_PREFIX)
    types: dict[str, str] = {}
    for number, part in enumerate(parts):
        part_path = f"{path}/{name}_{number}" if number else f"{path}/{name}"
        with _new_table(file, part_path, part.rows(), options):
            types.update(part.marks())
    types_path = f"{path}/{name}{_TYPES_SUFFIX}"
    width = max(len(mark.encode()) for mark in types)
    value_width = max(len(text.encode()) for text in types.values())
    rows = np.array(
        [(text.encode(), mark.encode()) for mark, text in types.items()],
        dtype=[("data_type", f"S{value_width}"), ("field_name", f"S{width}")],
    )
    with _new_table(file, types_path, rows, options) as table:
        table.set_raw_attribute(markers.DATATYPE_TABLE, np.array(1))
    group = file.handles.group(path)
    group.set_raw_attribute(markers.SPLIT_TABLE, np.array(1))
    for mark, text in marks.items():
        group.set_raw_attribute(mark, np.array(text))
    finish(group, kind)


def _read_split(file: OpenFile, path: str) -> dict[str, Sequence[Any]]:
    name = path.rpartition("/")[2].removeprefix(markers.UNFINISHED_PREFIX)
    parts, marks = {}, {}
    for child in file.handles.children(path).datasets:
        child_path = f"{path}/{child}"
        with file.handles.dataset(child_path) as owner:
            is_types = markers.DATATYPE_TABLE in owner.attribute_names()
        rows = file.read_table(child_path)
        if is_types:
            marks = {row["field_name"].decode(): row["data_type"].decode() for row in rows}
        else:
            suffix = child.removeprefix(name).lstrip("_")
            parts[int(suffix) if suffix.isdigit() else 0] = rows
    columns: dict[str, Sequence[Any]] = {}
    for number in sorted(parts):
        columns.update(_decoded(parts[number], marks, file.settings.encoding))
    return columns


def _decoded(
    rows: NDArray[Any], marks: Mapping[str, str], encoding: str
) -> dict[str, Sequence[Any]]:
    columns = {}
    for name in rows.dtype.names or ():
        own = {
            mark: marks[prefix % name + mark]
            for prefix, known in _MARKS.items()
            for mark in known
            if prefix % name + mark in marks
        }
        columns[name] = decode_column(rows[name], own, encoding)
    return columns


_MARKS = {
    markers.FORMATTED_COLUMN_PREFIX: (markers.COLL_TYPE, markers.SCALAR_TYPE),
    markers.ADDED_COLUMN_PREFIX: (markers.DTYPE, markers.ENCODING),
}
