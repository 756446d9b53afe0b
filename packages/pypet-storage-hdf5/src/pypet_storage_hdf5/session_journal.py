"""What was written since the file was opened, kept beside it until it is closed.

HDF5 changes the index of a group in place and block by block. A process killed during a flush can
leave an index that is half old and half new, and then everything in that group is gone, also what
was stored long before: once in some hundred kills. Therefore each change is appended to
``<file>.journal`` before the flush that confirms it. When the file is closed, the journal is
removed; when it is there on opening, somebody was killed, and :mod:`~pypet_storage_hdf5.recovery`
restores what is missing. The file says where its journal is, so that also a file that was renamed,
or has several names, finds it.

Invariant: everything that was confirmed is either in the journal, or was in the file when the
journal was begun. The first is written again, the second is found again by the copies of indexes
in the journal (:mod:`~pypet_storage_hdf5.index_guard`). So a change may be left out of the
journal, for being too large or no node at all, if the journal begins anew after the flush that
confirms it. It lives as long as the session that writes it and is no archive.
"""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage.journal import Journal

_logger = module_logger(__name__)

#: From this size on a journal starts anew: the file was flushed often since its beginning.
_MAX_BYTES = 256 << 20
#: Changes with more data than this are left out; pickling them would cost too much.
_MAX_CHANGE = 32 << 20
#: Changes that are written as one record at most.
_MAX_WAITING = 64


class Change(Enum):
    """Kinds of changes."""

    #: A `WriteRequest`.
    NODE = "node"
    #: Full name of a node that was removed.
    DELETE = "delete"
    #: Full name of a leaf and names of its items that were removed.
    DELETE_ITEMS = "delete_items"
    #: `TrajectoryMeta`.
    META = "meta"
    #: `RunTable`, indices of the rows that were appended or rewritten, and the names of these
    #: runs if they are not the usual ones.
    RUNS = "runs"
    #: `RunRows`.
    ROWS = "rows"
    #: First index and old rows of a chunk of the run table that is going to change.
    OLD_ROWS = "old_rows"
    #: `KeptRows` of shared data that is going to grow.
    OLD_CHUNK = "old_chunk"
    #: HDF5 path and `IndexCopy` of a group that is going to change.
    INDEX = "index"


class Entry(NamedTuple):
    """One change of one trajectory."""

    trajectory: str
    change: Change
    content: Any


def journal_path(filename: str) -> str:
    """Where the journal of a file lies: beside the file itself, not beside a symbolic link."""
    return f"{os.path.realpath(filename)}.journal"


def new_token(filename: str) -> str:
    """What ties a new journal to its file: something unique, and where the journal lies."""
    return f"{uuid.uuid4().hex} {journal_path(filename)}"


def found_journal(filename: str, token: str) -> str:
    """Path of the journal to which `token` belongs, ``''`` if it is not there.

    It lies beside the file, or where it lay when the file had another name.
    """
    for path in (journal_path(filename), token.partition(" ")[2]):
        if token and path and next(_records(path), b"") == token.encode():
            return path
    return ""


