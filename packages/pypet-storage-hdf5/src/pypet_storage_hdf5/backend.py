"""`HDF5Backend`: trajectories in one HDF5 file, record by record. Dispatch only.

Each trajectory is a group below the root. How its nodes lie in it is a layout's affair
(:mod:`~pypet_storage_hdf5.layout.tree`), its meta data and run table that of
:mod:`~pypet_storage_hdf5.overview`. Invariant: after every writing call of the service the file
is flushed, so that a killed process loses nothing that was confirmed. Only deltas and rows that
arrive while the file is held open wait for the flush that their sender asks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pypet_storage_hdf5 import markers
from pypet_storage_hdf5.attributes import write_text
from pypet_storage_hdf5.file import DamagedRootError, OpenFile
from pypet_storage_hdf5.handles import GROUP
from pypet_storage_hdf5.holders import hold, holder_of, release
from pypet_storage_hdf5.layout.reader import OVERVIEW
from pypet_storage_hdf5.layout.tree import TreeLayout
from pypet_storage_hdf5.merging import copy_nodes
from pypet_storage_hdf5.overview.meta import (
    read_meta,
    read_settings,
    write_explorations,
    write_format,
    write_info,
    write_settings,
)
from pypet_storage_hdf5.overview.runs import RunsOnDisk
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_storage_hdf5.overview.tables import ensure_group
from pypet_storage_hdf5.progress import Progress
from pypet_storage_hdf5.protection import Protection
from pypet_storage_hdf5.recovery import mend_root, recover
from pypet_storage_hdf5.session_journal import Change, journal_path
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import DataNotInStorageError, PypetKeyError, PypetRuntimeError
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.storage.records import (
    NodeKind,
    NodeRecord,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)

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
    """

    def __init__(
        self,
        location: str,
        settings: Settings,
        title: str = "Experiments",
        *,
        allow_pickle: bool = True,
        display_time: float = 20,
    ) -> None:
        self.location = location
        self.settings = settings
        self.title = title
        self.allow_pickle = allow_pickle
        #: Counts what is stored and loaded while the file is open.
        self.progress = Progress(display_time)
        self._file: OpenFile | None = None
        self._borrowed = False
        #: Who holds the file that is borrowed, see `holders`.
        self._lender: HDF5Backend | None = None
        self._trajectory = ""
        self._layout: TreeLayout | None = None
        self._summaries: Summaries | None = None
        self._runs_on_disk: RunsOnDisk | None = None
        #: How runs are called if not by pypet's standard rule; for the run table.
        self.name_of_run: Callable[[int], str] | None = None
        self._unflushed = False
        self._protection: Protection | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A pickled back end is a closed one: an open file stays with its process.
        return {
            **self.__dict__,
            "_file": None,
            "_borrowed": False,
            "_lender": None,
            "_trajectory": "",
            "_layout": None,
            "_summaries": None,
            "_runs_on_disk": None,
            "_protection": None,
            "name_of_run": None,
        }

    # ---------------------------------------------------------------- session

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self._file is not None

    @property
    def file(self) -> OpenFile:
        """The open file.

        Raises
        ------
        RuntimeError
            If it is not open.
        """
        if self._file is None:
            raise PypetRuntimeError(f"The file {self.location!r} is not open.")
        return self._file

    def open(self, *, writable: bool) -> None:
        """Open the file; for writing it is created if it is not there.

        A file that this thread holds open for writing already is borrowed.
        """
        lender = holder_of(self.location)
        if lender is not None:
            self._borrow(lender)
            return
        try:
            self._file = self._opened(writable)
        except DamagedRootError:
            if not mend_root(self.location, allow_pickle=self.allow_pickle):
                raise
            self._file = self._opened(writable)
        if self._file.left_token or os.path.exists(journal_path(self._file.path)):
            try:
                recover(self)
            except BaseException:
                file, self._file = self._file, None
                file.abandon()
                raise
        self.progress.start()
        if writable:
            self._protection = Protection(self._file)
            hold(self.location, self)

    def _opened(self, writable: bool) -> OpenFile:
        return OpenFile(
            self.location,
            writable=writable,
            title=self.title,
            settings=self.settings,
            allow_pickle=self.allow_pickle,
        )

    def _borrow(self, lender: HDF5Backend) -> None:
        lender.flush()
        self._file = lender.file.shared(self.settings, allow_pickle=self.allow_pickle)
        self._borrowed = True
        self._lender = lender
        self.progress.start()

    def _give_back(self) -> None:
        try:
            self.flush()
        finally:
            self._file = self._lender = None
            self._borrowed = False
            self.deselect()

    def close(self) -> None:
        """Write what waits, make it durable, close."""
        if self._file is None:
            return
        if self._lender is not None:
            self._give_back()
            return
        try:
            self._write_summaries()
            if self._protection is not None:
                self._protection.write()
        finally:
            release(self)
            protection, self._protection = self._protection, None
            file, self._file = self._file, None
            self.deselect()
            if protection is not None:
                protection.close()
            elif not self._borrowed:
                file.close()

    def flush(self, *, buffers: bool = False) -> None:
        """Bring everything to the operating system, with `buffers` also what PyTables holds back.

        PyTables has buffers for those who work on tables of the open file.
        """
        if self._lender is not None and self._unflushed:
            self._write_summaries()
            self._unflushed = False
            self._lender.flush_changes_of_others()
        elif self._unflushed or buffers:
            self._write_summaries()
            (self._protection or self.file).flush(buffers=buffers)
            self._unflushed = False

    def flush_unnoted(self) -> None:
        """Flush after changes that are no changes of nodes, so are not in the journal."""
        self._unflushed = True
        if self._protection is not None:
            self._protection.leave_gap()
        self.flush()

    def keep_chunk(self, path: str, node: Any) -> None:
        """Protect what is in shared data from an append that is cut short."""
        protection = (self._lender or self)._protection
        if protection is not None:
            protection.keep_chunk(self._trajectory[1:], path, node)

    def flush_appended(self) -> None:
        """Flush after rows were appended to shared data whose last chunk was kept."""
        self._unflushed = True
        self.flush()

    def flush_changes_of_others(self) -> None:
        """Flush after somebody who borrowed the file has written to it."""
        self.flush_unnoted()
        if self._layout is not None:
            self._layout.forget()
        self._runs_on_disk = None

    # ----------------------------------------------------------- trajectories

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
        self._write_summaries()
        self.deselect()
        self._trajectory = path
        self._summaries = Summaries(self.file, self._overview)
        self._layout = TreeLayout(self.file, path, self._summaries)

    def deselect(self) -> None:
        """Select no trajectory, and forget what is known of the one that was."""
        self._trajectory = ""
        self._layout = None
        self._summaries = None
        self._runs_on_disk = None

    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory with everything below it; one unlinking."""
        if self._trajectory == f"/{name}":
            self.deselect()
        self.file.handles.remove(f"/{name}")
        self.flush_unnoted()

    def rename_trajectory(self, name: str, new_name: str) -> None:
        """Give a trajectory another name, replacing one that has it.

        Crash story: the trajectory that is replaced is unlinked before the new one gets its name;
        in between the new one is there, complete, under its old name.
        """
        handles = self.file.handles
        if handles.kind(f"/{new_name}") is not None:
            handles.remove(f"/{new_name}")
        handles.move(f"/{name}", f"/{new_name}")
        self.deselect()
        self.select(new_name)
        self.flush_unnoted()

    def read_meta(self) -> TrajectoryMeta:
        """Meta data of the selected trajectory."""
        with self.file.refusing_pickles(self._overview):
            return read_meta(self.file, self._trajectory)

    def write_meta(self, meta: TrajectoryMeta) -> None:
        """Write meta data, the settings and the missing overview tables.

        Crash story: `info` comes last but one; without it, the trajectory is not there.
        """
        self._unflushed = True
        self._prepare_overview()
        write_format(self.file, self._overview)
        write_explorations(self.file, self._overview, meta.explored)
        write_settings(self.file, self._overview, self.settings)
        self.summaries.create_missing(
            {
                "results_overview": self.settings.results_per_run * meta.length,
                "derived_parameters_overview": self.settings.derived_parameters_per_run
                * meta.length,
            }
        )
        write_info(self.file, self._overview, meta)
        if meta.comment:
            owner = self.file.handles.group(self._trajectory)
            if markers.COMMENT not in owner.attribute_names():
                self.file.handles.before_change(self._trajectory)
                write_text(owner, markers.COMMENT, meta.comment)
        self._note(Change.META, meta)

    def read_stored_settings(self) -> Settings | None:
        """The settings the selected trajectory was stored with."""
        return read_settings(self.file, self._overview)

    def read_runs(self) -> RunTable:
        """The run table."""
        return self._runs.read()

    def count_runs(self) -> int:
        """Number of runs."""
        return self._runs.count()

    def write_runs(self, table: RunTable, rows: Collection[int] | None = None) -> None:
        """Append missing rows, rewrite `rows`."""
        self._unflushed = True
        self._prepare_overview()
        try:
            stored = self.count_runs()
        except DataNotInStorageError:
            stored = 0
        self._runs.write(table, rows)
        written = range(len(table)) if rows is None else {*rows, *range(stored, len(table))}
        names = {idx: self.name_of_run(idx) for idx in written} if self.name_of_run else {}
        self._note(Change.RUNS, (table, written, names))

    def restore_runs(self, old_rows: Mapping[int, NDArray[Any]]) -> bool:
        """Replace what cannot be read of the run table by rows kept before they changed."""
        return self._runs.restore(old_rows)

    def update_runs(self, changed: RunRows) -> None:
        """Rewrite rows of runs, and their failures.

        Crash story: the rows are in the journal before the file changes, and in the file with the
        next flush, which the next run brings.
        """
        self._unflushed = True
        self._note(Change.ROWS, changed)
        if self._protection is not None:
            self._protection.write()
        self.file.handles.before_change(self._overview)
        self._runs.update(changed)

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
        self._unflushed = True
        self._note(Change.NODE, self.layout.write(request))
        self.progress.node_done()

    def delete_node(self, full_name: str) -> None:
        """Remove a node."""
        self._unflushed = True
        self.layout.delete(full_name)
        self._note(Change.DELETE, full_name)

    def delete_items(self, full_name: str, names: Collection[str]) -> None:
        """Remove items of a leaf."""
        self._unflushed = True
        self.layout.delete_items(full_name, names)
        self._note(Change.DELETE_ITEMS, (full_name, tuple(names)))

    def set_aside(self, full_name: str) -> None:
        """Give a damaged group a name that nobody reads."""
        handles = self.file.handles
        path = self.layout.path_of(full_name)
        if handles.kind(path) is None:
            return
        handles.set_aside(path)
        self.layout.forget()
        self._runs_on_disk = None

    # ------------------------------------------------------ between back ends

    def view(self) -> HDF5Backend:
        """The same open file with a selection of its own."""
        twin = HDF5Backend(self.location, self.settings, self.title, allow_pickle=self.allow_pickle)
        twin._file = self.file
        twin._borrowed = True
        return twin

    def at(self, location: str) -> HDF5Backend:
        """A back end with the same settings on another file; the same file gives a view."""
        return HDF5Backend(
            os.fspath(location),
            self.settings.copy(),
            os.fspath(location),
            allow_pickle=self.allow_pickle,
        )

    def copy_from(
        self, source: TreeBackend, renames: Mapping[str, str], *, move: bool = False
    ) -> None:
        """Copy nodes, as HDF5 objects if `source` is an HDF5 file too."""
        if not isinstance(source, HDF5Backend):
            super().copy_from(source, renames, move=move)
            return
        copy_nodes(source, self, renames, move=move)

    # --------------------------------------------------------------- internal

    @property
    def layout(self) -> TreeLayout:
        """Where the nodes of the selected trajectory lie."""
        if self._layout is None:
            raise PypetRuntimeError(f"No trajectory of {self.location!r} is selected.")
        return self._layout

    @property
    def summaries(self) -> Summaries:
        """The tables for the eye of the selected trajectory."""
        if self._summaries is None:
            raise PypetRuntimeError(f"No trajectory of {self.location!r} is selected.")
        return self._summaries

    @property
    def trajectory_path(self) -> str:
        """HDF5 path of the selected trajectory."""
        return self._trajectory

    @property
    def _overview(self) -> str:
        return f"{self._trajectory}/{OVERVIEW}"

    @property
    def _runs(self) -> RunsOnDisk:
        if self._runs_on_disk is None:
            self._runs_on_disk = RunsOnDisk(self.file, self._overview, self._keep_rows)
        self._runs_on_disk.name_of_run = self.name_of_run
        return self._runs_on_disk

    def _prepare_overview(self) -> None:
        """Make sure that there is a group for overviews, and that its index is kept."""
        ensure_group(self.file, self._overview)
        self.file.handles.before_change(self._overview)

    def _keep_rows(self, start: int, read: Callable[[], NDArray[Any]]) -> None:
        """Copy a chunk of the run table into the journal before it changes for the first time."""
        if self._protection is not None:
            self._protection.keep_rows(self._trajectory[1:], start, read)

    def _note(self, change: Change, content: Any) -> None:
        if self._protection is not None:
            self._protection.note(self._trajectory[1:], change, content)

    def _write_summaries(self) -> None:
        if self._summaries is not None and self._file is not None and self._file.writable:
            self.file.handles.before_change(self._overview)
            self._summaries.flush()
