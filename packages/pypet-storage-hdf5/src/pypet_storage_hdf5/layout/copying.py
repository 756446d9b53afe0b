"""Copying HDF5 objects from one place to another, within a file or between files.

Objects are copied as they are: nothing is decoded, no pickle is loaded, attributes keep their
bytes. Invariant: a part that cannot be read is either reported to the caller, who decides, or
stops the copy; the source is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import tables

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import DATASET, GROUP, LINK
from pypet_storage_hdf5.h5.objects import AttributeOwner, describing
from pypet_storage_hdf5.h5.pickling import leave_pickles_alone
from pypet_storage_hdf5.layout.tree import TreeLayout
from pypet_trajectory.api.records import NodeKind
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: Told of each path that could not be copied and why.
ErrorHandler: TypeAlias = Callable[[str, Exception], None]

#: PyTables' notes on columns of a table: not needed, and hundreds of attributes cost seconds.
_FIELD_ATTRIBUTE = re.compile(r"FIELD_\d+_(NAME|FILL)|NROWS")


def copy_tree(
    source: OpenFile,
    old_path: str,
    target: OpenFile,
    new_path: str,
    *,
    filters: tables.Filters | None = None,
    on_error: ErrorHandler | None = None,
    skip: Callable[[str], bool] = lambda path: False,
) -> None:
    """Copy an object with everything below it to a path that is free.

    Parameters
    ----------
    filters : tables.Filters, optional
        Filters of the copied data; by default those it has.
    on_error : callable, optional
        Called with path and exception for each part that cannot be copied, which is then left
        out; by default the exception is raised.
    skip : callable, optional
        Says of a path in `source` whether to leave it out.

    Raises
    ------
    tables.NoSuchNodeError
        If there is nothing at `old_path`.

    Notes
    -----
    Crash story: the copy grows object by object. The caller gives a `new_path` that no reader sees.
    """
    kind = source.handles.kind(old_path)
    if kind == GROUP:
        if target.handles.kind(new_path) is None:
            target.handles.create_group(new_path)
        _guarded(
            on_error,
            old_path,
            lambda: _copy_attributes(
                source.handles.group(old_path), target.handles.group(new_path)
            ),
        )
        children = source.handles.children(old_path)
        for name in (*children.groups, *children.datasets, *children.links):
            child = _joined(old_path, name)
            if not name.startswith(markers.INDEX_PREFIX) and not skip(child):
                copy_tree(
                    source,
                    child,
                    target,
                    _joined(new_path, name),
                    filters=filters,
                    on_error=on_error,
                    skip=skip,
                )
    elif kind == DATASET:
        _guarded(
            on_error, old_path, lambda: _copy_dataset(source, old_path, target, new_path, filters)
        )
    elif kind == LINK:
        link = source.handles.link_target(old_path)
        _guarded(on_error, old_path, lambda: target.handles.create_link(new_path, link))
    else:
        raise tables.NoSuchNodeError(f"There is nothing at {old_path!r} in {source.path!r}.")


def copy_whole(source: OpenFile, old_path: str, target: OpenFile, new_path: str) -> None:
    """Copy an object so that it appears at `new_path`, which is free, complete or not at all.

    Crash story: the copy grows under an unfinished name and gets its own by one renaming.
    """
    unfinished = target.handles.cleared_unfinished(new_path)
    try:
        copy_tree(source, old_path, target, unfinished)
    except BaseException:
        target.handles.discard(unfinished)
        raise
    target.handles.move(unfinished, new_path)


def copy_nodes(
    source: TreeLayout, target: TreeLayout, renames: Mapping[str, str], *, move: bool
) -> list[str]:
    """Copy nodes of the trajectory in `source` to new full names in `target`, as they are.

    A node that `target` has already is left as it is, with a warning. With `move`, nodes of the
    same file get another name instead; the caller deletes the old ones. pypet 0.7 moved nodes
    of another file inside that file, where no reader found them.

    Crash story: that of the session, so that the new names are there and the old ones gone at the
    same moment.

    Returns
    -------
    list of str
        The old names of the nodes that were copied.

    Raises
    ------
    DataNotInStorageError
        If `source` lacks one of the nodes.
    """
    copied = []
    for old_name, new_name in renames.items():
        kind = source.kind_of(old_name)
        if kind is None or kind is NodeKind.LINK:
            raise DataNotInStorageError(
                f"{old_name!r} cannot be merged: it is not in {source.file.path!r}."
            )
        new_path = target.path_of(new_name)
        if target.file.handles.kind(new_path) is not None:
            _logger.warning(
                "%r is not merged: %r has a node of that name.", new_name, target.file.path
            )
            continue
        target.ensure_groups(new_name.rpartition(".")[0])
        old_path = source.path_of(old_name)
        if move and source.file is target.file:
            target.file.handles.link(old_path, new_path)
        else:
            copy_whole(source.file, old_path, target.file, new_path)
        copied.append(old_name)
    return copied


def _guarded(on_error: ErrorHandler | None, path: str, copy: Callable[[], None]) -> None:
    if on_error is None:
        copy()
        return
    try:
        copy()
    except Exception as error:  # damaged files raise all kinds of exceptions
        on_error(path, error)


def _copy_attributes(old: AttributeOwner, new: AttributeOwner) -> None:
    for name in old.attribute_names():
        if _FIELD_ATTRIBUTE.fullmatch(name):
            continue
        value = old.raw_attribute(name)
        if isinstance(value, bytes):
            # Raw bytes: a pickle stays a pickle, and is not loaded.
            value = np.array(value, dtype=f"S{max(1, len(value))}")
        new.set_raw_attribute(name, np.asarray(value))


def _copy_dataset(
    source: OpenFile,
    old_path: str,
    target: OpenFile,
    new_path: str,
    filters: tables.Filters | None,
) -> None:
    try:
        with leave_pickles_alone():
            if not _copy_contiguous(source, old_path, target, new_path):
                _copy_by_pytables(source, old_path, target, new_path, filters)
    except BaseException:
        target.handles.forget(new_path)
        if target.handles.kind(new_path) is not None:
            target.handles.remove(new_path)
        raise


def _copy_contiguous(source: OpenFile, old_path: str, target: OpenFile, new_path: str) -> bool:
    """Copy a plain array; false if the dataset is chunked or no array."""
    try:
        with source.handles.open_array(old_path) as array:
            if array.is_chunked or array.atom.kind in ("time", "reference"):
                return False
            with target.handles.create_array(new_path, array.read()) as copy:
                _copy_attributes(array, copy)
            return True
    except TypeError:  # tables and arrays of variable length
        return False


def _copy_by_pytables(
    source: OpenFile,
    old_path: str,
    target: OpenFile,
    new_path: str,
    filters: tables.Filters | None,
) -> None:
    parent, _, name = new_path.rpartition("/")
    keywords: dict[str, Any] = {} if filters is None else {"filters": filters}
    node = source.handles.node(old_path)
    try:
        if isinstance(node, tables.UnImplemented):
            raise tables.HDF5ExtError(
                f"{old_path!r} in {source.path!r} has a type PyTables does not know.", h5bt=False
            )
        if isinstance(node, tables.Table):
            keywords["propindexes"] = True
        where = target.tables.get_node(parent or "/")
        if isinstance(node, tables.VLArray) and isinstance(node.atom, tables.atom.PseudoAtom):
            _copy_rows(node, where, name)
        else:
            with describing:
                node.copy(where, name, copyuserattrs=False, **keywords).close()
    finally:
        node.close()
    target.handles.forget(new_path)
    with source.handles.dataset(old_path) as old, target.handles.dataset(new_path) as new:
        _copy_attributes(old, new)


def _copy_rows(node: Any, where: Any, name: str) -> None:
    """Copy rows that are pickles or texts as the bytes they are."""
    copy = where._v_file.create_vlarray(where, name, atom=node.atom.base, filters=node.filters)
    try:
        for number in range(node.nrows):
            copy.append(node._read_array(number, number + 1, 1)[0])
    finally:
        copy.close()


def _joined(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"
