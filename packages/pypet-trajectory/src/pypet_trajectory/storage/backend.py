"""The inner storage seam: what a place that keeps one tree per trajectory must be able to do.

:class:`TreeBackend` is the small interface below
:class:`~pypet_trajectory.storage.tree_service.TreeStorageService`. The service walks trees,
follows store and load modes and speaks pypet's messages; a back end only reads and writes
single records. In memory, archive and HDF5 files are three back ends of the same service and
so behave alike. Two functions bring run tables up to date that are kept as such.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from pypet_trajectory.api.records import (
    NodeKind,
    NodeRecord,
    RunDelta,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.runs.table import RunTable

if TYPE_CHECKING:
    from pypet_trajectory.runs.table import RunTable


class TreeBackend(ABC):
    """Keeps trajectories as trees of records.

    A back end is opened, a trajectory is selected, then nodes are read and written by their
    full names (``'results.runs.run_00000000.z'``; ``''`` is the root). All node methods
    concern the selected trajectory.

    Notes
    -----
    Three promises hold for every implementation. A leaf becomes visible only when it is
    complete. A write that fails removes what it added and nothing else. Reading never writes.
    """

    # ---------------------------------------------------------------- session

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether the back end holds its file (or whatever it writes to) open."""

    @abstractmethod
    def open(self, *, writable: bool) -> None:
        """Open for reading, or for reading and writing.

        Raises
        ------
        FileNotFoundError
            If there is nothing to read.
        """

    @abstractmethod
    def close(self) -> None:
        """Make everything durable and close; does nothing if closed."""

    def abandon(self) -> None:
        """Close without what was changed since it counted as stored, if this kind can do that."""
        self.close()

    @abstractmethod
    def flush(self) -> None:
        """Let everything written so far count as stored, so that a killed process loses nothing."""

    def transaction(self) -> AbstractContextManager[None]:
        """All changes in the block happen at its end, or none, if this kind can do that."""
        return nullcontext()

    # ----------------------------------------------------------- trajectories

    @abstractmethod
    def trajectory_names(self) -> list[str]:
        """Names of the trajectories kept, sorted."""

    @abstractmethod
    def select(self, name: str, *, create: bool = False) -> None:
        """Make `name` the trajectory that all further calls concern.

        Raises
        ------
        KeyError
            If it is not there and `create` is false.
        """

    @abstractmethod
    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory with everything below it."""

    @abstractmethod
    def read_meta(self) -> TrajectoryMeta:
        """Meta data of the selected trajectory.

        Raises
        ------
        DataNotInStorageError
            If there is none, so that the trajectory cannot be loaded.
        """

    @abstractmethod
    def write_meta(self, meta: TrajectoryMeta) -> None:
        """Replace the meta data of the selected trajectory."""

    @abstractmethod
    def read_runs(self) -> RunTable:
        """The run table of the selected trajectory."""

    @abstractmethod
    def count_runs(self) -> int:
        """Number of runs, without reading the table."""

    @abstractmethod
    def write_runs(self, table: RunTable, rows: Collection[int] | None = None) -> None:
        """Write the run table: missing rows are appended, `rows` rewritten (``None``: all)."""

    @abstractmethod
    def update_runs(self, changed: RunRows) -> None:
        """Rewrite single rows of a run table that is already there, and their failures."""

    # ------------------------------------------------------------------ nodes

    @abstractmethod
    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node, ``None`` if it is not there."""

    @abstractmethod
    def children(self, full_name: str) -> Iterable[tuple[str, NodeKind]]:
        """Short names and kinds of everything directly below a group, in `loading_order`."""

    @abstractmethod
    def read_node(
        self,
        full_name: str,
        *,
        items: bool,
        load_only: Collection[str] | None = None,
        load_except: Collection[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
    ) -> NodeRecord:
        """Read one node.

        Parameters
        ----------
        full_name : str
            Which node.
        items : bool
            Whether to read a leaf's data; if not, ``record.items`` is ``None``.
        load_only, load_except : collection of str, optional
            Restrict the items by name; unknown names are ignored with a warning.
        load_flags : mapping, optional
            Storage kinds by item name that replace the stored ones.

        Raises
        ------
        DataNotInStorageError
            If the node is not there.
        """

    @abstractmethod
    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items, dotted where nested."""

    @abstractmethod
    def write_node(self, request: WriteRequest) -> None:
        """Write one group, leaf or link; parents that are missing are created as groups."""

    def write_delta(self, delta: RunDelta) -> None:
        """Write the new nodes of one run; every request is tried, the first error raised.

        Back ends override this where they can write many nodes of a run more cheaply than one
        by one.
        """
        first: Exception | None = None
        for request in delta.requests:
            try:
                self.write_node(request)
            except Exception as error:
                if first is None:
                    first = error
                else:
                    name = request.record.full_name
                    first.add_note(f"{name!r} could not be stored either: {error!r}")
        if first is not None:
            raise first

    @abstractmethod
    def delete_node(self, full_name: str) -> None:
        """Remove a group or leaf with everything below it, or a link.

        Raises
        ------
        DataNotInStorageError
            If the node is not there.
        """

    @abstractmethod
    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove single items of a leaf; unknown names are ignored with a warning."""

    # ------------------------------------------------------ between back ends

    def view(self) -> TreeBackend:
        """This storage once more, with a selection of its own.

        The view lives within the session of this back end: it is open while this one is open
        and must not be opened or closed by itself.

        Raises
        ------
        NoSuchServiceError
            If this kind of storage holds one selection only; then it cannot merge in place.
        """
        raise NoSuchServiceError(f"{type(self).__name__} cannot select two trajectories at once.")

    def at(self, location: str) -> TreeBackend:
        """A closed back end of the same kind and settings on another file.

        Raises
        ------
        NoSuchServiceError
            If this kind of storage knows no other places.
        """
        raise NoSuchServiceError(
            f"{type(self).__name__} cannot use another file, here {location!r}."
        )

    def copy_from(
        self, source: TreeBackend, renames: Mapping[str, str], *, move: bool = False
    ) -> None:
        """Copy nodes of the trajectory selected in `source` under new full names.

        With `move`, the nodes are removed from `source` once all copies are safe: if the process
        dies on the way, every node is in at least one of the two. Back ends override this where
        they can copy faster than record by record.
        """
        from pypet_trajectory.constants import OVERWRITE_DATA
        from pypet_trajectory.storage.copying import renamed

        for old_name, new_name in renames.items():
            record = source.read_node(old_name, items=True)
            self.write_node(WriteRequest(renamed(record, new_name), OVERWRITE_DATA))
        if move:
            self.flush()
            for old_name in renames:
                source.delete_node(old_name)


def loading_order(children: Iterable[tuple[str, NodeKind]]) -> list[tuple[str, NodeKind]]:
    """Children of a group as all back ends list them: from the last name to the first, then links.

    This is the order in which pypet 0.7 loads nodes, and scripts rely on it.
    """
    return sorted(
        children, key=lambda child: (child[1] is not NodeKind.LINK, child[0]), reverse=True
    )


def children_to_load(backend: TreeBackend, full_name: str) -> Iterable[tuple[str, NodeKind]]:
    """Children in the order in which they are loaded: as listed, but branches by name."""
    children = backend.children(full_name)
    return children if full_name else sorted(children)


def write_rows(stored: RunTable, table: RunTable, rows: Collection[int] | None) -> RunTable:
    """The table to keep: `stored`, with missing rows appended and `rows` rewritten.

    Parameters
    ----------
    stored : RunTable
        What is kept so far; may be changed.
    table : RunTable
        Where the rows come from; not changed.
    rows : collection of int, optional
        Indices of rows to rewrite; ``None`` means all.
    """
    before = len(stored)
    if rows is None and len(table) >= before:
        fresh = table.copy()
        fresh.mark_stored()
        return fresh
    missing = range(before, len(table))
    wanted = set(range(len(table)) if rows is None else rows).union(missing)
    stored.extend(len(missing))
    for idx in sorted(wanted):
        fields = table.row(idx)
        fields.pop("idx")
        stored.set(idx, **fields)
        if idx in table.failures:
            stored.failures[idx] = table.failures[idx]
        else:
            stored.failures.pop(idx, None)
    if table.names is not None:
        stored.names = list(table.names) + (stored.names or [])[len(table.names) :]
    stored.mark_stored()
    return stored


def apply_run_rows(stored: RunTable, changed: RunRows) -> None:
    """Rewrite the rows in `changed`, and their failures; unknown indices raise ``IndexError``."""
    for idx, row in changed.rows.items():
        fields = {name: value for name, value in row.items() if name not in ("idx", "name")}
        stored.set(idx, **fields)
        failure = changed.failures.get(idx)
        if failure is None:
            stored.failures.pop(idx, None)
        else:
            stored.failures[idx] = failure
    stored.mark_stored()
