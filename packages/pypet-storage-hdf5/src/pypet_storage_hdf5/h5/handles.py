"""Groups and datasets of an open file by path: opened, created, moved and removed.

What is opened is a handle of :mod:`~pypet_storage_hdf5.h5.objects`, not a node of PyTables. HDF5
gets names relative to the group around them wherever that group is open already, so that it need
not walk down the whole path for each object.

Invariant: paths are absolute, and every handle is closed before its file is, for HDF5 keeps a
file open as long as one identifier in it lives. PyTables' own nodes may be used on the same file
side by side, if :meth:`Handles.forget` is called before something they may have cached is moved
or removed.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tables
from tables import hdf5extension

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.objects import (
    ArrayHandle,
    AttributeOwner,
    DatasetHandle,
    GroupHandle,
    TableHandle,
    atom_of,
    describing,
    description_of,
    row_dtype,
)
from pypet_storage_hdf5.safety.hdf5_library import check_links
from pypet_trajectory.exceptions import PypetTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Kinds of HDF5 objects as :meth:`Handles.kind` tells them.
GROUP = "Group"
DATASET = "Leaf"
LINK = "SoftLink"

#: Groups kept open: those on the way to where work goes on. With more of them, HDF5 gets slower,
#: and moving and removing have to look through them all.
_KEPT_OPEN = 32
_NATIVE = sys.byteorder


class Children(NamedTuple):
    """Names of what lies directly in a group."""

    #: Groups.
    groups: list[str]
    #: Datasets of any kind.
    datasets: list[str]
    #: Soft and external links.
    links: list[str]


class Handles:
    """Opens, creates, moves and removes HDF5 objects of one open file by path.

    Parameters
    ----------
    file : tables.File
        The open file; :meth:`close` must be called before it is closed.
    """

    def __init__(self, file: tables.File) -> None:
        self.file = file
        self._root = file.root
        self._groups: OrderedDict[str, GroupHandle] = OrderedDict()
        self._last_was_table = False

    # ---------------------------------------------------------------- asking

    def kind(self, path: str) -> str | None:
        """`GROUP`, `DATASET`, `LINK` or ``None``; does not follow the link itself."""
        if path == "/":
            return GROUP
        where, name = self._around(path)
        kind: str = where._g_get_objinfo(name)
        if kind == "ExternalLink":
            return LINK
        return None if kind == "NoSuchNode" else kind

    def children(self, path: str, group: GroupHandle | None = None) -> Children:
        """Names of everything in a group, in HDF5's order (by name).

        Parameters
        ----------
        path : str
            The group.
        group : GroupHandle, optional
            The same, if it is open.

        Raises
        ------
        DamagedNameError
            If one of them is no UTF-8.
        """
        if path == "/":
            check_links(self._root._v_objectid)
            return Children(*self._root._g_list_group(self._root._v_parent)[:3])
        if group is None:
            group = self.group(path)
        check_links(group._v_objectid)
        groups, datasets, links, _ = group._g_list_group(group)
        return Children(groups, datasets, links)

    def link_target(self, path: str) -> str:
        """Where a soft link points to; ``''`` for an external link."""
        return str(getattr(self.node(path), "target", ""))

    def node(self, path: str) -> Any:
        """An object as PyTables knows it, once it is sure that PyTables survives its names.

        Raises
        ------
        DamagedNameError
            If the object, something above it or something in a group has a name that is no UTF-8.
        tables.NoSuchNodeError
            If there is nothing at this path.
        """
        self.check_names(path)
        with describing:
            return self.file.get_node(path)

    def check_names(self, path: str, *, below: bool = False) -> None:
        """See that all names at `path`, above it and, if asked for, below it are UTF-8.

        Raises
        ------
        DamagedNameError
            If one of them is not.
        """
        parts = path.strip("/").split("/")
        for number in range(len(parts)):
            above = "/" + "/".join(parts[:number])
            if self.kind(above) == GROUP:
                self._check_names(above, False)
        self._check_names(path, below)

    def _check_names(self, path: str, below: bool) -> None:
        kind = self.kind(path)
        if kind not in (GROUP, DATASET):
            return
        with self.owner(path) as owner:
            owner.attribute_names()
        if kind == GROUP:
            found = self.children(path)
            for name in (*found.groups, *found.datasets) if below else ():
                self._check_names(f"{path.rstrip('/')}/{name}", below)

    # --------------------------------------------------------------- opening

    def group(self, path: str) -> GroupHandle:
        """An open group; stays open until :meth:`close` or until many others were opened.

        Raises
        ------
        tables.NoSuchNodeError
            If there is no group at this path.
        """
        handle = self._groups.get(path)
        if handle is not None:
            self._groups.move_to_end(path)
            return handle
        handle = GroupHandle(self.file, path[1:])
        where, name = self._around(path)
        handle._g_new(where, name or ".", False)
        try:
            handle._v_objectid = handle._g_open()
        except tables.HDF5ExtError as error:
            raise tables.NoSuchNodeError(
                f"There is no group {path!r} in {self.file.filename!r}."
            ) from error
        return self._keep(path, handle)

    def dataset(self, path: str) -> DatasetHandle:
        """An open dataset whose attributes are wanted.

        Raises
        ------
        tables.HDF5ExtError
            If it cannot be opened.
        """
        handle = DatasetHandle(self.file)
        handle._g_new(*self._around(path), True)
        opened = handle._open_unimplemented()
        if opened is None:  # it is damaged, and PyTables has said so in a warning only
            raise tables.HDF5ExtError(
                f"{path!r} in {self.file.filename!r} is no dataset that can be opened.", h5bt=False
            )
        handle._v_objectid = opened[2]
        return handle

    @contextmanager
    def owner(self, path: str) -> Iterator[AttributeOwner]:
        """The group or dataset at `path`, open."""
        if self.kind(path) == DATASET:
            with self.dataset(path) as handle:
                yield handle
        else:
            yield self.group(path)

    def open_array(self, path: str) -> ArrayHandle:
        """An open array, contiguous or chunked.

        Raises
        ------
        tables.HDF5ExtError
            If the dataset holds references.
        TypeError
            If it is a table or another type that is no array of numbers or bytes.
        """
        handle = ArrayHandle(self.file)
        handle._g_new(*self._around(path), True)
        try:
            identifier, handle.atom, handle.shape, chunkshape = handle._open_array()
            if handle.atom.kind == "reference":
                raise tables.HDF5ExtError(
                    f"{path!r} in {self.file.filename!r} holds HDF5 references, not data.",
                    h5bt=False,
                )
        except BaseException:
            handle._g_close()
            raise
        handle._v_objectid = identifier
        handle.is_chunked = chunkshape is not None
        return handle

    def open_table(self, path: str) -> TableHandle:
        """An open table whose rows are wanted.

        Raises
        ------
        TypeError
            If it is an array, or has columns that are not simply numbers, truth values or bytes:
            nested ones, times, enumerations.
        """
        handle = TableHandle(self.file)
        handle._g_new(*self._around(path), True)
        try:
            handle._v_objectid, columns, rows_per_chunk = handle._get_info()
            handle.dtype = row_dtype(columns)
            handle.rows_per_chunk = max(int(rows_per_chunk), 1)
        except (AttributeError, ValueError) as error:  # PyTables stumbles over what it wants to say
            handle._g_close()
            raise PypetTypeError(f"{path!r} in {self.file.filename!r} is no table.") from error
        except BaseException:
            handle._g_close()
            raise
        return handle

    def open_data(self, path: str) -> ArrayHandle | TableHandle:
        """An open array or table.

        Which of the two it is shows when it is opened, and the wrong way costs as much as the
        right one. Much of the same kind lies side by side, so the last one's way comes first.

        Raises
        ------
        tables.HDF5ExtError
            If the dataset holds references.
        TypeError
            If it is neither an array of numbers or bytes nor a table of plain columns.
        """
        ways = (self.open_array, self.open_table)
        try:
            return ways[self._last_was_table](path)
        except TypeError:
            found = ways[not self._last_was_table](path)
            self._last_was_table = not self._last_was_table
            return found

    # -------------------------------------------------------------- changing

    @contextmanager
    def bare(self) -> Iterator[None]:
        """In this block PyTables writes no attributes of its own, which are not needed on items."""
        params = self.file.params
        params["PYTABLES_SYS_ATTRS"] = False
        try:
            yield
        finally:
            params["PYTABLES_SYS_ATTRS"] = True

    def create_group(self, path: str) -> GroupHandle:
        """Create a group whose parent is there."""
        handle = GroupHandle(self.file, path[1:])
        handle._g_new(*self._around(path), True)
        handle._v_objectid = handle._g_create()
        return self._keep(path, handle)

    @contextmanager
    def create_array(self, path: str, data: NDArray[Any]) -> Iterator[ArrayHandle]:
        """Create a contiguous dataset that holds `data`, and keep it open for its attributes."""
        handle = ArrayHandle(self.file)
        handle._g_new(*self._around(path), True)
        handle.byteorder = _NATIVE
        data = np.ascontiguousarray(data).reshape(data.shape)
        handle.shape = data.shape
        handle.atom = atom_of(data.dtype)
        with self.bare():
            handle._v_objectid = handle._create_array(data, "", handle.atom)[0]
        try:
            yield handle
        finally:
            handle._g_close()

    @contextmanager
    def create_chunked_array(
        self,
        path: str,
        data: NDArray[Any],
        chunkshape: tuple[int, ...],
        filters: tables.Filters,
        *,
        growing: bool = False,
    ) -> Iterator[ArrayHandle]:
        """Create a chunked dataset that holds `data`, and keep it open for its attributes."""
        handle = ArrayHandle(self.file)
        handle._c_classid = "EARRAY" if growing else "CARRAY"
        handle._g_new(*self._around(path), True)
        handle.byteorder = _NATIVE
        handle.atom = atom_of(data.dtype)
        handle.chunkshape = chunkshape
        handle.filters = filters
        if growing:
            handle.extdim = 0
        # HDF5 takes the first dimension of a growing array as 0 and lets it grow.
        handle.shape = (0, *data.shape[1:]) if growing else data.shape
        with self.bare():
            handle._v_objectid = handle._create_carray("")
        try:
            data = np.ascontiguousarray(data)
            if growing:
                handle._append(data)
            else:
                rank = data.ndim
                handle._g_write_slice(
                    np.zeros(rank, np.uint64),
                    np.ones(rank, np.uint64),
                    np.array(data.shape, np.uint64),
                    data,
                )
            yield handle
        finally:
            handle._g_close()

    @contextmanager
    def create_table(
        self, path: str, rows: NDArray[Any], rows_per_chunk: int, filters: tables.Filters
    ) -> Iterator[TableHandle]:
        """Create a table that consists of `rows`, and keep it open for its attributes."""
        handle = TableHandle(self.file)
        handle._g_new(*self._around(path), True)
        handle.description = description_of(rows.dtype)
        handle.chunkshape = (rows_per_chunk,)
        handle.filters = filters
        handle.nrows = len(rows)
        handle._v_recarray = np.ascontiguousarray(rows) if len(rows) else None
        with self.bare():
            handle._v_objectid = handle._create_table("", filters.complib or "", "")
        try:
            yield handle
        finally:
            handle._g_close()

    def create_link(self, path: str, target: str) -> None:
        """Create a soft link with an absolute target."""
        parent, _, name = path.rpartition("/")
        self.file.create_soft_link(parent or "/", name, target)
        self.forget(path)

    def link(self, path: str, new: str) -> None:
        """Give an object a second path of equal rights; it is there until both are removed."""
        parent, _, name = new.rpartition("/")
        self.file.create_hard_link(parent or "/", name, path)
        self.forget(new)

    def move(self, old: str, new: str) -> None:
        """Give an object another path; the new one must be free and its parent there."""
        self.forget(old)
        where, name = self._around(old)
        target, new_name = self._around(new)
        self._root._g_move_node(where._v_objectid, name, target._v_objectid, new_name, old, new)

    def remove(self, path: str) -> None:
        """Remove an object with everything below it."""
        self.forget(path)
        where, name = self._around(path)
        handle = hdf5extension.Node()
        handle._g_new(where, name, False)
        handle._g_delete(where)

    def cleared_unfinished(self, path: str) -> str:
        """Path to write an object to before it gets its own; what was left there is removed."""
        unfinished = markers.unfinished_path(path)
        self.discard(unfinished)
        return unfinished

    def discard(self, path: str) -> None:
        """Remove an object if it is there."""
        if self.kind(path) is not None:
            self.remove(path)

    def forget(self, path: str) -> None:
        """Close whatever is open at or below `path`, here and in PyTables' cache."""
        below = path.rstrip("/") + "/"
        for name in [key for key in self._groups if key == path or key.startswith(below)]:
            self._groups.pop(name)._g_close_group()
        nodes = self.file._node_manager
        if any(key == path or key.startswith(below) for key in nodes.registry):
            nodes.close_subtree(path)
            node = nodes.registry.get(path)
            if node is not None and node._v_isopen:
                node._f_close()

    def close(self) -> None:
        """Close every group that is still open."""
        while self._groups:
            self._groups.popitem()[1]._g_close_group()

    def _around(self, path: str) -> tuple[Any, str]:
        """An open group above `path` and the name that it gives to what is there."""
        parent, _, name = path.rpartition("/")
        handle = self._groups.get(parent)
        if handle is None:
            return self._root, path[1:]
        self._groups.move_to_end(parent)
        return handle, name

    def _keep(self, path: str, handle: GroupHandle) -> GroupHandle:
        handle._g_new(handle, ".", False)  # what it is asked from now on concerns itself
        if len(self._groups) >= _KEPT_OPEN:
            self._groups.popitem(last=False)[1]._g_close_group()
        self._groups[path] = handle
        return handle
