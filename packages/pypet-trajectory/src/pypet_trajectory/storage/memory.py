"""Trajectories in a dictionary: a real storage service without a file.

Good for tests, for short analyses, and as the model of what a service has to do. Invariant: the
store shares no mutable object with any tree. Values are copied on their way in and on their way
out, as they would be by a file. `LazyStorageService` keeps nothing at all, and no call of it fails.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pypet_trajectory.api.modes import chosen_items, known_items, merged
from pypet_trajectory.api.records import (
    NodeKind,
    NodeRecord,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import DataNotInStorageError, PypetKeyError
from pypet_trajectory.runs.table import RunTable
from pypet_trajectory.storage.backend import (
    TreeBackend,
    apply_run_rows,
    loading_order,
    write_rows,
)
from pypet_trajectory.storage.tree_service import TreeStorageService

_ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes))


@dataclass
class StoredTree:
    """One trajectory: its records and which names lie below which."""

    meta: TrajectoryMeta | None = None
    runs: RunTable = field(default_factory=lambda: RunTable(0))
    records: dict[str, NodeRecord] = field(default_factory=dict)
    #: Full name of a group to short names of its children, in order of storing.
    children: dict[str, dict[str, None]] = field(default_factory=dict)


class InMemoryBackend(TreeBackend):
    """Keeps trees of records in `trees`.

    Parameters
    ----------
    trees : dict, optional
        Name of the trajectory to its tree; given, it is shared with all that have it.
    places : dict, optional
        Other such stores by location, for backups and merges between stores.
    """

    def __init__(
        self,
        trees: dict[str, StoredTree] | None = None,
        places: dict[str, dict[str, StoredTree]] | None = None,
    ) -> None:
        self.trees: dict[str, StoredTree] = {} if trees is None else trees
        self.places: dict[str, dict[str, StoredTree]] = {} if places is None else places
        self._open = False
        self._tree: StoredTree | None = None

    @property
    def is_open(self) -> bool:
        """Whether a session is under way."""
        return self._open

    def open(self, *, writable: bool) -> None:
        """Begin a session; there is always something to open."""
        self._open = True

    def close(self) -> None:
        """End the session."""
        self._open = False
        self._tree = None

    def flush(self) -> None:
        """Do nothing: everything is visible at once."""

    # ----------------------------------------------------------- trajectories

    def trajectory_names(self) -> list[str]:
        """Names of the trajectories kept, sorted."""
        return sorted(self.trees)

    def select(self, name: str, *, create: bool = False) -> None:
        """Make `name` the trajectory that all further calls concern."""
        if name not in self.trees:
            if not create:
                raise PypetKeyError(f"There is no trajectory {name!r} in memory.")
            tree = StoredTree(children={"": {}})
            tree.records[""] = NodeRecord("", NodeKind.GROUP)
            self.trees[name] = tree
        self._tree = self.trees[name]

    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory with everything below it."""
        if self._tree is self.trees.pop(name):
            self._tree = None

    def read_meta(self) -> TrajectoryMeta:
        """Meta data of the selected trajectory."""
        meta = self._selected.meta
        if meta is None:
            raise DataNotInStorageError("The trajectory has no meta data in memory.")
        return meta

    def write_meta(self, meta: TrajectoryMeta) -> None:
        """Replace the meta data of the selected trajectory."""
        self._selected.meta = meta

    def read_runs(self) -> RunTable:
        """The run table of the selected trajectory."""
        return self._selected.runs.copy()

    def count_runs(self) -> int:
        """Number of runs."""
        return len(self._selected.runs)

    def write_runs(self, table: RunTable, rows: Collection[int] | None = None) -> None:
        """Write the run table."""
        self._selected.runs = write_rows(self._selected.runs, table, rows)

    def update_runs(self, changed: RunRows) -> None:
        """Rewrite single rows of the run table, and their failures."""
        apply_run_rows(self._selected.runs, changed)

    # ------------------------------------------------------------------ nodes

    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node, ``None`` if it is not there."""
        record = self._selected.records.get(full_name)
        return None if record is None else record.kind

    def children(self, full_name: str) -> Iterable[tuple[str, NodeKind]]:
        """Short names and kinds of everything directly below a group."""
        tree = self._selected
        prefix = f"{full_name}." if full_name else ""
        return loading_order(
            (name, tree.records[prefix + name].kind) for name in tree.children[full_name]
        )

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
        record = self._record(full_name)
        if record.items is None or not items:
            return replace(record, annotations=_copied(record.annotations), items=None)
        names = chosen_items(record.items, load_only, load_except, full_name)
        return replace(
            record,
            annotations=_copied(record.annotations),
            items={name: _copied(record.items[name]) for name in names},
        )

    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items."""
        return list(self._record(full_name).items or ())

    def write_node(self, request: WriteRequest) -> None:
        """Write one group, leaf or link."""
        tree = self._selected
        full_name = request.record.full_name
        present = tree.records.get(full_name)
        record = merged(present, replace(request, record=_own(request.record)))
        if present is None:
            self._enter(full_name)
            if record.kind is NodeKind.GROUP:
                tree.children[full_name] = {}
        tree.records[full_name] = record

    def delete_node(self, full_name: str) -> None:
        """Remove a group or leaf with everything below it, or a link."""
        self._record(full_name)
        tree = self._selected
        parent, _, name = full_name.rpartition(".")
        del tree.children[parent][name]
        waiting = [full_name]
        while waiting:
            current = waiting.pop()
            waiting.extend(f"{current}.{child}" for child in tree.children.pop(current, ()))
            del tree.records[current]

    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove single items of a leaf."""
        record = self._record(full_name)
        gone = set(known_items(full_name, names, record.items or {}))
        kept = {name: value for name, value in (record.items or {}).items() if name not in gone}
        self._selected.records[full_name] = replace(record, items=kept)

    # ------------------------------------------------------ between back ends

    def view(self) -> InMemoryBackend:
        """The same trees with a selection of its own."""
        twin = InMemoryBackend(self.trees, self.places)
        twin.open(writable=True)
        return twin

    def at(self, location: str) -> InMemoryBackend:
        """The store called `location`."""
        return InMemoryBackend(self.places.setdefault(location, {}), self.places)

    # --------------------------------------------------------------- internal

    @property
    def _selected(self) -> StoredTree:
        assert self._tree is not None, "no trajectory is selected"
        return self._tree

    def _record(self, full_name: str) -> NodeRecord:
        record = self._selected.records.get(full_name)
        if record is None:
            raise DataNotInStorageError(f"{full_name!r} is not in memory.")
        return record

    def _enter(self, full_name: str) -> None:
        """Note a new name below its parent, which comes into being where it is missing."""
        tree = self._selected
        parent, _, name = full_name.rpartition(".")
        if parent not in tree.children:
            self.write_node(WriteRequest(NodeRecord(parent, NodeKind.GROUP), 2))
        tree.children[parent][name] = None


class InMemoryStorageService(TreeStorageService):
    """Keeps trajectories in memory, as long as the service lives.

    Parameters
    ----------
    share_with : InMemoryStorageService, optional
        Another service whose trajectories this one shall see and change as well.

    Examples
    --------
    >>> from pypet_trajectory.trajectory import Trajectory
    >>> service = InMemoryStorageService()
    >>> traj = Trajectory('weather', storage_service=service)
    >>> _ = traj.f_add_parameter('wind', 7.5, comment='in m/s')
    >>> traj.f_store()
    >>> again = Trajectory(storage_service=service)
    >>> again.f_load(name='weather', load_data=2)
    >>> again.wind
    7.5
    """

    def __init__(self, share_with: InMemoryStorageService | None = None) -> None:
        if share_with is None:
            backend = InMemoryBackend()
        else:
            other = share_with.backend
            backend = InMemoryBackend(other.trees, other.places)
        super().__init__(backend)

    @property
    def backend(self) -> InMemoryBackend:
        """Where the records are."""
        backend = super().backend
        assert isinstance(backend, InMemoryBackend)
        return backend

    def __repr__(self) -> str:
        return f"<InMemoryStorageService of {len(self.backend.trees)} trajectories>"

    def _default_backup_location(self, name: str) -> str:
        """Name of the in-memory store that takes a backup; see ``backend.places``."""
        return f"backup_{name}"


def _own(record: NodeRecord) -> NodeRecord:
    return replace(
        record,
        annotations=_copied(record.annotations),
        flags=dict(record.flags),
        items=None
        if record.items is None
        else {name: _copied(value) for name, value in record.items.items()},
    )


def _copied(value: Any) -> Any:
    if type(value) in _ATOMS or isinstance(value, np.generic):
        return value
    return copy.deepcopy(value)


class LazyStorageService(StorageService):
    """Swallows everything.

    Parameters
    ----------
    *args, **kwargs
        Ignored, so that it can stand in for any other service.

    Examples
    --------
    >>> LazyStorageService(filename='nowhere.hdf5').store('FLUSH', None) is None
    True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""
