"""`HDF5Backend`: trajectories in one HDF5 file, record by record. Dispatch only.

Each trajectory is a group below the root. How its nodes lie in it is a layout's affair
(:mod:`~pypet_storage_hdf5.layout.tree`), its meta data and run table that of
:mod:`~pypet_storage_hdf5.overview`, and how the file stays whole that of
:mod:`~pypet_storage_hdf5.backend.session`. Invariant: each change is told to the session after it
was made in the working copy; it counts as stored after `flush` or `close`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet_storage_hdf5.backend.access import access_data, only_reads
from pypet_storage_hdf5.backend.holding import Holding
from pypet_storage_hdf5.backend.merging import copy_nodes
from pypet_storage_hdf5.backend.open_files import opened_here, register, unregister
from pypet_storage_hdf5.backend.reading import Reading
from pypet_storage_hdf5.backend.replay import replay
from pypet_storage_hdf5.backend.session import Session
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import write_text
from pypet_storage_hdf5.h5.file import OpenFile, damage_reported
from pypet_storage_hdf5.h5.handles import GROUP
from pypet_storage_hdf5.h5.progress import Progress
from pypet_storage_hdf5.layout.reader import OVERVIEW
from pypet_storage_hdf5.layout.tree import TreeLayout
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
from pypet_storage_hdf5.safety.folder import find, leave
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
    PickleRefusedError,
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
    holding : Holding, optional
        How the back end takes part in sessions of many calls.
    """

    def __init__(
        self,
        location: str,
        settings: Settings,
        title: str = "Experiments",
        *,
        allow_pickle: bool = True,
        display_time: float = 20,
        holding: Holding | None = None,
    ) -> None:
        self.location = location
        self.settings = settings
        self.title = title
        self.allow_pickle = allow_pickle
        #: Counts what is stored and loaded while the file is open.
        self.progress = Progress(display_time)
        self._file: OpenFile | None = None
        #: What closes the file in the end, ``None`` for views and files that are borrowed.
        self._session: Session | Reading | None = None
        #: The back end that has the file open, if it is borrowed, see `holders`.
        self._shared_with: HDF5Backend | None = None
        self._holding = Holding() if holding is None else holding
        self._trajectory = ""
        self._layout: TreeLayout | None = None
        self._summaries: Summaries | None = None
        self._runs_on_disk: RunsOnDisk | None = None
        #: How runs are called if not by pypet's standard rule; for the run table.
        self.name_of_run: Callable[[int], str] | None = None
        self._unflushed = False
        self._noted_settings: Settings | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A pickled back end is a closed one: an open file stays with its process.
        return {
            **self.__dict__,
            "_file": None,
            "_session": None,
            "_shared_with": None,
            "_trajectory": "",
            "_layout": None,
            "_summaries": None,
            "_runs_on_disk": None,
            "name_of_run": None,
            "_noted_settings": None,
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
        other = opened_here(self.location)
        if other is not None:
            other.flush()
            self._file = other.file.shared(self.settings, allow_pickle=self.allow_pickle)
            self._shared_with = other
        elif writable:
            self._open_session()
            register(self.location, self)
        else:
            reading = Reading(self.location, self.settings, self.allow_pickle, self._finish)
            self._session, self._file = reading, reading.file
        self.progress.start()

    def _open_session(self) -> None:
        self._noted_settings = None
        try:
            session = Session(
                self.location,
                title=self.title,
                settings=self.settings,
                allow_pickle=self.allow_pickle,
                replay=self._replay,
                finish=self._finish,
                is_held=self._holding.holds(self.location),
            )
        except BaseException:
            self._session = self._file = None
            self.deselect()
            raise
        self._session, self._file = session, session.file

    def _replay(self, session: Session, journal: str, end: int) -> None:
        """Make the changes of a journal again; called by the session while it opens."""
        if not self.allow_pickle:
            raise PickleRefusedError(
                f"A process was killed while it wrote {self.location!r}. The journal {journal!r} "
                "holds pickles, which are refused (allow_pickle=False). Open the file once with "
                "allow_pickle=True, or remove the folder of the journal if you can do without "
                "what it holds."
            )
        self._session, self._file = session, session.file
        replay(self, journal, end)

    def _finish(self) -> None:
        """Open and close the file for writing, which ends a session that nothing holds."""
        other = self.again(holding=Holding(ends=True))
        other.open(writable=True)
        other.close()

    def again(self, holding: Holding | None = None) -> HDF5Backend:
        """A closed back end with the same settings on the same file."""
        return HDF5Backend(
            self.location,
            self.settings.copy(),
            self.title,
            allow_pickle=self.allow_pickle,
            holding=holding,
        )

    def hold(self) -> None:
        """Let what is stored be shown later, until `release`."""
        self._holding.begin(self.location)

    def release(self) -> None:
        """Show everything that was stored; the last of several calls does it."""
        ends = self._holding.end(self.location) and not self.is_open
        folder = find(os.path.realpath(self.location))
        if ends and folder is not None:
            try:
                self._finish()
            finally:
                leave(folder)  # what could not be shown is for the next opening

    @property
    def writing(self) -> Session | None:
        """The session that writes the file, also of the back end that it is borrowed from."""
        if self._shared_with is not None:
            return self._shared_with.writing
        return self._session if isinstance(self._session, Session) else None

    def close(self) -> None:
        """Let what was stored count, and close."""
        if self._file is None:
            return
        if self._session is None:  # borrowed
            try:
                self.flush()
            finally:
                self._file = self._shared_with = None
                self.deselect()
            return
        session = self._session
        try:
            if isinstance(session, Session):
                self.write_summaries()
        finally:
            unregister(self)
            self._session = self._file = None
            self.deselect()
            if isinstance(session, Session):
                session.close(is_held=self._holding.holds(self.location), ends=self._holding.ends)
            else:
                session.close()

    def abandon(self) -> None:
        """Close without storing anything that does not count as stored."""
        session, self._session, self._file = self._session, None, None
        unregister(self)
        self.deselect()
        if isinstance(session, Session):
            session.abandon()
        elif session is not None:
            session.close()

    def flush(self, *, buffers: bool = False) -> None:
        """Let everything so far count as stored, with `buffers` also what PyTables holds back.

        PyTables has buffers for those who work on tables of the open file.
        """
        session = self.writing
        if session is not None and (self._unflushed or buffers):
            self.write_summaries()
            self._unflushed = False
            session.commit(everything=buffers)
            if self._shared_with is not None:
                self._shared_with.forget()

    def keep_open(self) -> None:
        """Let `flush` make things safe while the file stays open."""
        if self.writing is not None:
            self.writing.keep_open()
        self.progress.stop()

    def checkpoint_if_due(self) -> None:
        """Show readers what was stored, if that is affordable now."""
        if isinstance(self._session, Session):
            self._session.checkpoint_if_due()

    def change_unnoted(self) -> None:
        """Say that something changes that cannot be made again from a journal."""
        self._unflushed = True
        if self.writing is not None:
            self.writing.change_unnoted()

    def checkpoint(self) -> None:
        """Show readers what was stored, now."""
        if isinstance(self._session, Session):
            self.flush()
            self._session.checkpoint()
        elif not self.is_open and find(os.path.realpath(self.location)) is not None:
            self.open(writable=True)
            self.change_unnoted()
            self.close()

    def hand_out(self) -> None:
        """Say that the user gets a node of PyTables."""
        if self.writing is not None:
            self.writing.hand_out()

    def forget(self) -> None:
        """Look everything up again, after another back end has written to the file."""
        if self._layout is not None:
            self._layout.forget()
        self._runs_on_disk = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all changes in this block happen at its end, or none if it is left by an error."""
        session = self.writing
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
            self._touch()
        self.write_summaries()
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
        with self.file.refusing_pickles(self._overview):
            return read_meta(self.file, self._trajectory)

    def write_meta(self, meta: TrajectoryMeta) -> None:
        """Write meta data, the settings and the missing overview tables."""
        ensure_group(self.file, self._overview)
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
                write_text(owner, markers.COMMENT, meta.comment)
        self._note(Change.META, meta)

    @damage_reported
    def read_stored_settings(self) -> Settings | None:
        """The settings the selected trajectory was stored with."""
        return read_settings(self.file, self._overview)

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
        ensure_group(self.file, self._overview)
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
        twin._file = self.file
        twin._shared_with = self._shared_with or self
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
        self.change_unnoted()  # the source may have changed when it would be done again
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
        """The overview tables of the selected trajectory."""
        if self._summaries is None:
            raise PypetRuntimeError(f"No trajectory of {self.location!r} is selected.")
        return self._summaries

    @property
    def _overview(self) -> str:
        return f"{self._trajectory}/{OVERVIEW}"

    @property
    def _runs(self) -> RunsOnDisk:
        if self._runs_on_disk is None:
            self._runs_on_disk = RunsOnDisk(self.file, self._overview)
        self._runs_on_disk.name_of_run = self.name_of_run
        return self._runs_on_disk

    def _touch(self) -> None:
        if self.writing is not None:
            self.writing.touch()

    def use_settings(self, settings: Settings) -> None:
        """Write with these settings from now on."""
        self.settings = settings
        if self._file is not None:
            self._file.settings = settings

    def _note(self, change: Change, content: Any, trajectory: str | None = None) -> None:
        """Tell the session of a change that was made."""
        self._unflushed = True
        session = self.writing
        if session is None:
            return
        name = self._trajectory[1:] if trajectory is None else trajectory
        if self.settings != self._noted_settings and session.notes:
            self._noted_settings = self.settings.copy()
            session.note(name, Change.SETTINGS, self._noted_settings)
        session.note(name, change, content)

    def write_summaries(self) -> None:
        """Write rows of overview tables that wait."""
        if self._summaries is not None and self._file is not None and self._file.writable:
            self._summaries.flush()


def complete_file(path: str) -> None:
    """Put into a file what only the journal of a killed process has; unpickles the journal."""
    backend = HDF5Backend(path, Settings(), allow_pickle=True)
    backend.open(writable=True)
    backend.close()
