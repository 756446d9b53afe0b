"""Reading and writing the nodes of a `.traj` archive.

:class:`ArchiveBackend` keeps a JSON entry for each node in the index of an
:class:`~pypet_trajectory.storage.archive_format.ArchiveFile`; the data of a leaf is a JSON member
plus one ``.npy`` member per array. Invariant: an entry enters the index after all its members are
written, so a node is there completely or not at all, and loading one leaf reads its own members
only. Unlike an HDF5 file an archive is not made for being appended to by every run of a long
experiment: each session that writes ends with a copy of the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PypetKeyError,
)
from pypet_trajectory.runs.table import FRESH, NUMERIC_FIELDS, RunTable
from pypet_trajectory.storage.archive_format import ArchiveFile
from pypet_trajectory.storage.archive_values import ValueDecoder, ValueEncoder
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.storage.modes import chosen_items, known_items, merged
from pypet_trajectory.storage.records import (
    NodeKind,
    NodeRecord,
    RunFailure,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.storage.rows import apply_run_rows, write_rows

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
                self.trajectories[name]["runs"] = _stored_runs(self.file, name, self.runs[name])
        self.dirty_runs.clear()
        if self.file.changed:
            self.file.commit(self._live_members())

    def _live_members(self) -> Iterable[str]:
        for tree in self.trajectories.values():
            yield from tree["runs"]["members"]
            for entry in tree["nodes"].values():
                yield from entry.get("members", ())
                yield from entry.get("notes_members", ())


class ArchiveBackend(TreeBackend):
    """Reads and writes nodes of an archive.

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
            session.children[name] = _children_of(session.trajectories[name]["nodes"])
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
        meta = self._tree["meta"]
        if meta is None:
            raise DataNotInStorageError(
                f"The trajectory {self._name!r} in {self.filename!r} has no meta data."
            )
        return TrajectoryMeta(**{**meta, "explored": tuple(meta["explored"])})

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
            session.runs[self._name] = _read_runs(session.file, self._tree["runs"])
        return session.runs[self._name]

    def _mark_runs(self) -> None:
        assert self._name is not None
        self._open_session.dirty_runs.add(self._name)
        self._open_session.file.changed = True

    # ------------------------------------------------------------------ nodes

    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node, ``None`` if it is not there."""
        entry = self._nodes.get(full_name)
        return None if entry is None else NodeKind(entry["kind"])

    def children(self, full_name: str) -> Iterable[tuple[str, NodeKind]]:
        """Short names and kinds of everything directly below a group, in order of storing."""
        nodes = self._nodes
        prefix = f"{full_name}." if full_name else ""
        names = self._children.get(full_name, {})
        return [(name, NodeKind(nodes[prefix + name]["kind"])) for name in names]

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
        decoder = ValueDecoder(
            self._open_session.file.read_array, self.allow_pickle, f"{full_name} in {self.filename}"
        )
        kind = NodeKind(entry["kind"])
        data = None
        if items and kind is NodeKind.LEAF:
            names = chosen_items(entry["items"], load_only, load_except, full_name)
            stored = self._stored_items(entry) if names else {}
            data = {name: decoder.decode(stored[name]) for name in names}
        return NodeRecord(
            full_name,
            kind,
            entry.get("class", ""),
            entry.get("comment", ""),
            decoder.decode(entry["notes"]) if "notes" in entry else {},
            data,
            entry.get("flags", {}),
            entry.get("parameter", False),
            entry.get("value"),
            entry.get("range", 0),
            entry.get("target", ""),
        )

    def _stored_items(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        data = entry.get("data")
        return {} if data is None else dict(self._open_session.file.read_json(data))

    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items."""
        return list(self._entry(full_name).get("items", ()))

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
        gone = set(known_items(full_name, names, entry["items"]))
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

    def _encoder(self, stem: str, members: list[str], record: NodeRecord) -> ValueEncoder:
        def add(array: Any) -> str:
            members.append(self._open_session.file.add_array(stem, array))
            return members[-1]

        return ValueEncoder(add, self.allow_pickle, record.full_name)

    # ------------------------------------------------------ between back ends

    def view(self) -> ArchiveBackend:
        """The same open archive with a selection of its own."""
        twin = self.at(self.filename)
        twin._session = self._session
        return twin

    def at(self, location: str) -> ArchiveBackend:
        """The archive at another path, closed."""
        return ArchiveBackend(location, allow_pickle=self.allow_pickle, complevel=self.complevel)


def _plain(item_name: str) -> str:
    """An item's name if it is harmless in a file name, else ``item``."""
    return item_name if _PLAIN_NAME.fullmatch(item_name) else "item"


def _children_of(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, None]]:
    group = NodeKind.GROUP.value
    children: dict[str, dict[str, None]] = {
        name: {} for name, entry in nodes.items() if entry["kind"] == group
    }
    for full_name in nodes:
        if full_name:
            parent, _, name = full_name.rpartition(".")
            children[parent][name] = None
    return children


def _brings_nothing_new(entry: Mapping[str, Any], request: WriteRequest) -> bool:
    """Whether a request can be skipped without reading what is there."""
    record = request.record
    return (
        entry["kind"] == record.kind.value
        and request.mode != 3
        and not request.overwrite
        and set(record.items or ()) <= set(entry.get("items", ()))
        and not record.annotations
        and (
            record.kind is not NodeKind.GROUP
            or (
                bool(entry.get("comment")) >= bool(record.comment)
                and bool(entry.get("class")) >= bool(record.class_name)
            )
        )
    )


# ------------------------------------------------------------------ run tables


def _stored_runs(file: ArchiveFile, name: str, table: RunTable) -> dict[str, Any]:
    """Write a run table and return what the index keeps about it."""
    columns: dict[str, Any] = {}
    members: list[str] = []
    for field, fresh in FRESH.items():
        column = table.column(field)
        values = column.tolist()
        if all(value == fresh for value in values):
            continue
        if field in NUMERIC_FIELDS:
            columns[field] = file.add_array(f"{name}/runs/{field}", column)
        else:
            columns[field] = file.add_json(f"{name}/runs/{field}", values)
        members.append(columns[field])
    if table.names is not None:
        columns["names"] = file.add_json(f"{name}/runs/names", table.names)
        members.append(columns["names"])
    failures = {str(idx): asdict(failure) for idx, failure in table.failures.items()}
    return {"length": len(table), "columns": columns, "failures": failures, "members": members}


def _read_runs(file: ArchiveFile, stored: Mapping[str, Any]) -> RunTable:
    columns = dict(stored.get("columns", {}))
    names = columns.pop("names", None)
    table = RunTable(stored["length"], None if names is None else file.read_json(names))
    for field, member in columns.items():
        numeric = field in NUMERIC_FIELDS
        table.set_column(field, file.read_array(member) if numeric else file.read_json(member))
    for idx, failure in stored.get("failures", {}).items():
        table.failures[int(idx)] = RunFailure(**failure)
    return table
