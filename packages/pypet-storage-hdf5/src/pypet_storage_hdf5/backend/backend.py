"""`HDF5Backend`: trajectories in one HDF5 file, record by record. Dispatch only.

Each trajectory is a group below the root. How its nodes lie in it is a layout's affair
(:mod:`~pypet_storage_hdf5.layout.tree`), its meta data and run table that of
:mod:`~pypet_storage_hdf5.overview`, and how the file is opened and stays whole that of
:mod:`~pypet_storage_hdf5.backend.connection`. Invariant: each change is told to the session after
it was made in the working copy; it counts as stored after `flush` or `close`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet_storage_hdf5.backend.access import access_data, only_reads
from pypet_storage_hdf5.backend.connection import Connection
from pypet_storage_hdf5.backend.progress import Progress
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import OpenFile, damage_reported
from pypet_storage_hdf5.h5.handles import GROUP
from pypet_storage_hdf5.layout.copying import copy_nodes
from pypet_storage_hdf5.layout.tree import TreeLayout
from pypet_storage_hdf5.overview.meta import Overview
from pypet_storage_hdf5.overview.runs import RunsOnDisk
from pypet_storage_hdf5.safety.session_journal import Change
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.api.records import (
    NodeKind,
    NodeRecord,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PypetKeyError,
    PypetRuntimeError,
)
from pypet_trajectory.storage.backend import TreeBackend

if TYPE_CHECKING:
    from pypet_trajectory.runs.table import RunTable


class HDF5Backend(TreeBackend):
    """Keeps trajectories in one HDF5 file.

    Parameters
    ----------
    location : str
        The file.
    settings : Settings
        Filters, pandas format and overview tables for what is written.
    title : str, optional
        Title of the file if it is created.
    allow_pickle : bool, optional
        Whether pickles in the file may be loaded.
    display_time : float, optional
        Seconds between two messages on progress.
    ends : bool, optional
        Whether the back end is there to end a session of many calls, see
        :class:`~pypet_storage_hdf5.backend.connection.Connection`.
    """

    def __init__(
        self,
        location: str,
        settings: Settings,
        title: str = "Experiments",
        *,
        allow_pickle: bool = True,
        display_time: float = 20,
        ends: bool = False,
    ) -> None:
        self.location = location
        self.settings = settings
        self.title = title
        self.allow_pickle = allow_pickle
        #: Counts what is stored and loaded while the file is open.
        self.progress = Progress(display_time)
        #: The file, and the session that writes it.
        self.connection = Connection(self, ends=ends)
        self._trajectory = ""
        self._layout: TreeLayout | None = None
        self._overview: Overview | None = None
        #: How runs are called if not by pypet's standard rule; for the run table.
        self.name_of_run: Callable[[int], str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A pickled back end is a closed one.
        closed = dict.fromkeys(("_layout", "_overview", "name_of_run"))
        return {**self.__dict__, **closed, "_trajectory": ""}

    # ---------------------------------------------------------------- session

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self.connection.is_open

    @property
    def file(self) -> OpenFile:
        """The open file; raises `RuntimeError` if it is not open."""
        return self.connection.file

    def open(self, *, writable: bool) -> None:
        """Open the file; for writing it is created if it is not there."""
        self.connection.open(writable=writable)
        self.progress.start()

    def close(self) -> None:
        """Let what was stored count, and close."""
        try:
            self.connection.close()
        finally:
            self.deselect()

    def abandon(self) -> None:
        """Close without storing anything that does not count as stored."""
        self.deselect()
        self.connection.abandon()

    def flush(self) -> None:
        """Let everything so far count as stored."""
        self.connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all changes in this block happen at its end, or none if it is left by an error."""
        session = self.connection.writing
        if session is None:
            yield
            return
        name = self._trajectory[1:]
        session.begin_transaction()
        try:
            yield
            self.write_summaries()
            session.end_transaction()
        except BaseException:
            self.deselect()
            session.roll_back()
            if name in self.trajectory_names():
                self.select(name)
            raise

    def forget(self) -> None:
        """Look everything up again, after another back end has written to the file."""
        if self._layout is not None:
            self._layout.forget()
        if self._overview is not None:
            self._overview.forget()

    def write_summaries(self) -> None:
        """Write rows of overview tables that wait."""
        if self._overview is not None and self.is_open and self.file.writable:
            self._overview.summaries.flush()

    def use_settings(self, settings: Settings) -> None:
        """Write with these settings from now on."""
        self.settings = settings
        if self.is_open:
            self.file.settings = settings

    # ----------------------------------------------------------- trajectories

    @damage_reported
    def trajectory_names(self) -> list[str]:
        """Names of all groups below the root, sorted, but those that were never finished."""
        groups = self.file.handles.children("/").groups
        return sorted(name for name in groups if not markers.is_unfinished(name))

    def select(self, name: str, *, create: bool = False) -> None:
        """Make the trajectory called `name` the one that all further calls concern."""
        path = f"/{name}"
        if self.file.handles.kind(path) != GROUP:
            if not create:
                raise PypetKeyError(f"There is no trajectory {name!r} in {self.location!r}.")
            self.file.handles.create_group(path)
            self.connection.touch()
        self.write_summaries()
        self.deselect()
        self._trajectory = path
        self._overview = Overview(self.file, path)
        self._layout = TreeLayout(self.file, path, self._overview.summaries)

    def deselect(self) -> None:
        """Select no trajectory, and forget what is known of the one that was."""
        self._trajectory = ""
        self._layout = self._overview = None

    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory with everything below it."""
        if self._trajectory == f"/{name}":
            self.deselect()
        self.file.handles.remove(f"/{name}")
        self._note(Change.REMOVE, None, name)

    def rename_trajectory(self, name: str, new_name: str) -> None:
        """Give a trajectory another name, replacing one that has it."""
        handles = self.file.handles
        if handles.kind(f"/{new_name}") is not None:
            handles.remove(f"/{new_name}")
        handles.move(f"/{name}", f"/{new_name}")
        self._note(Change.RENAME, new_name, name)
        self.deselect()
        self.select(new_name)

    @damage_reported
    def read_meta(self) -> TrajectoryMeta:
        """Meta data of the selected trajectory."""
        return self.overview.read_meta()

    def write_meta(self, meta: TrajectoryMeta) -> None:
        """Write meta data, the settings and the missing overview tables."""
        self.overview.write_meta(meta, self.settings)
        self._note(Change.META, meta)

    @damage_reported
    def read_stored_settings(self) -> Settings | None:
        """The settings the selected trajectory was stored with."""
        return self.overview.read_settings()

    @damage_reported
    def read_runs(self) -> RunTable:
        """The run table."""
        return self._runs.read()

    @damage_reported
    def count_runs(self) -> int:
        """Number of runs."""
        return self._runs.count()

    def write_runs(self, table: RunTable, rows: Collection[int] | None = None) -> None:
        """Append missing rows, rewrite `rows`."""
        self.overview.ensure()
        try:
            stored = self.count_runs()
        except DataNotInStorageError:
            stored = 0
        self._runs.write(table, rows)
        written = range(len(table)) if rows is None else {*rows, *range(stored, len(table))}
        if written:
            names = {idx: self.name_of_run(idx) for idx in written} if self.name_of_run else {}
            self._note(Change.RUNS, (table, rows, names))

    def update_runs(self, changed: RunRows) -> None:
        """Rewrite rows of runs, and their failures."""
        self._runs.update(changed)
        self._note(Change.ROWS, changed)

    @property
    def _runs(self) -> RunsOnDisk:
        runs = self.overview.runs
        runs.name_of_run = self.name_of_run
        return runs

    # ------------------------------------------------------------------ nodes

    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node."""
        return self.layout.kind_of(full_name)

    def children(self, full_name: str) -> Iterator[tuple[str, NodeKind]]:
        """Names and kinds of what is below a group, each looked at when its turn comes."""
        return self.layout.children(full_name)

    def read_node(
        self,
        full_name: str,
        *,
        items: bool,
        load_only: Collection[str] | None = None,
        load_except: Collection[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
    ) -> NodeRecord:
        """One node as record."""
        self.progress.node_done()
        return self.layout.read(
            full_name,
            items=items,
            load_only=load_only,
            load_except=load_except,
            load_flags=load_flags,
        )

    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items."""
        return self.layout.item_names(full_name)

    def write_node(self, request: WriteRequest) -> None:
        """Write one node."""
        self.layout.write(request)
        self._note(Change.NODE, request)
        self.progress.node_done()

    def delete_node(self, full_name: str) -> None:
        """Remove a node."""
        self.layout.delete(full_name)
        self._note(Change.DELETE, full_name)

    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove items of a leaf."""
        self.layout.delete_items(full_name, names)
        self._note(Change.DELETE_ITEMS, (full_name, tuple(names)))

    def access(
        self,
        full_name: str,
        item: str,
        request: str,
        args: tuple[Any, ...] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry out a request to shared data, see :mod:`~pypet_storage_hdf5.backend.access`."""
        answer = access_data(self, full_name, item, request, args, kwargs)
        if not only_reads(request):
            self._note(Change.REQUEST, (full_name, item, request, args, kwargs))
        return answer

    # ------------------------------------------------------ between back ends

    def view(self) -> HDF5Backend:
        """The same open file with a selection of its own."""
        twin = HDF5Backend(self.location, self.settings, self.title, allow_pickle=self.allow_pickle)
        twin.connection.borrow(self.connection, self.file)
        return twin

    def again(self, *, ends: bool = False) -> HDF5Backend:
        """A closed back end with the same settings on the same file."""
        return self._twin(self.location, self.title, ends=ends)

    def at(self, location: str) -> HDF5Backend:
        """A closed back end with the same settings on another file."""
        return self._twin(os.fspath(location), os.fspath(location))

    def _twin(self, location: str, title: str, *, ends: bool = False) -> HDF5Backend:
        return HDF5Backend(
            location, self.settings.copy(), title, allow_pickle=self.allow_pickle, ends=ends
        )

    def copy_from(
        self, source: TreeBackend, renames: Mapping[str, str], *, move: bool = False
    ) -> None:
        """Copy nodes, as HDF5 objects if `source` is an HDF5 file too."""
        if not isinstance(source, HDF5Backend):
            super().copy_from(source, renames, move=move)
            return
        # The source may have changed when it would be done again.
        self.connection.change_unnoted()
        copied = copy_nodes(source.layout, self.layout, renames, move=move)
        if move:
            for old_name in copied:
                source.delete_node(old_name)

    # --------------------------------------------------------------- internal

    @property
    def layout(self) -> TreeLayout:
        """Where the nodes of the selected trajectory lie."""
        if self._layout is None:
            raise self._unselected()
        return self._layout

    @property
    def overview(self) -> Overview:
        """Meta data, run table and overview tables of the selected trajectory."""
        if self._overview is None:
            raise self._unselected()
        return self._overview

    def _unselected(self) -> PypetRuntimeError:
        return PypetRuntimeError(f"No trajectory of {self.location!r} is selected.")

    def _note(self, change: Change, content: Any, trajectory: str | None = None) -> None:
        """Tell the session of a change that was made."""
        name = self._trajectory[1:] if trajectory is None else trajectory
        self.connection.note(name, change, content)


def complete_file(path: str) -> None:
    """Put into a file what only the journal of a killed process has; unpickles the journal."""
    backend = HDF5Backend(path, Settings(), allow_pickle=True)
    backend.open(writable=True)
    backend.close()
