"""Bringing a file up to what its journal says, after the process that wrote it was killed.

First lost indexes of old groups are brought back (:mod:`~pypet_storage_hdf5.index_guard`), while
HDF5 does not have the file. Then each node in the journal is compared with the file. What is equal
stays; what differs or cannot be read is written again. A group whose index is damaged cannot even
be written to: it is set aside under an unfinished name, and created anew with everything the
journal has below it.

Invariant: applying a journal twice is the same as applying it once, and recovery adds copies of
the indexes that it is going to change to the journal, so dying during recovery does no harm.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import tables
from numpy.typing import NDArray

from pypet_storage_hdf5.chunk_keeping import KeptRows, bring_back_rows
from pypet_storage_hdf5.file import OpenFile
from pypet_storage_hdf5.file_bytes import FileBytes
from pypet_storage_hdf5.group_index import has_unclaimed_end
from pypet_storage_hdf5.index_guard import IndexGuard, OldIndex, bring_back, is_damaged, old_indexes
from pypet_storage_hdf5.session_journal import (
    Change,
    Entry,
    SessionJournal,
    entries,
    found_journal,
    has_entries,
    journal_path,
    remove_journal,
)
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.comparisons import nested_equal
from pypet_trajectory.constants import OVERWRITE_DATA
from pypet_trajectory.exceptions import DataNotInStorageError, PickleRefusedError, PypetError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.runs.table import RunTable
from pypet_trajectory.storage.modes import merged
from pypet_trajectory.storage.records import (
    NodeKind,
    NodeRecord,
    RunRows,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.wildcards import make_run_name

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend

_logger = module_logger(__name__)

_DAMAGE = (tables.HDF5ExtError, tables.NodeError, PypetError, ValueError, RuntimeError, OSError)


@dataclass
class _Wanted:
    """What one trajectory should hold according to the journal."""

    #: Nodes by full name, in order of storing.
    records: dict[str, NodeRecord] = field(default_factory=dict)
    meta: TrajectoryMeta | None = None
    runs: RunTable | None = None
    #: Indices of the rows of `runs` that were written.
    written: set[int] = field(default_factory=set)
    #: Names of runs that have unusual ones.
    names: dict[int, str] = field(default_factory=dict)

    rows: list[RunRows] = field(default_factory=list)
    #: Rows of the run table before they changed, by the first index of their chunk.
    old_rows: dict[int, NDArray[Any]] = field(default_factory=dict)
    #: Rows of shared data before it grew, in order.
    old_chunks: list[KeptRows] = field(default_factory=list)

    def name_of_run(self, idx: int) -> str:
        """Name of a run."""
        return self.names.get(idx) or make_run_name(idx)

    def take(self, change: Change, content: Any) -> None:
        """Apply one change."""
        if change is Change.NODE:
            name = content.record.full_name
            self.records[name] = merged(self.records.get(name), content)
        elif change is Change.DELETE:
            for name in list(self.records):
                if name == content or name.startswith(f"{content}."):
                    del self.records[name]
            self._drop_chunks(content)
        elif change is Change.DELETE_ITEMS:
            full_name, names = content
            for name in names:
                self._drop_chunks(f"{full_name}.{name}")
            record = self.records.get(full_name)
            if record is not None:
                self.records[full_name] = replace(
                    record,
                    items={
                        name: value
                        for name, value in (record.items or {}).items()
                        if name not in names
                    },
                )
        elif change is Change.META:
            self.meta = content
        elif change is Change.RUNS:
            self.runs, rows, names = content
            self.written.update(rows)
            self.names.update(names)
        elif change is Change.OLD_ROWS:
            start, rows = content
            self.old_rows.setdefault(start, rows)
        elif change is Change.OLD_CHUNK:
            self.old_chunks.append(content)
        else:
            self.rows.append(content)

    def _drop_chunks(self, full_name: str) -> None:
        """Forget what was kept of shared data that was removed."""
        below = f"/{full_name.replace('.', '/')}/"
        self.old_chunks = [rows for rows in self.old_chunks if below not in f"{rows.path}/"]


def recover(backend: HDF5Backend) -> None:
    """Bring the file that `backend` has just opened up to its journal, if that is its own.

    A file that is open for reading is completed in memory only. The journal of a file that is
    open for writing is removed.

    Crash story: each node is restored as it is stored, complete or not at all; the journal stays
    until that is flushed. Damaged objects are not removed but set aside.

    Raises
    ------
    PickleRefusedError
        If the file is to be written, but its journal must not be read.
    """
    file = backend.file
    journal = found_journal(file.path, file.left_token)
    if file.left_token and not journal:
        _logger.warning(
            "%r was not closed properly, and its journal is not there. If the file was moved or "
            "copied, its journal must lie beside it as %r before you write to it.",
            file.path,
            journal_path(file.path),
        )
    if not backend.allow_pickle and has_entries(file.path, file.left_token):
        if file.writable:
            raise PickleRefusedError(
                f"{file.path!r} was not closed properly. Its journal, {journal!r}, holds pickles, "
                "which are refused (allow_pickle=False). Open the file once with "
                "allow_pickle=True, or remove the journal if you can do without what it holds."
            )
        _logger.warning(
            "%r was not closed properly, and its journal is not read because pickles are refused.",
            file.path,
        )
        return
    changes = list(entries(file.path, file.left_token))
    indexes = old_indexes(changes)
    restored = 0
    # Nothing can be written to a file that is open for reading, except in memory.
    if (changes and not file.writable) or _needs_repair(file.path, indexes):
        file.continue_repaired(lambda target: bring_back(target, indexes))
    if changes:
        with _guarded(file), _freeing_nothing(file):
            restored = _apply(backend, changes)
            backend.deselect()
            file.flush()
    if file.writable:
        remove_journal(file.path)
    if restored:
        _logger.warning(
            "%r was not closed properly; restored %d nodes from its journal.", file.path, restored
        )


@contextmanager
def _freeing_nothing(file: OpenFile) -> Iterator[None]:
    """Lets nothing that is removed free its space, for damaged objects may claim that of others."""
    file.handles.frees_nothing = True
    try:
        yield
    finally:
        file.handles.frees_nothing = False


@contextmanager
def _guarded(file: OpenFile) -> Iterator[None]:
    """Keeps indexes of groups before recovery changes them, in the journal that is applied."""
    if not file.writable:
        yield
        return
    found, own = found_journal(file.path, file.left_token), journal_path(file.path)
    if found != own:  # that one belongs to the file this one was copied from
        shutil.copyfile(found, f"{own}.copy")
        os.replace(f"{own}.copy", own)
    journal = SessionJournal(file.path, file.left_token, continued=True)
    guard = file.handles.guard = IndexGuard(file.path, journal.note_index)
    try:
        yield
    finally:
        file.handles.guard = None
        guard.close()
        journal.leave()


def mend_root(path: str, *, allow_pickle: bool) -> bool:
    """Mend a file that HDF5 does not open for writing, because a killed process left half a root.

    Returns
    -------
    bool
        False if the file has no mark of such a process.

    Notes
    -----
    Crash story: that of :func:`~pypet_storage_hdf5.index_guard.bring_back`.
    """
    # HDF5 looks at the index of the root only if it may have to change it.
    file = OpenFile(path, writable=False, title="", settings=Settings(), allow_pickle=allow_pickle)
    token = file.left_token
    file.close()
    if not token:
        return False
    indexes = old_indexes(entries(path, token) if allow_pickle else ())
    target = FileBytes(path, writable=True)
    try:
        bring_back(target, indexes)
    finally:
        target.close()
    return True


def _needs_repair(path: str, indexes: Mapping[str, OldIndex]) -> bool:
    """Whether the process was killed within a flush that HDF5 cannot cope with."""
    source = FileBytes(path)
    try:
        return has_unclaimed_end(source) or any(
            is_damaged(source, group, old) for group, old in indexes.items()
        )
    finally:
        source.close()


def _apply(backend: HDF5Backend, journal: Iterable[Entry]) -> int:
    """Apply a journal to the open file, and return how many nodes were restored."""
    wanted: dict[str, _Wanted] = {}
    for entry in journal:
        if entry.change is Change.INDEX:
            continue  # what it was kept for has happened
        wanted.setdefault(entry.trajectory, _Wanted()).take(entry.change, entry.content)
    restored = 0
    for name, trajectory in wanted.items():
        backend.select(name, create=True)
        backend.name_of_run = trajectory.name_of_run
        restored += _restore_overview(backend, trajectory)
        backend.name_of_run = None
        restored += _restore_nodes(backend, trajectory.records)
        restored += _restore_chunks(backend.file, trajectory.old_chunks)
    return restored


def _restore_overview(backend: HDF5Backend, wanted: _Wanted) -> int:
    try:
        if wanted.old_rows and backend.restore_runs(wanted.old_rows):
            _logger.warning("Rows of the run table were written anew.")
        complete = backend.read_meta() is not None and backend.read_runs() is not None
    except _DAMAGE:
        complete = False
    if not complete and (wanted.meta is not None or wanted.runs is not None):
        backend.set_aside("overview")
        if wanted.meta is not None:
            backend.write_meta(wanted.meta)
        if wanted.runs is not None:
            backend.write_runs(wanted.runs)
    elif wanted.runs is not None:
        # The table may have rows already whose content did not make it to the file.
        backend.write_runs(wanted.runs, sorted(wanted.written))
    for rows in wanted.rows:
        try:
            backend.update_runs(rows)
        except _DAMAGE as error:
            _logger.error("Rows of runs %s cannot be restored: %s", list(rows.rows), error)
    return 0 if complete else 1


def _restore_chunks(file: OpenFile, kept: list[KeptRows]) -> int:
    restored = 0
    for path in dict.fromkeys(rows.path for rows in kept):
        try:
            restored += bring_back_rows(file, path, [rows for rows in kept if rows.path == path])
        except _DAMAGE as error:
            _logger.error("The last rows of %r cannot be restored: %s", path, error)
    return restored


def _restore_nodes(backend: HDF5Backend, records: dict[str, NodeRecord]) -> int:
    restored = 0
    waiting = list(records)
    set_aside: set[str] = set()
    listings: dict[str, set[str]] = {}
    while waiting:
        full_name = waiting.pop(0)
        try:
            if not _is_intact(backend, records[full_name]):
                listings.clear()
                _rewrite(backend, records[full_name])
                restored += 1
            _check_listed(backend, full_name, listings)
        except _DAMAGE as error:
            damaged = _damaged_part(full_name, set_aside)
            if damaged is None:
                _logger.error("%r cannot be restored: %s", full_name, error)
                continue
            _logger.warning("%r is damaged and is created anew.", damaged)
            set_aside.add(damaged)
            listings.clear()
            backend.set_aside(damaged)
            waiting = list(records)
    return restored


def _is_intact(backend: HDF5Backend, wanted: NodeRecord) -> bool:
    try:
        found = backend.read_node(wanted.full_name, items=wanted.kind is NodeKind.LEAF)
    except DataNotInStorageError:
        return False
    except Exception:  # damaged files raise all kinds of exceptions
        return False
    if found.kind is not wanted.kind:
        return False
    if wanted.kind is NodeKind.GROUP and wanted.full_name:
        return True
    items = found.items or {}
    return all(
        name in items and nested_equal(items[name], value)
        for name, value in (wanted.items or {}).items()
        if not hasattr(value, "create_shared_data")
    )


def _check_listed(backend: HDF5Backend, full_name: str, listings: dict[str, set[str]]) -> None:
    """Make sure that a node is not only found by its name but also listed by its group.

    Half of a group's index may be enough to find a node whose name is known.
    """
    while full_name:
        parent, _, name = full_name.rpartition(".")
        if parent not in listings:
            listings[parent] = {child for child, _ in backend.children(parent)}
        if name not in listings[parent]:
            raise DataNotInStorageError(f"{full_name!r} is not listed by its group.")
        full_name = parent


def _rewrite(backend: HDF5Backend, record: NodeRecord) -> None:
    """Write a node again; a leaf that can be changed keeps what the journal does not have."""
    if record.kind is NodeKind.LEAF:
        try:
            backend.write_node(WriteRequest(record, OVERWRITE_DATA))
        except _DAMAGE:
            pass  # it cannot be changed, but perhaps be replaced
        else:
            if _is_intact(backend, record):
                return
    if record.full_name and record.kind is not NodeKind.GROUP:
        try:
            backend.delete_node(record.full_name)
        except DataNotInStorageError:
            pass  # it is what was missing
    backend.write_node(WriteRequest(record, OVERWRITE_DATA))


def _damaged_part(full_name: str, tried: set[str]) -> str | None:
    """The node itself, or the nearest group above, that was not created anew yet."""
    while full_name in tried:
        full_name = full_name.rpartition(".")[0]
    return full_name or None
