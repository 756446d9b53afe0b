"""What protects a file while it is open for writing: mark, journal and copies of group indexes.

They begin and end together. The mark in the file says that somebody writes and which journal
belongs to it (:mod:`~pypet_storage_hdf5.truncation`), the journal holds what was written
(:mod:`~pypet_storage_hdf5.session_journal`), the guard what was there before
(:mod:`~pypet_storage_hdf5.index_guard`). Invariant: what a flush confirms is in the journal before
the flush begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from pypet_storage_hdf5.chunk_keeping import KeptRows, rows_at_stake
from pypet_storage_hdf5.file import OpenFile
from pypet_storage_hdf5.index_guard import IndexGuard
from pypet_storage_hdf5.session_journal import Change, SessionJournal
from pypet_trajectory.exceptions import PypetOSError


class Protection:
    """Protects one file from being opened for writing until it is closed.

    Parameters
    ----------
    file : OpenFile
        A file that was opened for writing just now; it is marked.
    """

    def __init__(self, file: OpenFile) -> None:
        file.mark_writing()
        if not file.is_new:
            # Whatever changes from now on, the file says whom to ask about it. The mark may make
            # the header of the root grow; nothing else is at stake meanwhile.
            file.ensure_marked()
        self._file = file
        self._journal = SessionJournal(file.path, file.token)
        self._guard = IndexGuard(file.path, self._journal.note_index)
        if file.is_new:
            self._guard.created("/")
        file.handles.guard = self._guard

    def note(self, trajectory: str, change: Change, content: Any) -> None:
        """Remember one change of a trajectory until the next flush."""
        self._journal.note(trajectory, change, content)

    def write(self) -> None:
        """Bring the changes that were noted to the operating system."""
        self._journal.write()

    def keep_rows(self, trajectory: str, start: int, read: Callable[[], NDArray[Any]]) -> None:
        """Keep a chunk of the run table, which begins at `start`, before it first changes."""
        if not self._journal.has_old_rows(trajectory, start):
            self._journal.note_old_rows(trajectory, start, read())
            self._file.ensure_marked()

    def keep_chunk(self, trajectory: str, path: str, node: Any) -> None:
        """Keep the chunk of shared data that an append to `node`, at `path`, is going to change."""
        at_stake = rows_at_stake(node)
        if at_stake is None:
            return
        start, end = at_stake
        start = max(start, self._journal.kept_until(path))
        # Without any row, the entry says that there may be a new chunk that cannot be read.
        kept = KeptRows(path, start, node.read(start, end))
        self._journal.note_old_chunk(trajectory, path, kept, end)
        self._file.ensure_marked()

    def leave_gap(self) -> None:
        """Something changes that cannot be noted."""
        self._journal.leave_gap()

    def flush(self, *, buffers: bool = False) -> None:
        """Flush the file; afterwards everything that was noted is safe."""
        self._journal.write()
        self._file.flush(buffers=buffers)
        if self._journal.is_full or self._guard.is_full:
            self._journal.start_anew()
            self._guard.start_anew()

    def close(self) -> None:
        """Close the file, and remove the journal if the file is complete.

        Raises
        ------
        IncompleteWriteError
            If the disk is full; then the journal stays for whoever opens the file next.
        MissingFileError
            If the file was moved, removed or replaced while it was open; likewise.
        """
        try:
            # The journal goes before the lock of the file does: the next one has a journal of its
            # own. A file that is complete needs none, even if a call before failed.
            self._file.close(self._journal.close)
        except PypetOSError:
            self._journal.leave()
            raise
        finally:
            self._guard.close()
