"""Requests to single data nodes of the file, on behalf of shared data objects.

Invariant: a request is carried out on the node itself, by PyTables or pandas; nothing is known
here about what it means. Which requests only read is known, because these must also work with
files that cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tables

from pypet_storage_hdf5.codecs.base import finish, read_marks, text_of, write_marks
from pypet_storage_hdf5.codecs.pandas import borrowed_store, put_pandas
from pypet_storage_hdf5.codecs.recall import encode
from pypet_storage_hdf5.codecs.table import describe_table, row_of
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.objects import describing
from pypet_storage_hdf5.settings import FILTER_OPTIONS, Settings
from pypet_trajectory.constants import (
    ARRAY,
    CARRAY,
    EARRAY,
    FRAME,
    SERIES,
    SHARED_DATA,
    TABLE,
    VLARRAY,
)
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PypetRuntimeError,
    PypetValueError,
)

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend
    from pypet_storage_hdf5.h5.file import OpenFile

#: Requests that change the file; everything else reads.
_WRITING = frozenset(
    (
        "create_shared_data",
        "pandas_put",
        "make_shared",
        "make_ordinary",
        "create_index",
        "create_csindex",
        "reindex",
        "reindex_dirty",
        "remove_index",
        "__setattr__",
        "append",
        "append_where",
        "__setitem__",
        "modify_column",
        "modify_columns",
        "modify_coordinates",
        "modify_rows",
        "remove_rows",
        "remove_row",
        "flush",
        "flush_rows_to_index",
        "truncate",
    )
)


def only_reads(request: str) -> bool:
    """Whether a request can be carried out on a file that is open for reading."""
    return request not in _WRITING


def access_data(
    backend: HDF5Backend,
    full_name: str,
    item: str,
    request: str,
    args: tuple[Any, ...] | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Carry out one request on an item of a leaf.

    Crash story: that of the session. Each request that changes something is in the journal as it
    was made, and is made again after a kill. What users do by themselves with nodes that they get
    here counts as stored when the file is flushed by message or closed.

    Raises
    ------
    ValueError
        If a node is to be created that is there.
    tables.NoSuchNodeError
        If the node is not there.
    """
    file = backend.file
    path = f"{backend.layout.path_of(full_name)}/{item.replace('.', '/')}"
    special = _SPECIAL.get(request)
    options = dict(kwargs or {})
    if special is not None:
        return special(file, path, *(args or ()), **options)
    with file.refusing_pickles(path):
        node = file.handles.node(path)
        if request == "__thenode__":
            backend.connection.hand_out()
            return node
        target = node
        if options.pop("_col_func", False):
            target = node.cols._f_col(options.pop("colname"))
        attribute = getattr(target, request)
        if args is None and kwargs is None:
            backend.connection.hand_out()  # it may lead to the node, as ``row`` does
            return attribute
        answer = attribute(*(args or ()), **options)
        if not only_reads(request) and isinstance(node, tables.Leaf):
            node.flush()
        return answer


def _create(
    file: OpenFile, path: str, obj: Any = None, flag: str | None = None, **options: Any
) -> None:
    if file.handles.kind(path) is not None:
        raise PypetValueError(
            f"There is shared data at {path!r} in {file.path!r} already; append to it, or "
            "delete it first."
        )
    if flag is None:
        if obj is None:
            raise PypetRuntimeError(
                f"Neither data nor a storage kind is given for the shared data at {path!r}."
            )
        from pypet_storage_hdf5.codecs.registry import storage_kind

        flag = storage_kind(obj)
    create = _CREATORS.get(flag)
    if create is None:
        raise NoSuchServiceError(
            f"There is no shared data of kind {flag!r}, only {', '.join(_CREATORS)}."
        )
    unfinished = file.handles.cleared_unfinished(path)
    filters = {key: options.pop(key) for key in FILTER_OPTIONS & options.keys()}
    try:
        create(file, unfinished, obj, options, filters)
        with file.handles.owner(unfinished) as owner:
            encoded = None if obj is None or flag in (TABLE, FRAME, SERIES) else encode(obj)
            if encoded is not None:
                write_marks(owner, encoded.marks)
            owner.set_raw_attribute(markers.SHARED_DATA_TYPE, np.array(flag))
            finish(owner, SHARED_DATA)
    except BaseException:
        file.handles.forget(unfinished)
        file.handles.discard(unfinished)
        raise
    file.handles.move(unfinished, path)


