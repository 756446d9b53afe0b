"""Opening a file to read it, whatever a session of writers is doing with it.

A process that takes part in the session sees what was stored so far, also by others of the session;
every other reader sees the last checkpoint and neither waits for a writer nor stops one. A session
whose processes were killed is finished first, so that reading shows all that was confirmed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from pypet_storage_hdf5.backend.lineage import journal_elsewhere, lock_folder
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.safety import folder as session_folder
from pypet_storage_hdf5.safety.session_journal import read_state
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PypetError, StorageFailedError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)


class Reading:
    """A file that is open for reading.

    Parameters
    ----------
    location : str
        The file.
    settings : Settings
        Encoding of text of others.
    allow_pickle : bool
        Whether pickles in the file, and the journal of a killed process, may be loaded.
    finish : callable
        Opens the file for writing and closes it; finishes the session of killed processes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    HDF5FileError
        If it is no HDF5 file, a damaged one, or held by another program.
    """

    def __init__(
        self, location: str, settings: Settings, allow_pickle: bool, finish: Callable[[], None]
    ) -> None:
        self._lock: session_folder.SessionFolder | None = None
        path = os.path.realpath(location)
        found = session_folder.find(path)
        actual = None
        if found is not None and session_folder.is_member(found):
            actual = self._resting_copy(path, finish)
        elif found is not None:
            _finish_dead(path, found, allow_pickle, finish)

        def open_file() -> OpenFile:
            return OpenFile(
                location,
                writable=False,
                settings=settings,
                allow_pickle=allow_pickle,
                actual=actual or path,
            )

        try:
            self.file = open_file()
        except BaseException:
            self._unlock()
            raise
        elsewhere = journal_elsewhere(self.file, found or "")
        if elsewhere is not None and _may_finish(elsewhere[0], allow_pickle):
            self.file.close()
            _finish(path, finish)
            self.file = open_file()

    def _resting_copy(self, path: str, finish: Callable[[], None]) -> str | None:
        """The working copy that the session left, which is kept from changing; if there is one."""
        for _ in range(2):
            folder = lock_folder(path, "opened for reading", shared=True, make=False)
            if folder is None:
                return None
            rest = folder.found_rest()
            if rest is not None:
                self._lock = folder
                return rest[0]
            state = read_state(folder.journal)
            folder.unlock()
            if state is None or not state.has_changes:
                return None
            _finish(path, finish)  # a process was killed while it was writing
        return None

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.unlock()


def _finish_dead(path: str, found: str, allow_pickle: bool, finish: Callable[[], None]) -> None:
    """Finish the session of a folder if all of its processes are gone."""
    try:
        folder = session_folder.locked(path, patience=0.0, make=False)
    except session_folder.FolderLockedError:
        return  # it is being written
    except OSError as error:
        _warn_unreadable(found, path, error)
        return
    if folder is None:
        return
    try:
        if folder.is_alive():
            return
        state = read_state(folder.journal)
        if state is None or not state.has_changes:
            return  # there is nothing that the file lacks; the next writer tidies up
    except (OSError, PypetError) as error:
        _warn_unreadable(found, path, error)
        return
    finally:
        folder.unlock()
    if _may_finish(found, allow_pickle):
        _finish(path, finish)


def _warn_unreadable(found: str, path: str, error: Exception) -> None:
    _logger.warning(
        "%r lies beside %r, but cannot be read: %s. What is read may lack what was stored last.",
        found,
        path,
        error,
    )


def _may_finish(folder: str, allow_pickle: bool) -> bool:
    if not allow_pickle:
        _logger.warning(
            "A process was killed while it wrote. The file is whole, but what was stored last is "
            "only in the journal in %r, which holds pickles and is not read because these are "
            "refused.",
            folder,
        )
    return allow_pickle


def _finish(path: str, finish: Callable[[], None]) -> None:
    try:
        finish()
    except (StorageFailedError, OSError) as error:
        if not os.path.exists(path) or error.errno not in _NO_ROOM:
            raise
        _logger.warning(
            "A process was killed while it wrote %r. What was stored last cannot be shown now: %s",
            path,
            error,
        )


#: A disk that is full or read-only keeps no reader from reading.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def left_behind(location: str) -> str:
    """The journal with what a file lacks because a process was killed, ``''`` if there is none."""
    path = os.path.realpath(location)
    found = session_folder.find(path)
    if found is None or session_folder.is_alive(found):
        return ""
    journal = os.path.join(found, "journal")
    try:
        state = read_state(journal)
    except (OSError, PypetError):
        return ""
    return journal if state is not None and state.has_changes else ""
