"""A file while it is being written: its working copy, its journal, and when which takes its place.

::

    exp.hdf5 ──clone──► working copy ──flush, close, sync, replace──► exp.hdf5
                             ▲ HDF5 writes here only                    (a checkpoint)
    what the writer got ─────┴──► journal ──kill──► clone again, make the journal's changes again

The file under the user's name is never opened for writing: at every moment it is what the last
checkpoint made of it. Changes count as stored when the journal has them, and a session of many
calls makes a checkpoint now and then; between two openings its working copy rests. A single call
has no journal: what it stored is there when the working copy takes the place of the file.

Invariant: an error of the disk ends the session for good. After it nothing is confirmed, and the
file and the committed part of the journal stay as they are.

Crash story: a process that dies anywhere in here leaves the file as the last checkpoint made it.
The next opening throws the working copy away and applies the journal to a new one, if the journal
belongs to this state of the file; if the file is ahead of the journal, which happens between
replacing the one and emptying the other, there is nothing to apply.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import tables

from pypet_storage_hdf5.backend.lineage import (
    Beginning,
    begin,
    give_back,
    has_mark,
    journal_elsewhere,
    keeps_nothing,
    remove_adopted,
    remove_mark,
    set_mark,
)
from pypet_storage_hdf5.backend.working_copy import Failure, WorkingCopy
from pypet_storage_hdf5.h5.file import MissingFileError, OpenFile
from pypet_storage_hdf5.safety.pace import Pace
from pypet_storage_hdf5.safety.session_journal import (
    Change,
    Entry,
    JournalHead,
    SessionJournal,
)
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: Makes the changes of the journal at a path, up to its last commit, in a session that is open.
Replay = Callable[["Session", str, int], None]


class Session:
    """One file from being opened for writing to being closed.

    Parameters
    ----------
    location : str
        The file; created if it is not there.
    title : str
        Title of the file if it is created.
    settings : Settings
        Filters and pandas format for what is written.
    allow_pickle : bool
        Whether pickles in the file may be loaded.
    replay : callable
        Makes the changes that a killed process left in the journal.
    finish : callable
        Opens the file for writing and closes it, at the end of the process.
    is_held : bool
        Whether this is part of a session of many calls, so that a checkpoint may wait.

    Raises
    ------
    HDF5FileError
        If another process writes the file, or it is damaged.
    MissingFileError
        If the file was moved, removed or replaced since the session began.
    StorageFailedError
        If there is no room for the working copy.
    PermissionError
        If the operating system does not let us.
    PickleRefusedError
        If a killed process left a journal, which must not be read.
    """

    def __init__(
        self,
        location: str,
        *,
        title: str,
        settings: Settings,
        allow_pickle: bool,
        replay: Replay,
        finish: Callable[[], None],
        is_held: bool,
    ) -> None:
        #: The file under the user's name; where a symbolic link leads.
        self.path = os.path.realpath(location)
        self._shown = os.path.abspath(location)
        self._is_held = is_held
        self._replay = replay
        self._finish = finish
        self._pace = Pace(self.path)
        #: Whether changes go into the journal, because a checkpoint may wait.
        self._notes = is_held
        self._depth = 0
        self._must_publish = False
        self._is_replaying = False
        #: Whether the working copy differs from the file.
        self._is_changed = False
        #: Whether nodes of PyTables are in the hands of the user, who may change them any time.
        self._is_live = False
        self._number = 0
        self._adopted = ""
        begun = begin(self.path, self._shown)
        self._folder = begun.folder
        self._journal = SessionJournal(begun.folder.journal)
        self._copy = WorkingCopy(self.path, self._shown, begun.folder)
        self._failure = Failure(self._shown, self._kept)
        try:
            self._open(begun, title, settings, allow_pickle)
        except BaseException:
            self._copy.end()
            self._journal.close()
            give_back(self._folder)
            raise

    @property
    def file(self) -> OpenFile:
        """The open working copy."""
        return self._copy.file

    # --------------------------------------------------------------- opening

    def _open(self, begun: Beginning, title: str, settings: Settings, allow_pickle: bool) -> None:
        state = begun.state
        if begun.rest and state is not None:
            self._copy.take(begun.rest, state.head.base)
        else:
            self._folder.discard_working()
            start = time.monotonic()
            self._copy.clone()
            self._pace.cloned(time.monotonic() - start)
        self._copy.open(title, settings, allow_pickle=allow_pickle, is_foreign=not begun.rest)
        if state is not None:
            self._number = state.head.number
            self._journal.go_on(state)
            self._notes = True
            self._pace.begun(state.head.time, state.head.cost)
            if begun.rest:
                self._is_changed = state.has_changes
            else:
                self._apply(self._folder.journal, state.end)
        elif self._copy.base:
            self._adopt()
        if self._is_held or self._pace.may_wait():
            self._folder.join()
            self.keep_open()

    def _adopt(self) -> None:
        """Make the changes of a journal that lies where the file was before it was renamed."""
        found = journal_elsewhere(self.file, self._folder.path)
        if found is None:
            return
        folder, state = found
        self._number = state.head.number
        self._apply(os.path.join(folder, "journal"), state.end)
        self._must_publish = True
        self._adopted = folder

    def _apply(self, journal: str, end: int) -> None:
        self._is_replaying = self._is_changed = True
        try:
            self._replay(self, journal, end)
        finally:
            self._is_replaying = False
        self._check()

    def _begin_journal(self) -> None:
        head = JournalHead(
            self._folder.token, self._number, self._copy.base, self._pace.start, self._pace.cost
        )
        with self._failure:
            self._journal.begin(head)

    # --------------------------------------------------------------- writing

    @property
    def notes(self) -> bool:
        """Whether changes go into the journal now."""
        return self._notes and not self._must_publish and not self._is_replaying

    def keep_open(self) -> None:
        """Note changes from now on, since `commit` will be called before the file is closed."""
        if not self._journal.is_begun:
            self._begin_journal()
        self._notes = True

    def note(self, trajectory: str, change: Change, content: Any) -> None:
        """Remember a change that was made in the working copy."""
        self._is_changed = True
        if not self.notes:
            return
        try:
            self._journal.note(Entry(trajectory, change, content))
        except OSError as error:
            self._failure.end(error)
        except Exception as error:  # pickling runs code of the values
            self._cannot_note(error)

    def change_unnoted(self) -> None:
        """Say that something changes that no journal can hold; the next commit is a checkpoint."""
        self._must_publish = self._is_changed = True

    def touch(self) -> None:
        """Say that something changes that follows from changes to come."""
        self._is_changed = True

    def _cannot_note(self, error: Exception) -> None:
        _logger.debug("Changes are not kept in the journal: %s", error)
        self._must_publish = True

    def hand_out(self) -> None:
        """Say that the user gets nodes of PyTables, and may change them until the file is closed.

        Nothing counts as stored from now on but by `commit` with `everything`, and by closing.
        """
        self._is_live = self._must_publish = self._is_changed = True

    def commit(self, *, everything: bool = False) -> None:
        """Let what was changed count as stored.

        Parameters
        ----------
        everything : bool, optional
            Whether this is also for what the user changes by means of PyTables.

        Raises
        ------
        StorageFailedError
            If that is impossible; then nothing since the last commit counts.
        MissingFileError
            If the file was moved, removed or replaced since the session began.
        """
        self._check()
        self._require_base()
        if self._depth:
            return
        if self._is_live:
            if everything:
                self._publish_open()
            return
        if self._must_publish or not self._notes:
            self.checkpoint()
            return
        try:
            self._journal.commit()
        except OSError as error:
            self._failure.end(error)
        except Exception as error:  # pickling runs code of the values
            self._cannot_note(error)
            self.checkpoint()

    def checkpoint_if_due(self) -> None:
        """Show what was committed to readers, if that is affordable now."""
        if self._depth or self._is_live or not self._journal.has_changes:
            return
        if self._pace.is_due(self._journal.size):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Let the file have everything that was changed, and go on in a new working copy.

        Crash story: that of the module.
        """
        self._publish(last=False)
        self._renew()
        if self._notes:
            self._begin_journal()

    def _renew(self) -> None:
        """Go on in a new working copy."""
        start = time.monotonic()
        try:
            self._copy.renew()
        except (OSError, tables.HDF5ExtError) as error:
            self._failure.end(error)
        self._pace.cloned(time.monotonic() - start)

    def _publish_open(self) -> None:
        """A checkpoint that leaves the working copy open, for the sake of nodes in use."""
        with self._failure:
            self._copy.replace_file_by_copy()
        if self._notes:
            self._begin_journal()

    # ---------------------------------------------------------- transactions

    def begin_transaction(self) -> None:
        """From here to the end of the transaction everything is stored or nothing is."""
        if not self._depth and self._notes:
            self.commit()
        self._check()
        self._depth += 1

    def end_transaction(self) -> None:
        """Store what the transaction brought, with everything around it."""
        self._depth -= 1
        if self._notes or self._must_publish:
            self.commit()

    def roll_back(self) -> None:
        """Undo everything since the transaction began."""
        self._depth = 0
        self._must_publish = False
        self._check()
        with self._failure:
            self._journal.roll_back()
        self._renew()
        if self._journal.has_changes:
            self._apply(self._folder.journal, self._journal.end)

    # --------------------------------------------------------------- closing

    def close(self, *, is_held: bool, ends: bool = False) -> None:
        """Close the file, so that it has everything, or leave it to the next opening.

        Parameters
        ----------
        is_held : bool
            Whether this is part of a session of many calls, which goes on.
        ends : bool, optional
            Whether a checkpoint may not wait, because the session ends.

        Raises
        ------
        StorageFailedError, MissingFileError
            As `commit`.
        """
        self._depth = 0
        try:
            waits = is_held or (not ends and self._notes and self._pace.may_wait())
            if not waits:
                if self._is_changed or not self._copy.base or has_mark(self.file):
                    self._publish(last=True)
                self._folder.dissolve()
            elif self._must_publish or not self._copy.base or self._is_due():
                self._publish(last=False)
                self._begin_journal()
            else:
                with self._failure:
                    self._copy.close()
                self._copy.leave(self._journal.end)
                if not self._is_held:
                    self._pace.finish_at_exit(self._finish)
        finally:
            self._end()

    def _is_due(self) -> bool:
        self.commit()
        return self._must_publish or self._pace.is_due(self._journal.size)

    def abandon(self) -> None:
        """Close without storing anything since the last commit.

        Raises
        ------
        StorageFailedError
            If the disk refused something, which then is why the caller gives up.
        """
        try:
            self._check()
        finally:
            self._end()

    def _end(self) -> None:
        """Give everything back; after an error what is not committed is dropped."""
        self._copy.end()
        with suppress(OSError):
            self._journal.roll_back()
        self._journal.close()
        if self._folder.is_there and self._failure and keeps_nothing(self._folder):
            self._folder.dissolve()
        self._folder.unlock()

    # --------------------------------------------------------------- publishing

    def _publish(self, *, last: bool) -> None:
        """Close the working copy and let it take the place of the file."""
        self._check()
        start = time.monotonic()
        try:
            with self._failure:
                if self._notes and not self._must_publish:
                    self._journal.commit()
                if not last and self._notes and (self._copy.base or self._journal.has_changes):
                    set_mark(self.file, self._folder, self._number + 1)
                else:
                    remove_mark(self.file)
                self._copy.close()
                identity = self._copy.sync()
                if last and self._journal.has_changes:
                    self._journal.finish(identity)
                self._copy.replace_file()
        except MissingFileError:
            self._begin_journal()  # the copy is kept, and has everything
            raise
        self._number += 1
        self._must_publish = self._is_changed = False
        if self._adopted:
            remove_adopted(self._adopted)
            self._adopted = ""
        self._pace.published(time.monotonic() - start)

    def _require_base(self) -> None:
        try:
            self._copy.require_base()
        except MissingFileError as error:
            if self._journal.has_changes:
                error.add_note(
                    f"What counted as stored is in {self._folder.path!r}: put the file back as it "
                    "was, and the next opening takes it from there."
                )
            raise

    def _check(self) -> None:
        """Raise the error that ended the session, if one did."""
        self._failure.check()
        with self._failure:
            self._copy.check()

    def _kept(self) -> str:
        if not self._journal.has_changes:
            return ""
        return (
            f" and the journal in {self._folder.path!r}, from which the next opening takes what "
            "the file lacks"
        )
