"""The file of a back end: opened for reading, written in a session, or borrowed; held and let go.

HDF5 opens no file twice for writing. But an experiment that keeps its file open calls functions
of the user, and these may load another trajectory of the same file, as they could when pypet 0.7
opened the file for each call. So a connection to a file that this thread writes already borrows the
open file instead of opening it again.

While a file is held in a process, every opening of it belongs to the same session of many calls,
whichever storage service opens it. A back end that is pickled while it holds its file belongs to
the session in its new process as well.

Invariant: only files of the same process and thread are borrowed. A process that was forked has its
parent's memory but not its parent's right to use the file.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet_storage_hdf5.backend.reading import Reading
from pypet_storage_hdf5.backend.replay import replay
from pypet_storage_hdf5.backend.session import Session
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.safety.folder import find, is_member, leave
from pypet_storage_hdf5.safety.pace import unfinished_here
from pypet_storage_hdf5.safety.session_journal import Change
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PickleRefusedError, PypetRuntimeError

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend.backend import HDF5Backend

#: How often each file is held in this process, by its real path.
_held: Counter[str] = Counter()


class Connection:
    """One back end's connection to its file.

    Parameters
    ----------
    user : HDF5Backend
        The back end, which says which file it is, and with what settings.
    ends : bool, optional
        Whether it is there to end the session, whatever holds the file.
    """

    def __init__(self, user: HDF5Backend, *, ends: bool = False) -> None:
        #: The back end.
        self.user = user
        self._ends = ends
        #: How often the back end holds the file.
        self._holds = 0
        self._file: OpenFile | None = None
        #: What closes the file in the end, ``None`` for files that are borrowed.
        self._opened: Session | Reading | None = None
        #: What has the file open, if it is borrowed.
        self._lender: Connection | None = None
        #: Whether something changed that does not count as stored.
        self._is_changed = False
        self._noted_settings: Settings | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A pickled connection is a closed one: an open file stays with its process.
        closed = dict.fromkeys(("_file", "_opened", "_lender", "_noted_settings"))
        return {**self.__dict__, **closed}

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
            raise PypetRuntimeError(f"The file {self.user.location!r} is not open.")
        return self._file

    @property
    def writing(self) -> Session | None:
        """The session that writes the file, also of the connection that it is borrowed from."""
        opened = self._opened if self._lender is None else self._lender.writing
        return opened if isinstance(opened, Session) else None

    @property
    def owner(self) -> Connection:
        """The connection that opened the file: this one, unless the file is borrowed."""
        return self if self._lender is None else self._lender

    # ---------------------------------------------------- opening and closing

    def open(self, *, writable: bool) -> None:
        """Open the file; for writing it is created if it is not there.

        A file that this thread has open for writing already is borrowed.
        """
        user = self.user
        lender = opened_here(user.location)
        if lender is not None:
            lender.commit()
            file = lender.file.shared(user.settings, allow_pickle=user.allow_pickle)
            self.borrow(lender, file)
        elif writable:
            self._open_session()
            _registry[os.path.realpath(user.location)] = _Entry(
                weakref.ref(self), os.getpid(), threading.get_ident()
            )
        else:
            reading = Reading(user.location, user.settings, user.allow_pickle, self._finish)
            self._opened, self._file = reading, reading.file

    def borrow(self, lender: Connection, file: OpenFile) -> None:
        """Use a file that another connection has open."""
        self._lender, self._file = lender.owner, file

    def _open_session(self) -> None:
        user = self.user
        self._noted_settings = None
        try:
            session = Session(
                user.location,
                title=user.title,
                settings=user.settings,
                allow_pickle=user.allow_pickle,
                replay=self._replay,
                finish=self._finish,
                is_held=self._is_held(),
            )
        except BaseException:
            self._opened = self._file = None
            raise
        self._opened, self._file = session, session.file

    def _replay(self, session: Session, journal: str, end: int) -> None:
        """Make the changes of a journal again; called by the session while it opens."""
        user = self.user
        if not user.allow_pickle:
            raise PickleRefusedError(
                f"A process was killed while it wrote {user.location!r}. The journal {journal!r} "
                "holds pickles, which are refused (allow_pickle=False). Open the file once with "
                "allow_pickle=True, or remove the folder of the journal if you can do without "
                "what it holds."
            )
        self._opened, self._file = session, session.file
        replay(user, journal, end)

    def close(self) -> None:
        """Let what was stored count, and close."""
        if self._file is None:
            return
        try:
            if self._lender is not None:
                self.commit()
            elif self.writing is not None:
                self.user.write_summaries()
        finally:
            opened = self._let_go()
            if isinstance(opened, Session):
                opened.close(is_held=self._is_held(), ends=self._ends)
            elif opened is not None:
                opened.close()

    def abandon(self) -> None:
        """Close without storing anything that does not count as stored."""
        opened = self._let_go()
        if isinstance(opened, Session):
            opened.abandon()
        elif opened is not None:
            opened.close()

    def _let_go(self) -> Session | Reading | None:
        """Have no file any more; returns what is to be closed."""
        for path, entry in list(_registry.items()):
            if entry.connection() in (self, None):
                _registry.pop(path, None)
        opened = self._opened
        self._file = self._opened = self._lender = None
        return opened

    # ---------------------------------------------------------------- changes

    def note(self, trajectory: str, change: Change, content: Any) -> None:
        """Tell the session of a change that was made in the file."""
        self._is_changed = True
        session = self.writing
        if session is None:
            return
        settings = self.user.settings
        if settings != self._noted_settings and session.notes:
            self._noted_settings = settings.copy()
            session.note(trajectory, Change.SETTINGS, self._noted_settings)
        session.note(trajectory, change, content)

    def change_unnoted(self) -> None:
        """Say that something changes that cannot be made again from a journal."""
        self._is_changed = True
        if self.writing is not None:
            self.writing.change_unnoted()

    def touch(self) -> None:
        """Say that something changes that follows from changes to come."""
        if self.writing is not None:
            self.writing.touch()

    def hand_out(self) -> None:
        """Say that the user gets a node of PyTables."""
        if self.writing is not None:
            self.writing.hand_out()

    def commit(self, *, buffers: bool = False) -> None:
        """Let everything so far count as stored, with `buffers` also what PyTables holds back.

        PyTables has buffers for those who work on tables of the open file.
        """
        session = self.writing
        if session is not None and (self._is_changed or buffers):
            self.user.write_summaries()
            self._is_changed = False
            session.commit(everything=buffers)
            if self._lender is not None:
                self._lender.user.forget()

    def keep_open(self) -> None:
        """Let `commit` make things safe while the file stays open."""
        if self.writing is not None:
            self.writing.keep_open()

    # ------------------------------------------------- sessions of many calls

    def hold(self) -> None:
        """Let what is stored be shown later, until `release`."""
        self._holds += 1
        _held[os.path.realpath(self.user.location)] += 1

    def release(self) -> None:
        """Show everything that was stored; the last of several calls in this process does it."""
        path = os.path.realpath(self.user.location)
        self._holds = max(0, self._holds - 1)
        _held[path] = max(0, _held[path] - 1)
        folder = find(path)
        if not _held[path] and not self.is_open and folder is not None:
            try:
                self._finish()
            finally:
                leave(folder)  # what could not be shown is for the next opening

    def _is_held(self) -> bool:
        """Whether an opening of the file belongs to a session of many calls."""
        if self._holds or self._ends:
            return not self._ends
        path = os.path.realpath(self.user.location)
        if _held[path]:
            return True
        folder = find(path)
        return folder is not None and is_member(folder) and not unfinished_here(path)

    def _finish(self) -> None:
        """Open and close the file for writing, which ends a session that nothing holds."""
        other = self.user.again(ends=True)
        other.open(writable=True)
        other.close()

    def checkpoint(self) -> None:
        """Show readers what was stored, now."""
        if isinstance(self._opened, Session):
            self.commit()
            self._opened.checkpoint()
        elif not self.is_open and find(os.path.realpath(self.user.location)) is not None:
            self.open(writable=True)
            self.change_unnoted()
            self.close()

    def checkpoint_if_due(self) -> None:
        """Show readers what was stored, if that is affordable now."""
        if isinstance(self._opened, Session):
            self._opened.checkpoint_if_due()


class _Entry(NamedTuple):
    connection: weakref.ref[Connection]
    process: int
    thread: int


#: Connections that have files open for writing, by the real path, so that links mean the same.
_registry: dict[str, _Entry] = {}


def opened_here(path: str) -> Connection | None:
    """The connection of this thread that has the file open for writing, if there is one."""
    if not _registry:
        return None
    entry = _registry.get(os.path.realpath(path))
    if entry is None or (entry.process, entry.thread) != (os.getpid(), threading.get_ident()):
        return None
    connection = entry.connection()
    return connection if connection is not None and connection.is_open else None