class SessionJournal:
    """The journal of a file that is open for writing.

    Parameters
    ----------
    filename : str
        The HDF5 file.
    token : str
        What the file says about this session; ties the journal to it.
    continued : bool, optional
        Whether the journal is there already, left by a killed process.
    """

    def __init__(self, filename: str, token: str, *, continued: bool = False) -> None:
        #: The file may get another name, and the process another working directory.
        self._path = journal_path(filename)
        self._journal = Journal(self._path)
        self._token = token
        self._size = os.path.getsize(self._path) if continued else 0
        self._waiting: list[Entry] = []
        self._has_gap = False
        self._kept_rows: set[tuple[str, int]] = set()
        self._kept_until: dict[str, int] = {}

    def note(self, trajectory: str, change: Change, content: Any) -> None:
        """Remember one change until `write`."""
        self._waiting.append(Entry(trajectory, change, content))
        if change in (Change.DELETE, Change.DELETE_ITEMS):
            self._kept_until.clear()  # something else may get this path
        if len(self._waiting) >= _MAX_WAITING:
            self.write()

    def note_index(self, path: str, copy: Any) -> None:
        """Keep the copy of an index at once, because the index changes right after.

        Crash story: as `write`.
        """
        self._append([Entry("", Change.INDEX, (path, copy))])

    def has_old_rows(self, trajectory: str, start: int) -> bool:
        """Whether the chunk of the run table that begins at `start` was kept already."""
        return (trajectory, start) in self._kept_rows

    def note_old_rows(self, trajectory: str, start: int, rows: Any) -> None:
        """Keep a chunk of the run table at once, because it changes right after.

        HDF5 compresses and places a changed chunk anew, but its index follows with a later flush
        only. Until then a kill can leave a chunk that cannot be read.

        Crash story: as `write`.
        """
        self._append([Entry(trajectory, Change.OLD_ROWS, (start, rows))])
        self._kept_rows.add((trajectory, start))

    def kept_until(self, path: str) -> int:
        """Up to which row the last chunk of shared data was kept already."""
        return self._kept_until.get(path, 0)

    def note_old_chunk(self, trajectory: str, path: str, kept: Any, end: int) -> None:
        """Keep rows of shared data up to `end` at once, because their chunk changes right after.

        Crash story: as `write`.
        """
        self._append([Entry(trajectory, Change.OLD_CHUNK, kept)])
        self._kept_until[path] = end

    def leave_gap(self) -> None:
        """Something changes that is not noted: begin anew after the next flush."""
        self._has_gap = True

    def write(self) -> None:
        """Append the changes that wait; call this before the file is flushed.

        Crash story: a record is complete or recognised as torn.
        """
        waiting, self._waiting = self._waiting, []
        if waiting and not self._append(waiting):
            for entry in waiting:
                self._append([entry])

    def _append(self, entries: list[Entry]) -> bool:
        """Append changes as one record; false if they have to be appended one by one."""
        try:
            payload = pickle.dumps(entries, protocol=5)
        except Exception as error:  # pickling runs code of the values
            _logger.debug("Changes are not kept in the journal: %s", error)
            self._has_gap = self._has_gap or len(entries) == 1
            return False
        if len(payload) > _MAX_CHANGE and len(entries) > 1:
            return False
        if len(payload) > _MAX_CHANGE:
            self.leave_gap()
        else:
            if not self._size:
                # A journal that is there needs no sync of its folder, which only matters for
                # power cuts; against those the file itself is not safe either.
                Path(self._path).touch()
                self._journal.append(self._token.encode())
            self._journal.append(payload)
            self._size += len(payload)
        return True

    @property
    def is_full(self) -> bool:
        """Whether the journal should start anew after the next flush."""
        return self._has_gap or self._size > _MAX_BYTES

    def start_anew(self) -> None:
        """Drop everything, since the file holds it."""
        self.close()
        self._size = 0
        self._has_gap = False
        self._kept_rows.clear()
        self._kept_until.clear()

    def leave(self) -> None:
        """Leave the journal for whoever opens the file next."""
        self._journal.close()

    def close(self) -> None:
        """Remove the journal; the file must be complete on disk."""
        self._journal.close()
        _remove(self._path)


def entries(filename: str, token: str) -> Iterator[Entry]:
    """The changes that a killed process left for a file; unpickles them.

    Nothing if there are none, or if the journal belongs to another file that once had this name.
    """
    for payload in _payloads(filename, token):
        yield from pickle.loads(payload)


def has_entries(filename: str, token: str) -> bool:
    """Whether a killed process left changes for a file; unpickles nothing."""
    return next(_payloads(filename, token), None) is not None


def _payloads(filename: str, token: str) -> Iterator[bytes]:
    path = found_journal(filename, token)
    if path:
        records = _records(path)
        next(records)  # the token
        yield from records


def _records(path: str) -> Iterator[bytes]:
    if not os.path.exists(path) or not os.path.getsize(path):
        return
    try:
        yield from Journal(path)
    except PypetValueError as error:
        _logger.warning("The journal %r is ignored: %s", path, error)


def remove_journal(filename: str) -> None:
    """Remove the journal beside a file that is gone, or whose journal was applied."""
    _remove(journal_path(filename))


def _remove(path: str) -> None:
    # Another process that closes the file may have been quicker.
    with suppress(FileNotFoundError):
        os.remove(path)
