"""The items of one leaf: building it complete, adding to it, replacing in it, reading it.

A leaf is an HDF5 group with ``SRVC_LEAF``; its items are datasets or groups with ``SRVC_STORE``.
Invariant: what a reader sees under an item's name is complete. Everything new is written under a
name that readers ignore and gets its own name by one renaming. A dotted item name lies in nested
groups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from pypet_storage_hdf5.codecs.arrays import array_value
from pypet_storage_hdf5.codecs.base import text_of
from pypet_storage_hdf5.codecs.registry import codec_of, storage_kind
from pypet_storage_hdf5.codecs.table import table_value
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import read_text, remove_text, write_text
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import DATASET, GROUP
from pypet_storage_hdf5.h5.objects import ArrayHandle, AttributeOwner
from pypet_trajectory.api.modes import chosen_items, known_items
from pypet_trajectory.constants import (
    ARRAY,
    CARRAY,
    DICT,
    EARRAY,
    NESTED_GROUP,
    SHARED_DATA,
    TABLE,
)
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)


class LeafItems:
    """Items below the group at `path`.

    Parameters
    ----------
    file : OpenFile
        The file.
    path : str
        HDF5 path of the leaf's group.
    """

    def __init__(self, file: OpenFile, path: str) -> None:
        self._file = file
        self._path = path

    # --------------------------------------------------------------- reading

    def kinds(self) -> dict[str, str]:
        """Storage kinds of all complete items by their dotted names."""
        found = {name: kind for name, _, kind in self._walk(self._path, "")}
        return {name: found[name] for name in self._in_order(found)}

    def read(
        self,
        full_name: str,
        load_only: Collection[str] | None = None,
        load_except: Collection[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Values of the items asked for.

        Raises
        ------
        NoSuchServiceError
            If an item is stored in a way this version does not know.
        """
        if load_only is None and load_except is None and not load_flags:
            items = self._read_plain()
            if items is not None:
                return items
        found = {name: (path, kind) for name, path, kind in self._walk(self._path, "")}
        found = {name: found[name] for name in self._in_order(found)}
        items = {}
        for name in chosen_items(found, load_only, load_except, full_name):
            path, kind = found[name]
            if load_flags and name in load_flags:
                kind = load_flags[name]
            try:
                items[name] = codec_of(kind, path).read(self._file, path, kind)
            except Exception as error:
                error.add_note(
                    f"while reading item {name!r} of {full_name!r}, at {path!r} in "
                    f"{self._file.path!r}"
                )
                raise
        return items

    def _read_plain(self) -> dict[str, Any] | None:
        """All items if each is one array or table, opened once; ``None`` if there are others."""
        children = self._file.handles.children(self._path)
        if children.groups:
            return None
        items = {}
        for name in children.datasets:
            if name.startswith(markers.UNFINISHED_PREFIX):
                return None
            try:
                items[name] = self._read_dataset(f"{self._path}/{name}")
            except Exception:  # whatever it is, the careful way tells more about it
                return None
        return {name: items[name] for name in self._in_order(items)} if len(items) > 1 else items

    def _read_dataset(self, path: str) -> Any:
        handles, encoding = self._file.handles, self._file.settings.encoding
        with handles.open_data(path) as dataset:
            names = dataset.attribute_names()
            kind = _storage_type(dataset, names)
            if isinstance(dataset, ArrayHandle):
                if kind in _ARRAY_KINDS:
                    return array_value(dataset, names, encoding)
            elif kind in _TABLE_KINDS:
                return table_value(dataset.read(), dataset, names, kind, encoding)
        raise PypetTypeError(f"{path!r} is stored as {kind!r}, but is no such thing.")

    def _walk(self, path: str, prefix: str) -> Iterator[tuple[str, str, str]]:
        """Dotted name, path and storage kind of each item."""
        children = self._file.handles.children(path)
        datasets = frozenset(children.datasets)
        names = children.datasets + children.groups
        unfinished = markers.UNFINISHED_PREFIX
        for stored in names:
            name = stored
            if stored.startswith(unfinished):
                # Complete but not renamed: the process died while replacing the item.
                name = stored[len(unfinished) :]
                if name in names:
                    continue
            child = f"{path}/{stored}"
            kind = self._kind(child, is_dataset=stored in datasets)
            if kind == NESTED_GROUP:
                yield from self._walk(child, f"{prefix}{name}.")
            elif kind is not None:
                yield prefix + name, child, kind
            elif stored is name and not name.startswith(markers.INDEX_PREFIX):
                _logger.warning(
                    "%r in %r is not marked as data of pypet and ignored.", child, self._file.path
                )

    def unmarked(self, group: str = "") -> Iterator[str]:
        """Paths below the leaf of data that does not say how it is stored."""
        children = self._file.handles.children(f"{self._path}/{group}".rstrip("/"))
        for name in (*children.datasets, *children.groups):
            if name.startswith((markers.UNFINISHED_PREFIX, markers.INDEX_PREFIX)):
                continue
            kind = self._kind(f"{self._path}/{group}{name}")
            if kind is None:
                yield group + name
            elif kind == NESTED_GROUP:
                yield from self.unmarked(f"{group}{name}/")

    def _kind(self, path: str, is_dataset: bool | None = None) -> str | None:
        handles = self._file.handles
        if is_dataset is None:
            is_dataset = handles.kind(path) == DATASET
        if not is_dataset:
            return _storage_type(handles.group(path))
        with handles.dataset(path) as owner:
            return _storage_type(owner)

    # --------------------------------------------------------------- writing

    def write_new(
        self, items: Mapping[str, Any], flags: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        """Write items into a group that no reader sees yet.

        Crash story: the group's name says that it is unfinished; what is in it does not matter.
        """
        for name, value in items.items():
            self._write(name, self._item_path(name), value, flags.get(name), options)
        self._write_order(list(items))

    def change(
        self,
        items: Mapping[str, Any],
        replaced: Collection[str],
        flags: Mapping[str, str],
        options: Mapping[str, Any],
    ) -> None:
        """Write items into a leaf that is there; `replaced` are those that have an old version.

        Crash story: all items are written under unfinished names first, which readers ignore.
        Then, item by item, the old version is removed and the new one renamed. Between these two
        steps the new one has its unfinished name, and since the old one is gone, readers take it.
        An exception while writing removes what was written.
        """
        written: list[tuple[str, str]] = []
        order = self._in_order([name for name, _, _ in self._walk(self._path, "")])
        try:
            for name, value in items.items():
                final = self._item_path(name)
                unfinished = markers.unfinished_path(final)
                if self._file.handles.kind(unfinished) is not None:
                    self._rescue(unfinished, final)
                written.append((unfinished, final))
                self._write(name, unfinished, value, flags.get(name), options)
        except BaseException:
            for unfinished, _ in written:
                self._file.handles.discard(unfinished)
            self._remove_empty_groups(items)
            raise
        for unfinished, final in written:
            if self._file.handles.kind(unfinished) is None:
                continue  # shared data: nothing is written for it
            self._file.handles.discard(final)
            self._file.handles.move(unfinished, final)
        self._write_order(order + [name for name in items if name not in order])

    def delete(self, full_name: str, names: Collection[str]) -> None:
        """Remove items; unknown names are reported and ignored.

        Crash story: items vanish one by one, each completely.
        """
        found = {name: path for name, path, _ in self._walk(self._path, "")}
        for name in known_items(full_name, names, found):
            self._file.handles.remove(found[name])
        self._remove_empty_groups(names)

    def adopt(self, path: str, names: Collection[str]) -> None:
        """Move complete items of another group here, unless their names are taken."""
        other = {name: item for name, item, _ in self._walk(path, "")}
        for name, item_path in other.items():
            if name not in names:
                self._file.handles.move(item_path, self._item_path(name))

    def _in_order(self, names: Collection[str]) -> list[str]:
        """Names as they were given, if the file says how; by name otherwise, as pypet 0.7 does."""
        if len(names) < 2:
            return list(names)
        owner = self._file.handles.group(self._path)
        text = read_text(owner, markers.ITEM_ORDER, owner.attribute_names()) or ""
        places = {name: place for place, name in enumerate(text.split("\n"))}
        return sorted(names, key=lambda name: (places.get(name, len(places)), name))

    def _write_order(self, names: list[str]) -> None:
        owner = self._file.handles.group(self._path)
        if names != sorted(names):
            write_text(owner, markers.ITEM_ORDER, "\n".join(names))
        elif markers.ITEM_ORDER in owner.attribute_names():
            remove_text(owner, markers.ITEM_ORDER)

    def _write(
        self, name: str, path: str, value: Any, flag: str | None, options: Mapping[str, Any]
    ) -> None:
        try:
            kind = storage_kind(value, flag)
            if kind == SHARED_DATA:
                return
            codec_of(kind, path).write(self._file, path, value, kind, options)
        except Exception as error:
            error.add_note(f"while storing item {name!r} at {path!r} in {self._file.path!r}")
            raise

    def _item_path(self, name: str) -> str:
        """Where an item lies; groups for the parts of a dotted name are created.

        Raises
        ------
        ValueError
            If the name cannot be used, or a part of it is an item itself.
        """
        *groups, short_name = name.split(".")
        path = self._path
        for group in (*groups, short_name):
            if not group or set(group) & set("/\0\n") or group.startswith(_RESERVED):
                raise PypetValueError(
                    f"{name!r} cannot be the name of an item: {group!r} is empty, contains a "
                    "slash, or begins as names of HDF5 nodes may not."
                )
        for group in groups:
            path = f"{path}/{group}"
            found = self._file.handles.kind(path)
            if found is None:
                handle = self._file.handles.create_group(path)
                handle.set_raw_attribute(markers.STORAGE_TYPE, np.array(NESTED_GROUP))
            elif found != GROUP or self._kind(path) != NESTED_GROUP:
                raise PypetValueError(
                    f"There cannot be an item {name!r}: {path!r} in {self._file.path!r} is an "
                    "item itself."
                )
        return f"{path}/{short_name}"

    def _rescue(self, unfinished: str, final: str) -> None:
        """What an earlier process left: a complete item it did not rename, or a part of one."""
        if self._file.handles.kind(final) is None and self._kind(unfinished) is not None:
            self._file.handles.move(unfinished, final)
        else:
            self._file.handles.remove(unfinished)

    def _remove_empty_groups(self, names: Collection[str]) -> None:
        for name in names:
            groups = name.split(".")[:-1]
            while groups:
                path = "/".join([self._path, *groups])
                if self._file.handles.kind(path) != GROUP or any(self._file.handles.children(path)):
                    break
                self._file.handles.remove(path)
                groups.pop()


def _storage_type(owner: AttributeOwner, names: Collection[str] | None = None) -> str | None:
    if markers.STORAGE_TYPE not in (owner.attribute_names() if names is None else names):
        return None
    return text_of(owner.raw_attribute(markers.STORAGE_TYPE))


_ARRAY_KINDS = frozenset((ARRAY, CARRAY, EARRAY))
_TABLE_KINDS = frozenset((TABLE, DICT))
_RESERVED = ("_v_", "_f_", "_g_", "_c_", markers.UNFINISHED_PREFIX)
