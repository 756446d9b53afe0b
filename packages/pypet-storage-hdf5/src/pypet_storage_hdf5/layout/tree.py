"""The tree layout of pypet 0.7: one HDF5 group per node, paths as in the tree.

``results.run_00000000.z`` of trajectory ``fitting`` is the group
``/fitting/results/run_00000000/z``. Invariant: a group without ``SRVC_LEAF`` is a group of the
tree, unless it holds data: then it is what pypet 0.7 leaves behind when it is killed, and is
hidden. Names that begin with ``__pypet_unfinished__`` are hidden as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from pypet_storage_hdf5 import markers
from pypet_storage_hdf5.attributes import (
    is_leaf,
    read_node_attributes,
    write_annotations,
    write_text,
)
from pypet_storage_hdf5.file import OpenFile
from pypet_storage_hdf5.handles import GROUP, LINK, AttributeOwner, Children
from pypet_storage_hdf5.layout.leaf import LeafItems
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_trajectory.constants import OVERWRITE_DATA
from pypet_trajectory.exceptions import DataNotInStorageError, PypetTypeError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage.modes import ANNOTATIONS, items_to_overwrite
from pypet_trajectory.storage.records import NodeKind, NodeRecord, WriteRequest

_logger = module_logger(__name__)

#: Classes that groups have without saying so.
_STANDARD_GROUPS = frozenset(
    ("", "NNGroupNode", "ConfigGroup", "ParameterGroup", "DerivedParameterGroup", "ResultGroup")
)

OVERVIEW = "overview"
_MAX_REMEMBERED = 100_000


class TreeLayout:
    """Nodes of one trajectory in an open file.

    Parameters
    ----------
    file : OpenFile
        The file.
    trajectory : str
        HDF5 path of the trajectory's group.
    summaries : Summaries
        Gets to know of new leaves, and says which comments are purged.
    """

    def __init__(self, file: OpenFile, trajectory: str, summaries: Summaries) -> None:
        self._file = file
        self._handles = file.handles
        self._trajectory = trajectory
        self._summaries = summaries
        #: Full names of groups known to be there, so that parents are not looked up each time.
        self._known_groups: set[str] = set()
        #: Whoever loads a tree asks for the children of a group and then for each child: kinds,
        #: names of attributes and listings found on the way, each used once.
        self._listed_kinds: dict[str, NodeKind] = {}
        self._attribute_names: dict[str, list[str]] = {}
        self._listings: dict[str, Children] = {}

    def path_of(self, full_name: str) -> str:
        """HDF5 path of a node."""
        if not full_name:
            return self._trajectory
        return f"{self._trajectory}/{full_name.replace('.', '/')}"

    # --------------------------------------------------------------- reading

    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node, ``None`` if it is not there or hidden."""
        if full_name.partition(".")[0] == OVERVIEW:
            return None
        return self._kind_at(self.path_of(full_name))

    def children(self, full_name: str) -> Iterator[tuple[str, NodeKind]]:
        """Names and kinds of the nodes below a group, each looked at when its turn comes."""
        path = self.path_of(full_name)
        found = self._listings.pop(path, None) or self._handles.children(path)
        if len(self._listed_kinds) > _MAX_REMEMBERED:
            self._forget_listings()
        for name in found.groups:
            if not full_name and name == OVERVIEW:
                continue
            child = f"{path}/{name}"
            kind = self._kind_of_group(child, remember=True)
            if kind is not None:
                self._listed_kinds[child] = kind
                yield name, kind
        for name in found.links:
            yield name, NodeKind.LINK

    def read(
        self,
        full_name: str,
        *,
        items: bool,
        load_only: Collection[str] | None = None,
        load_except: Collection[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
    ) -> NodeRecord:
        """One node as record.

        Raises
        ------
        DataNotInStorageError
            If it is not there.
        """
        path = self.path_of(full_name)
        listed = self._listed_kinds.pop(path, None)
        kind = GROUP if listed is not None else self._handles.kind(path)
        if kind == LINK:
            return NodeRecord(full_name, NodeKind.LINK, target=self._link_target(path))
        if kind != GROUP or full_name.partition(".")[0] == OVERVIEW:
            raise DataNotInStorageError(
                f"{full_name!r} is not in the trajectory {self._trajectory[1:]!r} in "
                f"{self._file.path!r}."
            )
        with self._file.refusing_pickles(path):
            attributes = read_node_attributes(
                self._handles.group(path),
                self._attribute_names.pop(path, None),
                None if listed is None else listed is NodeKind.LEAF,
            )
        if not attributes.is_leaf:
            return NodeRecord(
                full_name,
                NodeKind.GROUP,
                attributes.class_name,
                attributes.comment,
                attributes.annotations,
            )
        values = (
            LeafItems(self._file, path).read(full_name, load_only, load_except, load_flags)
            if items
            else None
        )
        return NodeRecord(
            full_name,
            NodeKind.LEAF,
            attributes.class_name,
            attributes.comment,
            attributes.annotations,
            values,
        )

    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items."""
        return list(LeafItems(self._file, self.path_of(full_name)).kinds())

    def _kind_at(self, path: str) -> NodeKind | None:
        kind = self._handles.kind(path)
        if kind == LINK:
            return NodeKind.LINK
        return self._kind_of_group(path) if kind == GROUP else None

    def _kind_of_group(self, path: str, *, remember: bool = False) -> NodeKind | None:
        if path.rpartition("/")[2].startswith(markers.UNFINISHED_PREFIX):
            return None
        group = self._handles.group(path)
        names = self._attribute_names.get(path)
        if names is None:
            names = group.attribute_names()
        if remember:
            self._attribute_names[path] = names
        if is_leaf(group, names):
            return NodeKind.LEAF
        if path == self._trajectory:
            return NodeKind.GROUP
        found = self._handles.children(path)
        if remember:
            self._listings[path] = found
        if self._is_half_leaf(path, found, remember=remember):
            _logger.warning(
                "%r in %r is a result or parameter that was not stored completely; it is left "
                "out. repair_hdf5_file() restores its data.",
                path,
                self._file.path,
            )
            return None
        return NodeKind.GROUP

    def is_half_leaf(self, path: str) -> bool:
        """Whether a group without leaf mark holds data, so was to become a leaf."""
        return self._is_half_leaf(path, self._handles.children(path))

    def _is_half_leaf(self, path: str, found: Children, *, remember: bool = False) -> bool:
        for name in found.datasets[:1]:
            with self._handles.dataset(f"{path}/{name}") as dataset:
                return markers.STORAGE_TYPE in dataset.attribute_names()
        # Leaves with nothing but pandas data or nested items have no datasets.
        for name in found.groups[:1]:
            child = f"{path}/{name}"
            names = self._handles.group(child).attribute_names()
            if remember:
                self._attribute_names[child] = names
            return markers.STORAGE_TYPE in names
        return False

    def _link_target(self, path: str) -> str:
        target = self._handles.link_target(path)
        prefix = self._trajectory + "/"
        return target[len(prefix) :].replace("/", ".") if target.startswith(prefix) else target

    # --------------------------------------------------------------- writing

    def write(self, request: WriteRequest) -> None:
        """Write one node; missing parents become plain groups."""
        record = request.record
        self._forget_listings()
        if record.kind is NodeKind.GROUP:
            self._write_group(request)
            return
        parent = record.full_name.rpartition(".")[0]
        self.ensure_groups(parent)
        if record.kind is NodeKind.LEAF:
            self._write_leaf(request)
        elif self._handles.kind(self.path_of(record.full_name)) is None:
            self._handles.create_link(self.path_of(record.full_name), self.path_of(record.target))

    def ensure_groups(self, full_name: str) -> None:
        """Create a group and its parents where they are missing.

        Crash story: each group is one link in its parent; some may be there without the others.

        Raises
        ------
        TypeError
            If one of them is a leaf.
        """
        if not full_name or full_name in self._known_groups:
            return
        path = self.path_of(full_name)
        if self._handles.kind(path) is None:
            self.ensure_groups(full_name.rpartition(".")[0])
            self._handles.create_group(path)
        elif self._kind_at(path) is NodeKind.LEAF:
            raise self._wrong_kind(full_name, "leaf", "group")
        if len(self._known_groups) > _MAX_REMEMBERED:
            self._known_groups.clear()
        self._known_groups.add(full_name)

    def forget(self) -> None:
        """Look everything up again, after something was removed."""
        self._known_groups.clear()
        self._forget_listings()

    def _forget_listings(self) -> None:
        self._listed_kinds.clear()
        self._attribute_names.clear()
        self._listings.clear()

    def _write_group(self, request: WriteRequest) -> None:
        """Write comment, class and annotations of a group.

        Crash story: the group may be there without some of its attributes.
        """
        record = request.record
        self.ensure_groups(record.full_name)
        owner = self._handles.group(self.path_of(record.full_name))
        wanted = (
            record.comment
            or record.annotations
            or request.mode == OVERWRITE_DATA
            or (record.class_name not in _STANDARD_GROUPS)
        )
        if not wanted:
            return
        overwriting = _overwrites(request)
        names = owner.attribute_names()
        if record.comment and (overwriting or markers.COMMENT not in names):
            write_text(owner, markers.COMMENT, record.comment)
        if record.class_name not in _STANDARD_GROUPS and (
            overwriting or markers.CLASS_NAME not in names
        ):
            write_text(owner, markers.CLASS_NAME, record.class_name)
        write_annotations(owner, record.annotations, replace=overwriting)

    def _write_leaf(self, request: WriteRequest) -> None:
        record = request.record
        path = self.path_of(record.full_name)
        kind = self._handles.kind(path)
        if kind is None:
            self._create_leaf(request, path)
        elif kind == GROUP and is_leaf(self._handles.group(path)):
            self._change_leaf(request, path)
        elif kind == GROUP and self.is_half_leaf(path):
            self._create_leaf(request, path, half=path)
        else:
            raise self._wrong_kind(record.full_name, "link" if kind == LINK else "group", "leaf")

    def _create_leaf(self, request: WriteRequest, path: str, half: str | None = None) -> None:
        """Write a new leaf, taking over what a half-written one at `half` has.

        Crash story: the leaf is built under an unfinished name, which readers ignore and the next
        store removes, and gets its own name by one renaming when everything is in it. An
        exception removes it again.
        """
        record = request.record
        parent, _, name = path.rpartition("/")
        unfinished = f"{parent}/{markers.UNFINISHED_PREFIX}{name}"
        if self._handles.kind(unfinished) is not None:
            self._handles.remove(unfinished)
        owner = self._handles.create_group(unfinished)
        try:
            items = LeafItems(self._file, unfinished)
            items.write_new(record.items or {}, record.flags, request.options)
            owner = self._handles.group(unfinished)
            write_annotations(owner, record.annotations)
            self._write_leaf_attributes(owner, record, self._summaries.leaf_created(record))
            if half is not None:
                items.adopt(half, record.items or {})
                self._handles.remove(half)
            self._handles.move(unfinished, path)
        except BaseException:
            if self._handles.kind(unfinished) is not None:
                self._handles.remove(unfinished)
            raise

    def _change_leaf(self, request: WriteRequest, path: str) -> None:
        """Add to a leaf that is there, or replace parts of it.

        Crash story: items as in `LeafItems.change`; attributes change one by one after that.
        """
        record = request.record
        overwriting = _overwrites(request)
        new_items = record.items or {}
        if new_items:
            leaf = LeafItems(self._file, path)
            present = leaf.kinds()
            replaced = items_to_overwrite(request, present)
            changed = {
                name: value
                for name, value in new_items.items()
                if name in replaced or name not in present
            }
            if changed:
                leaf.change(changed, replaced, record.flags, request.options)
                if record.range_length and not overwriting:
                    self._summaries.parameter_explored(record)
        owner = self._handles.group(path)
        replace_annotations = overwriting or (
            request.overwrite is not True and ANNOTATIONS in request.overwrite
        )  # type: ignore[operator]
        write_annotations(owner, record.annotations, replace=replace_annotations)
        if overwriting:
            self._write_leaf_attributes(owner, record, record.comment)

    def _write_leaf_attributes(
        self, owner: AttributeOwner, record: NodeRecord, comment: str
    ) -> None:
        """Comment and class, and last the mark that makes a group a leaf."""
        if comment:
            write_text(owner, markers.COMMENT, comment)
        owner.set_raw_attribute(markers.CLASS_NAME, np.array(record.class_name))
        owner.set_raw_attribute(markers.LEAF, _TRUE)

    # -------------------------------------------------------------- removing

    def delete(self, full_name: str) -> None:
        """Remove a node with everything below it.

        Crash story: it is unlinked from its parent in one step.

        Raises
        ------
        DataNotInStorageError
            If it is not there.
        """
        path = self.path_of(full_name)
        if not full_name or self._handles.kind(path) is None:
            raise DataNotInStorageError(
                f"{full_name!r} cannot be deleted: it is not in {self._file.path!r}."
            )
        self._handles.remove(path)
        self.forget()

    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove items of a leaf."""
        self._forget_listings()
        LeafItems(self._file, self.path_of(full_name)).delete(full_name, names)

    def _wrong_kind(self, full_name: str, found: str, wanted: str) -> PypetTypeError:
        return PypetTypeError(
            f"{full_name!r} cannot be stored as a {wanted}: there is a {found} of that name in "
            f"{self._file.path!r}. Delete it there first."
        )


_TRUE = np.array(True)


def _overwrites(request: WriteRequest) -> bool:
    return request.mode == OVERWRITE_DATA or request.overwrite is True
