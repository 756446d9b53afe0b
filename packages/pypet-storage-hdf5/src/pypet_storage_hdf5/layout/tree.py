"""Writing the tree layout of pypet 0.7, which :mod:`~pypet_storage_hdf5.layout.reader` reads.

Invariant: what could not be written completely is removed again, and an item or a leaf that is
replaced keeps its name until the new one is complete. What a killed process leaves is the session's
affair. Groups are there as soon as something needs them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import is_leaf, write_annotations, write_text
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import GROUP, LINK
from pypet_storage_hdf5.h5.objects import AttributeOwner
from pypet_storage_hdf5.layout.leaf import LeafItems
from pypet_storage_hdf5.layout.reader import TreeReader
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_trajectory.api.modes import ANNOTATIONS, items_to_overwrite
from pypet_trajectory.api.records import NodeKind, NodeRecord, WriteRequest
from pypet_trajectory.constants import OVERWRITE_DATA
from pypet_trajectory.exceptions import DataNotInStorageError, PypetTypeError

#: Classes that groups have without saying so.
_STANDARD_GROUPS = frozenset(
    ("", "NNGroupNode", "ConfigGroup", "ParameterGroup", "DerivedParameterGroup", "ResultGroup")
)

_MAX_REMEMBERED = 100_000


class TreeLayout(TreeReader):
    """Nodes of one trajectory in an open file, to be read and changed.

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
        super().__init__(file, trajectory)
        self._summaries = summaries
        #: Full names of groups known to be there, so that parents are not looked up each time.
        self._known_groups: set[str] = set()

    # --------------------------------------------------------------- writing

    def write(self, request: WriteRequest) -> WriteRequest:
        """Write one node; missing parents become plain groups.

        Returns
        -------
        WriteRequest
            The request with those items that were written; a leaf that is there keeps the others.
        """
        record = request.record
        self.forget_seen()
        if record.kind is NodeKind.GROUP:
            self._write_group(request)
            return request
        parent = record.full_name.rpartition(".")[0]
        self.ensure_groups(parent)
        if record.kind is NodeKind.LEAF:
            return self._write_leaf(request)
        if self._handles.kind(self.path_of(record.full_name)) is None:
            self._handles.create_link(self.path_of(record.full_name), self.path_of(record.target))
        return request

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
        kind = self._handles.kind(path)
        if kind is None:
            self.ensure_groups(full_name.rpartition(".")[0])
            self._handles.create_group(path)
        elif kind == GROUP and is_leaf(self._handles.group(path)):
            raise self._wrong_kind(full_name, "leaf", "group")
        if len(self._known_groups) > _MAX_REMEMBERED:
            self._known_groups.clear()
        self._known_groups.add(full_name)

    def forget(self) -> None:
        """Look everything up again, after something was removed."""
        self._known_groups.clear()
        self.forget_seen()

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

    def _write_leaf(self, request: WriteRequest) -> WriteRequest:
        record = request.record
        path = self.path_of(record.full_name)
        kind = self._handles.kind(path)
        if kind is None:
            self._create_leaf(request, path)
        elif kind == GROUP and is_leaf(self._handles.group(path)):
            return self._change_leaf(request, path)
        elif kind == GROUP and self.may_become_leaf(path):
            self._create_leaf(request, path, half=path)
        else:
            raise self._wrong_kind(record.full_name, "link" if kind == LINK else "group", "leaf")
        return request

    def _create_leaf(self, request: WriteRequest, path: str, half: str | None = None) -> None:
        """Write a new leaf, taking over what a half-written one at `half` has.

        Crash story: that of the session; an exception removes the leaf again.
        """
        record = request.record
        place = path if half is None else self._handles.cleared_unfinished(path)
        self._handles.create_group(place)
        try:
            items = LeafItems(self.file, place)
            items.write_new(record.items or {}, record.flags, request.options)
            owner = self._handles.group(place)
            write_annotations(owner, record.annotations)
            self._write_leaf_attributes(owner, record, self._summaries.leaf_created(record))
            if half is not None:
                items.adopt(half, record.items or {})
                self._handles.remove(half)
                self._handles.move(place, path)
        except BaseException:
            self._handles.discard(place)
            raise

    def _change_leaf(self, request: WriteRequest, path: str) -> WriteRequest:
        """Add to a leaf that is there, or replace parts of it.

        Crash story: items as in `LeafItems.change`; attributes change one by one after that.
        """
        record = request.record
        overwriting = _overwrites(request)
        new_items = record.items or {}
        changed: dict[str, Any] = {}
        if new_items:
            leaf = LeafItems(self.file, path)
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
            isinstance(request.overwrite, tuple) and ANNOTATIONS in request.overwrite
        )
        write_annotations(owner, record.annotations, replace=replace_annotations)
        if overwriting:
            self._write_leaf_attributes(owner, record, record.comment)
        return replace(request, record=replace(record, items=changed))

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
                f"{full_name!r} cannot be deleted: it is not in {self.file.path!r}."
            )
        self._handles.remove(path)
        self.forget()

    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove items of a leaf."""
        self.forget_seen()
        LeafItems(self.file, self.path_of(full_name)).delete(full_name, names)

    def _wrong_kind(self, full_name: str, found: str, wanted: str) -> PypetTypeError:
        return PypetTypeError(
            f"{full_name!r} cannot be stored as a {wanted}: there is a {found} of that name in "
            f"{self.file.path!r}. Delete it there first."
        )


_TRUE = np.array(True)


def _overwrites(request: WriteRequest) -> bool:
    return request.mode == OVERWRITE_DATA or request.overwrite is True
