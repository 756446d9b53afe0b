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

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import tables

from pypet_storage_hdf5.backend.lineage import (
    AHEAD,
    OTHER,
    journal_elsewhere,
    quarantine,
    relation,
    remove_adopted,
)
from pypet_storage_hdf5.backend.working_copy import WorkingCopy
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import HDF5FileError, MissingFileError, OpenFile
from pypet_storage_hdf5.safety.folder import FolderLockedError, SessionFolder, locked
from pypet_storage_hdf5.safety.pace import Pace
from pypet_storage_hdf5.safety.session_journal import (
    Change,
    Entry,
    JournalHead,
    JournalState,
    SessionJournal,
    read_head,
    read_state,
)
from pypet_storage_hdf5.safety.turns import PATIENCE
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PypetError, StorageFailedError
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
        self._failure: StorageFailedError | None = None
        self._check_permission()
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self._number = 0
        self._adopted = ""
        self._begin_in(self._locked_folder())
        try:
            self._open(title, settings, allow_pickle)
        except BaseException:
            self._leave_unopened()
            raise

    # --------------------------------------------------------------- opening

    def _check_permission(self) -> None:
        if os.path.exists(self.path) and not os.access(self.path, os.W_OK):
            raise PermissionError(
                errno.EACCES, "The file is read-only; nothing can be stored in it", self._shown
            )

    def _locked_folder(self) -> SessionFolder:
        try:
            folder = locked(self.path, patience=PATIENCE)
        except FolderLockedError as error:
            raise HDF5FileError(
                f"{self._shown!r} cannot be opened for writing, because {error} holds it open. "
                "Close it there, or let only one process use the file (wrap mode LOCK or QUEUE)."
            ) from error
        except PermissionError as error:
            raise PermissionError(
                error.errno,
                "Nothing can be stored, for a working copy has to lie beside the file, and "
                f"nothing can be created there: {error.strerror}",
                self._shown,
            ) from error
        assert folder is not None
        return folder

    def _begin_in(self, folder: SessionFolder) -> None:
        self._folder = folder
        self._journal = SessionJournal(folder.journal)
        self._copy = WorkingCopy(self.path, self._shown, folder)

    @property
    def file(self) -> OpenFile:
        """The open working copy."""
        return self._copy.file

    def _open(self, title: str, settings: Settings, allow_pickle: bool) -> None:
        if self._go_on():
            self._copy.open(title, settings, allow_pickle=allow_pickle, is_foreign=False)
        else:
            state = self._applicable_state()
            self._folder.discard_working()
            self._clone()
            self._copy.open(title, settings, allow_pickle=allow_pickle, is_foreign=True)
            if state is not None:
                self._restore(state)
            elif self._copy.base:
                self._adopt()
        if self._is_held or self._pace.may_wait():
            self._folder.join()
            self._begin_noting()

    def _go_on(self) -> bool:
        """Take the working copy that the last opening of a living session left."""
        rest = self._folder.found_rest()
        if rest is None or os.path.exists(self._folder.working) or not self._folder.is_alive():
            return False
        head = read_head(self._folder.journal)
        if head is None:
            return False
        path, end = rest
        self._copy.take(path, head.base)
        self._number = head.number
        self._pace.begun(head.time, head.cost)
        self._journal.go_on(JournalState(head, end, end > head.end, ""))
        self._notes = True
        self._is_changed = end > head.end
        return True

    def _applicable_state(self) -> JournalState | None:
        """What a killed process left in the journal and the file lacks."""
        state = read_state(self._folder.journal)
        if state is None or not state.has_changes:
            return None
        found = relation(self.path, state)
        if found == AHEAD:
            return None
        if found == OTHER:
            self._copy.end()
            quarantine(self._folder, self._shown)
            self._begin_in(self._locked_folder())
            return None
        return state

    def _clone(self) -> None:
        """Make a working copy, and note how long that takes."""
        start = time.monotonic()
        self._copy.clone()
        self._pace.cloned(time.monotonic() - start)

    def _restore(self, state: JournalState) -> None:
        """Make the changes in the journal of this folder again, and go on with it."""
        self._number = state.head.number
        self._journal.go_on(state)
        self._notes = True
        self._pace.begun(state.head.time, state.head.cost)
        self._apply(self._folder.journal, state.end)

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

    def _begin_noting(self) -> None:
        if not self._journal.is_begun:
            self._begin_journal()
        self._notes = True

    def _begin_journal(self) -> None:
        head = JournalHead(
            self._folder.token, self._number, self._copy.base, self._pace.start, self._pace.cost
        )
        try:
            self._journal.begin(head)
        except OSError as error:
            self._fail(error)

    def _leave_unopened(self) -> None:
        self._copy.end()
        self._journal.close()
        if self._keeps_nothing():
            self._folder.dissolve()
        else:
            self._folder.unlock()

    def _keeps_nothing(self) -> bool:
        """Whether the folder holds nothing that the file lacks."""
        try:
            state = read_state(self._folder.journal)
        except (OSError, PypetError):
            return False
        return state is None or not state.has_changes

    # --------------------------------------------------------------- writing

    @property
    def notes(self) -> bool:
        """Whether changes go into the journal now."""
        return self._notes and not self._must_publish and not self._is_replaying

    def keep_open(self) -> None:
        """Note changes from now on, since `commit` will be called before the file is closed."""
        self._begin_noting()

    def note(self, trajectory: str, change: Change, content: Any) -> None:
        """Remember a change that was made in the working copy."""
        self._is_changed = True
        if not self.notes:
            return
        try:
            self._journal.note(Entry(trajectory, change, content))
        except OSError as error:
            self._fail(error)
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
            self._fail(error)
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
            self._fail(error)
        self._pace.cloned(time.monotonic() - start)

    def _publish_open(self) -> None:
        """A checkpoint that leaves the working copy open, for the sake of nodes in use."""
        try:
            self._copy.replace_file_by_copy()
        except OSError as error:
            self._fail(error)
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
        try:
            self._journal.roll_back()
        except OSError as error:
            self._fail(error)
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
                if self._is_changed or not self._copy.base or self._is_marked():
                    self._publish(last=True)
                self._folder.dissolve()
            elif self._must_publish or not self._copy.base or self._is_due():
                self._publish(last=False)
                self._begin_journal()
            else:
                self._rest()
        finally:
            self._end()

    def _is_marked(self) -> bool:
        return markers.SESSION in self.file.handles.group("/").attribute_names()

    def _is_due(self) -> bool:
        self.commit()
        return self._must_publish or self._pace.is_due(self._journal.size)

    def _rest(self) -> None:
        try:
            self._copy.close()
        except OSError as error:
            self._fail(error)
        self._copy.leave(self._journal.end)
        if not self._is_held:
            self._pace.finish_at_exit(self._finish)

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
        if self._folder.is_there and self._failure is not None and self._keeps_nothing():
            self._folder.dissolve()
        self._folder.unlock()

    # --------------------------------------------------------------- publishing

    def _publish(self, *, last: bool) -> None:
        """Close the working copy and let it take the place of the file."""
        self._check()
        start = time.monotonic()
        try:
            if self._notes and not self._must_publish:
                self._journal.commit()
            self._mark(last)
            self._copy.close()
            identity = self._copy.sync()
            if last and self._journal.has_changes:
                self._journal.finish(identity)
            self._copy.replace_file()
        except MissingFileError:
            self._begin_journal()  # the copy is kept, and has everything
            raise
        except OSError as error:
            self._fail(error)
        self._number += 1
        self._must_publish = self._is_changed = False
        if self._adopted:
            remove_adopted(self._adopted)
            self._adopted = ""
        self._pace.published(time.monotonic() - start)

    def _mark(self, last: bool) -> None:
        """Say in the file where its journal is, for the file may get another name."""
        root = self.file.handles.group("/")
        if not last and self._notes and (self._copy.base or self._journal.has_changes):
            mark = f"{self._folder.token} {self._number + 1} {self._folder.path}"
            root.set_raw_attribute(markers.SESSION, np.array(mark))
        elif self._is_marked():
            root.remove_attribute(markers.SESSION)

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

    # --------------------------------------------------------------- failing

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._copy.check()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End the session for good.

        Raises
        ------
        StorageFailedError
            Always.
        MissingFileError
            If that is the error.
        """
        if isinstance(error, MissingFileError):
            raise error
        if isinstance(error, StorageFailedError):
            self._failure = error
            raise error
        cause: Any = error if getattr(error, "errno", None) else error.__cause__ or error
        reason = getattr(cause, "strerror", None) or str(cause)
        kept = ""
        if self._journal.has_changes:
            kept = (
                f" and the journal in {self._folder.path!r}, from which the next opening takes "
                "what the file lacks"
            )
        self._failure = StorageFailedError(
            getattr(cause, "errno", None) or errno.EIO,
            f"Nothing more can be stored: {reason}. What was stored before is safe, in the file"
            f"{kept}. Make space or mend the disk, then go on with the same file",
            self._shown,
        )
        raise self._failure from error
