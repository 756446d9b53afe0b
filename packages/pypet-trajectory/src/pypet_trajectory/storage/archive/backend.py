"""Reading and writing the nodes of a `.traj` archive.

:class:`ArchiveBackend` keeps a JSON entry for each node in the index of an
:class:`~pypet_trajectory.storage.archive.container.ArchiveFile`; the data of a leaf is a JSON
member plus one ``.npy`` member per array. Invariant: an entry enters the index after all its
members are written, so a node is there completely or not at all, and loading one leaf reads its own
members only. Unlike an HDF5 file an archive is not made for being appended to by every run of a
long experiment: each session that writes ends with a copy of the file.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from pypet_trajectory.api.modes import chosen_items, known_items, merged
from pypet_trajectory.api.records import (
    NodeKind,
    NodeRecord,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.exceptions import DataNotInStorageError, PypetKeyError
from pypet_trajectory.runs.table import RunTable
from pypet_trajectory.storage.archive.container import ArchiveFile
from pypet_trajectory.storage.archive.index import (
    children_of,
    damaged,
    kind_of,
    meta_of,
    record_of,
    taken,
    texts,
)
from pypet_trajectory.storage.archive.runs import read_runs, stored_runs
from pypet_trajectory.storage.archive.values import ArchiveDecoder, ArchiveEncoder
from pypet_trajectory.storage.backend import (
    TreeBackend,
    apply_run_rows,
    loading_order,
    write_rows,
)

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Session:
    """What all selections of one open archive share."""

    def __init__(self, file: ArchiveFile) -> None:
        self.file = file
        #: Run tables read or written in this session, by trajectory; written ones are dirty.
        self.runs: dict[str, RunTable] = {}
        self.dirty_runs: set[str] = set()
        #: Trajectory to full name of group to short names of its children, in order.
        self.children: dict[str, dict[str, dict[str, None]]] = {}

    @property
    def trajectories(self) -> dict[str, Any]:
        found: dict[str, Any] = self.file.index["trajectories"]
        return found

    def commit(self) -> None:
        for name in self.dirty_runs:
            if name in self.trajectories:
                self.trajectories[name]["runs"] = stored_runs(self.file, name, self.runs[name])
        self.dirty_runs.clear()
        if self.file.changed:
            self.file.commit(self._live_members())

    def _live_members(self) -> Iterable[str]:
        for name, tree in self.trajectories.items():
            place = f"the trajectory {name!r} in the archive {self.file.path}"
            yield from tree["runs"]["members"]
            for entry in tree["nodes"].values():
                for key in ("members", "notes_members"):
                    if key in entry:
                        yield from texts(entry, key, place)


class ArchiveBackend(TreeBackend):
    """Reads and writes nodes of an archive.

    Whatever is in the file, reading raises a `PypetError` if it is not what a writer may have put
    there: `PypetOSError` for damage, `VersionMismatchError` for another format,
    `PickleRefusedError` for pickles that are not allowed, `NoSuchServiceError` for unknown forms
    of data, and `MissingPackageError` for data of packages that are not installed.

    Parameters
    ----------
    filename : str
        The archive.
    allow_pickle : bool, optional
        Whether data without a form of its own may be pickled, and pickles be loaded.
    complevel : int, optional
        Deflate level of new members, 0 to 9.
    """

    def __init__(self, filename: str, *, allow_pickle: bool = False, complevel: int = 4) -> None:
        self.filename = filename
        self.allow_pickle = allow_pickle
        self.complevel = complevel
        self._session: _Session | None = None
        self._name: str | None = None

    # ---------------------------------------------------------------- session

    @property
    def is_open(self) -> bool:
        """Whether a session is under way."""
        return self._session is not None

    def open(self, *, writable: bool) -> None:
        """Open the archive; written data becomes visible with :meth:`flush` or :meth:`close`."""
        self._session = _Session(
            ArchiveFile(self.filename, writable=writable, complevel=self.complevel)
        )
        self._name = None

    def close(self) -> None:
        """Commit all changes and close; does nothing if closed."""
        session, self._session, self._name = self._session, None, None
        if session is not None:
            try:
                session.commit()
            finally:
                session.file.close()

    def flush(self) -> None:
        """Commit all changes."""
        self._open_session.commit()

    @property
    def _open_session(self) -> _Session:
        assert self._session is not None, "the archive is closed"
        return self._session

    # ----------------------------------------------------------- trajectories

    def trajectory_names(self) -> list[str]:
        """Names of the trajectories kept, sorted."""
        return sorted(self._open_session.trajectories)

    def select(self, name: str, *, create: bool = False) -> None:
        """Make `name` the trajectory that all further calls concern."""
        session = self._open_session
        if name not in session.trajectories:
            if not create:
                raise PypetKeyError(f"There is no trajectory {name!r} in {self.filename!r}.")
            session.trajectories[name] = {
                "meta": None,
                "runs": {"length": 0, "members": []},
                "nodes": {"": {"kind": NodeKind.GROUP.value}},
            }
            session.file.changed = True
        if name not in session.children:
            session.children[name] = children_of(
                session.trajectories[name]["nodes"],
                f"the trajectory {name!r} in the archive {self.filename}",
            )
        self._name = name

    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory with everything below it."""
        session = self._open_session
        del session.trajectories[name]
        session.children.pop(name, None)
        session.runs.pop(name, None)
        session.dirty_runs.discard(name)
        session.file.changed = True
        if self._name == name:
            self._name = None

    @property
    def _tree(self) -> dict[str, Any]:
        assert self._name is not None, "no trajectory is selected"
        tree: dict[str, Any] = self._open_session.trajectories[self._name]
        return tree

    @property
    def _nodes(self) -> dict[str, dict[str, Any]]:
        nodes: dict[str, dict[str, Any]] = self._tree["nodes"]
        return nodes

    def read_meta(self) -> TrajectoryMeta:
        """Meta data of the selected trajectory."""
        meta = self._tree.get("meta")
        if meta is None:
            raise DataNotInStorageError(
                f"The trajectory {self._name!r} in {self.filename!r} has no meta data."
            )
        return meta_of(meta, self._place("the meta data"))

    def write_meta(self, meta: TrajectoryMeta) -> None:
        """Replace the meta data of the selected trajectory."""
        self._tree["meta"] = asdict(meta)
        self._open_session.file.changed = True

    def read_runs(self) -> RunTable:
        """The run table of the selected trajectory."""
        return self._runs().copy()

    def count_runs(self) -> int:
        """Number of runs, without reading the table."""
        session = self._open_session
        if self._name in session.runs:
            return len(session.runs[self._name])
        length: int = self._tree["runs"]["length"]
        return length

    def write_runs(self, table: RunTable, rows: Collection[int] | None = None) -> None:
        """Write the run table."""
        assert self._name is not None
        if rows is not None and not rows and len(table) <= self.count_runs():
            return
        self._open_session.runs[self._name] = write_rows(self._runs(), table, rows)
        self._mark_runs()

    def update_runs(self, changed: RunRows) -> None:
        """Rewrite single rows of the run table, and their failures."""
        apply_run_rows(self._runs(), changed)
        self._mark_runs()

    def _runs(self) -> RunTable:
        assert self._name is not None
        session = self._open_session
        if self._name not in session.runs:
            place = self._place("the run table")
            session.runs[self._name] = read_runs(
                session.file.reader_for(place), self._tree["runs"], place
            )
        return session.runs[self._name]

    def _place(self, what: str) -> str:
        return f"{what} of the trajectory {self._name!r} in the archive {self.filename}"

    def _mark_runs(self) -> None:
        assert self._name is not None
        self._open_session.dirty_runs.add(self._name)
        self._open_session.file.changed = True

    # ------------------------------------------------------------------ nodes

    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node, ``None`` if it is not there."""
        entry = self._nodes.get(full_name)
        return None if entry is None else kind_of(entry)

    def children(self, full_name: str) -> Iterable[tuple[str, NodeKind]]:
        """Short names and kinds of everything directly below a group."""
        nodes = self._nodes
        prefix = f"{full_name}." if full_name else ""
        names = self._children.get(full_name, {})
        return loading_order((name, kind_of(nodes[prefix + name])) for name in names)

    @property
    def _children(self) -> dict[str, dict[str, None]]:
        assert self._name is not None
        return self._open_session.children[self._name]

    def read_node(
        self,
        full_name: str,
        *,
        items: bool,
        load_only: Collection[str] | None = None,
        load_except: Collection[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
    ) -> NodeRecord:
        """Read one node; storage kinds mean nothing here."""
        entry = self._entry(full_name)
        place = self._place(repr(full_name) if full_name else "the root")
        reader = self._open_session.file.reader_for(place)
        decoder = ArchiveDecoder(
            reader.array, self.allow_pickle, f"{full_name or 'the root'} in {self.filename}"
        )
        data = None
        if items and kind_of(entry) is NodeKind.LEAF:
            names = chosen_items(texts(entry, "items", place), load_only, load_except, full_name)
            stored = {}
            if names:
                stored = reader.json(taken(entry, "data", str, place))
            if not isinstance(stored, dict) or not stored.keys() >= set(names):
                damaged(place, "its data", f"the items {names}", stored)
            data = {name: decoder.decode(stored[name]) for name in names}
        annotations = decoder.decode(entry["notes"]) if "notes" in entry else {}
        if not isinstance(annotations, dict) or not all(type(name) is str for name in annotations):
            damaged(place, "its annotations", "values by name", annotations)
        return record_of(entry, full_name, place, annotations, data)

    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items."""
        return list(texts(self._entry(full_name), "items", self._place(repr(full_name))))

    def write_node(self, request: WriteRequest) -> None:
        """Write one group, leaf or link."""
        record = request.record
        entry = self._nodes.get(record.full_name)
        if entry is None:
            record = merged(None, request)
            self._enter(record.full_name)
            self._nodes[record.full_name] = self._new_entry(record)
        else:
            if _brings_nothing_new(entry, request):
                return
            present = self.read_node(record.full_name, items=True)
            self._nodes[record.full_name] = self._new_entry(merged(present, request))
        if record.kind is NodeKind.GROUP:
            self._children.setdefault(record.full_name, {})
        self._open_session.file.changed = True

    def delete_node(self, full_name: str) -> None:
        """Remove a group or leaf with everything below it, or a link."""
        self._entry(full_name)
        parent, _, name = full_name.rpartition(".")
        del self._children[parent][name]
        waiting = [full_name]
        while waiting:
            current = waiting.pop()
            waiting.extend(f"{current}.{child}" for child in self._children.pop(current, ()))
            del self._nodes[current]
        self._open_session.file.changed = True

    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove single items of a leaf."""
        entry = self._entry(full_name)
        available = texts(entry, "items", self._place(repr(full_name)))
        gone = set(known_items(full_name, names, available))
        if gone:
            record = self.read_node(full_name, items=True)
            kept = {name: value for name, value in (record.items or {}).items() if name not in gone}
            self._nodes[full_name] = self._new_entry(replace(record, items=kept))
            self._open_session.file.changed = True

    def _entry(self, full_name: str) -> dict[str, Any]:
        entry = self._nodes.get(full_name)
        if entry is None:
            raise DataNotInStorageError(
                f"{full_name!r} is not in the trajectory {self._name!r} in {self.filename!r}."
            )
        return entry

    def _enter(self, full_name: str) -> None:
        """Note a new name below its parent, which comes into being where it is missing."""
        parent, _, name = full_name.rpartition(".")
        if parent not in self._children:
            self.write_node(WriteRequest(NodeRecord(parent, NodeKind.GROUP), 2))
        self._children[parent][name] = None

    def _new_entry(self, record: NodeRecord) -> dict[str, Any]:
        """The index entry of a node, with its members written."""
        entry: dict[str, Any] = {"kind": record.kind.value}
        for key, value in (
            ("class", record.class_name),
            ("comment", record.comment),
            ("target", record.target),
            ("flags", dict(record.flags)),
            ("parameter", record.is_parameter),
            ("range", record.range_length),
            ("value", record.value),
        ):
            if value:
                entry[key] = value
        file = self._open_session.file
        stem = f"{self._name}/{record.full_name.replace('.', '/')}".rstrip("/")
        if record.annotations:
            notes_members: list[str] = []
            entry["notes_members"] = notes_members
            encoder = self._encoder(f"{stem}/annotation", notes_members, record)
            entry["notes"] = encoder.encode(dict(record.annotations))
        if record.kind is NodeKind.LEAF:
            entry["items"] = list(record.items or ())
            members: list[str] = []
            if record.items:
                data = {
                    name: self._encoder(f"{stem}/{_plain(name)}", members, record).encode(value)
                    for name, value in record.items.items()
                }
                entry["data"] = file.add_json(f"{stem}/items", data)
                entry["members"] = [*members, entry["data"]]
        return entry

    def _encoder(self, stem: str, members: list[str], record: NodeRecord) -> ArchiveEncoder:
        def add(array: Any) -> str:
            members.append(self._open_session.file.add_array(stem, array))
            return members[-1]

        return ArchiveEncoder(add, self.allow_pickle, record.full_name)

    # ------------------------------------------------------ between back ends

    def view(self) -> ArchiveBackend:
        """The same open archive with a selection of its own, which at first is this one."""
        return copy.copy(self)

    def at(self, location: str) -> ArchiveBackend:
        """The archive at another path, closed."""
        return ArchiveBackend(location, allow_pickle=self.allow_pickle, complevel=self.complevel)


def _plain(item_name: str) -> str:
    """An item's name if it is harmless in a file name, else ``item``."""
    return item_name if _PLAIN_NAME.fullmatch(item_name) else "item"


def _brings_nothing_new(entry: Mapping[str, Any], request: WriteRequest) -> bool:
    """Whether a request can be skipped without reading what is there."""
    record = request.record
    return (
        entry["kind"] == record.kind.value
        and request.mode != 3
        and not request.overwrite
        and set(record.items or ()) <= set(texts(entry, "items", record.full_name))
        and not record.annotations
        and (
            record.kind is not NodeKind.GROUP
            or (
                bool(entry.get("comment")) >= bool(record.comment)
                and bool(entry.get("class")) >= bool(record.class_name)
            )
        )
    )