def _array_creator(
    method: str, filters_of: Callable[[Settings, Mapping[str, Any]], tables.Filters] | None
) -> Callable[..., None]:
    def create(
        file: OpenFile, path: str, obj: Any, options: dict[str, Any], filters: dict[str, Any]
    ) -> None:
        parent, _, name = path.rpartition("/")
        if filters_of is not None:
            options = {**options, "filters": filters_of(file.settings, filters)}
        getattr(file.tables, method)(parent, name, obj=obj, **options).close()

    return create


def _create_table(
    file: OpenFile, path: str, obj: Any, options: dict[str, Any], filters: dict[str, Any]
) -> None:
    parent, _, name = path.rpartition("/")
    first_row = options.pop("first_row", None)
    if first_row is not None:
        dtype = describe_table(first_row)
        obj = row_of(first_row, dtype)
    elif obj is not None and not isinstance(obj, np.ndarray) and not isinstance(obj, list):
        from pypet_storage_hdf5.codecs.table import rows_of

        obj = rows_of(obj, path)
    keywords: dict[str, Any] = {**options, "filters": file.filters(filters)}
    if obj is not None:
        keywords["obj"] = obj
    with describing:
        file.tables.create_table(parent, name, **keywords).close()


_CREATORS: Mapping[str, Callable[..., None]] = {
    ARRAY: _array_creator("create_array", None),
    CARRAY: _array_creator("create_carray", Settings.filters),
    EARRAY: _array_creator("create_earray", Settings.filters),
    VLARRAY: _array_creator("create_vlarray", Settings.filters_for_rows),
    TABLE: _create_table,
    FRAME: put_pandas,
    SERIES: put_pandas,
}


def _put(file: OpenFile, path: str, data: Any = None, append: bool = False, **options: Any) -> None:
    filters = {key: options.pop(key) for key in FILTER_OPTIONS & options.keys()}
    if append and "format" not in options:
        options["format"] = "table"
    put_pandas(file, path, data, {**options, "append": append}, filters)
    with file.handles.owner(path) as owner:
        owner.set_raw_attribute(markers.SHARED_DATA_TYPE, np.array(FRAME))
        finish(owner, SHARED_DATA)


def _get(file: OpenFile, path: str) -> Any:
    with file.refusing_pickles(path):
        return borrowed_store(file).get(path)


def _select(file: OpenFile, path: str, **options: Any) -> Any:
    with file.refusing_pickles(path):
        return borrowed_store(file).select(path, **options)


def _make_shared(file: OpenFile, path: str) -> None:
    with _existing(file, path) as owner:
        kind = text_of(owner.raw_attribute(markers.STORAGE_TYPE))
        if kind != SHARED_DATA:
            marks = read_marks(owner, owner.attribute_names())
            if marks.get(markers.COLL_TYPE) in _PYTHON_COLLECTIONS:
                # PyTables' own mark: it hands out Python objects then, as pypet 0.7 does.
                owner.set_raw_attribute("FLAVOR", np.array("python"))
            owner.set_raw_attribute(markers.SHARED_DATA_TYPE, np.array(kind))
            finish(owner, SHARED_DATA)


def _make_ordinary(file: OpenFile, path: str) -> None:
    with _existing(file, path) as owner:
        if markers.SHARED_DATA_TYPE in owner.attribute_names():
            finish(owner, text_of(owner.raw_attribute(markers.SHARED_DATA_TYPE)))
            owner.remove_attribute(markers.SHARED_DATA_TYPE)


def _existing(file: OpenFile, path: str) -> Any:
    if file.handles.kind(path) is None:
        raise tables.NoSuchNodeError(f"There is no data at {path!r} in {file.path!r}.")
    return file.handles.owner(path)


_PYTHON_COLLECTIONS = (markers.COLL_LIST, markers.COLL_TUPLE, markers.COLL_SCALAR)

_SPECIAL: Mapping[str, Callable[..., Any]] = {
    "create_shared_data": _create,
    "pandas_put": _put,
    "pandas_get": _get,
    "pandas_select": _select,
    "make_shared": _make_shared,
    "make_ordinary": _make_ordinary,
}
