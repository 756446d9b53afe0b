"""The working copy of a file: cloned from it, written by HDF5, and put in the place of it.

Invariant: the file is only read and replaced, and only by a copy that HDF5 has closed, that the
disk took completely, and that was made of the file as it still is. What a disk refuses is an
`OSError` of a working copy, also if only HDF5 was told of it; `Failure` makes it the end of the
session.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, NoReturn

from pypet_storage_hdf5.h5.file import HDF5FileError, MissingFileError, OpenFile
from pypet_storage_hdf5.safety import write_errors
from pypet_storage_hdf5.safety.files import clone, free_name, identity, remove
from pypet_storage_hdf5.safety.folder import SessionFolder
from pypet_storage_hdf5.safety.turns import HeldFileError, locked_for_reading
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import StorageFailedError
from pypet_trajectory.files import publish, sync


class WorkingCopy:
    """The working copy that a session has open.

    Parameters
    ----------
    path : str
        The file under the user's name; where a symbolic link leads.
    shown : str
        The file as messages name it.
    folder : SessionFolder
        Where the copy lies; locked.
    """

    #: The open copy.
    file: OpenFile

    def __init__(self, path: str, shown: str, folder: SessionFolder) -> None:
        self._path = path
        self._shown = shown
        self._folder = folder
        #: Identity of the file that the copy was made of, ``''`` if there was none.
        self.base = ""
        self._heard = write_errors.listen()

    @property
    def is_open(self) -> bool:
        """Whether HDF5 has the copy open."""
        return hasattr(self, "file") and bool(self.file.tables.isopen)

    # ---------------------------------------------------------------- making

    def clone(self) -> None:
        """Copy the file as it is now, if there is one.

        Raises
        ------
        HDF5FileError
            If another program has the file open for writing.
        StorageFailedError
            If there is no room for the copy.
        """
        self.base = identity(self._path)
        if not self.base:
            return
        try:
            with locked_for_reading(self._path) as descriptor:
                self.base = identity(self._path)
                clone(self._path, self._folder.working, descriptor)
        except HeldFileError as error:
            raise HDF5FileError(
                f"{self._shown!r} cannot be opened for writing, because {error} holds it open. "
                "Close it there."
            ) from error

    def take(self, rest: str, base: str) -> None:
        """Take the copy that an earlier opening left at rest.

        Raises
        ------
        MissingFileError
            If the file is not the one any more that the copy was made of.
        """
        self.base = base
        self.require_base()
        os.rename(rest, self._folder.working)

    def open(
        self, title: str, settings: Settings, *, allow_pickle: bool, is_foreign: bool
    ) -> OpenFile:
        """Let HDF5 open the copy, or create it."""
        self.file = OpenFile(
            self._shown,
            writable=True,
            title=title,
            settings=settings,
            allow_pickle=allow_pickle,
            actual=self._folder.working,
            is_foreign=is_foreign,
        )
        return self.file

    def renew(self) -> None:
        """Throw away what HDF5 has written, or given away, and go on in a new copy."""
        self.discard()
        self._heard = write_errors.so_far()
        self.clone()
        self.file.reopen(self._folder.working)

    # ---------------------------------------------------------------- ending

    def check(self) -> None:
        """Raise the `OSError` for which the disk refused something, if it did."""
        refused = write_errors.refused(self._heard, self._folder.working)
        if refused is not None:
            raise refused

    def require_base(self) -> None:
        """See that the file is the one that the copy was made of.

        Raises
        ------
        MissingFileError
            If it is not.
        """
        found = identity(self._path)
        if found != self.base:
            raise MissingFileError(
                errno.ENOENT,
                f"The file was {'changed' if found else 'moved or removed'} by another program "
                "while it was open for writing, so what was stored since cannot be put into it",
                self._shown,
            )

    def close(self) -> None:
        """Let HDF5 close the copy, and see that the disk took all of it."""
        write_errors.hear()
        expected = 0
        if not write_errors.CAN_LISTEN:  # the length is all that can be known then
            self.file.tables.flush()
            expected = self.file.tables.get_filesize()
        self.file.close()
        self.check()
        if os.path.getsize(self._folder.working) < expected:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> str:
        """Bring the closed copy to the disk; returns its identity, which it keeps as the file.

        Raises
        ------
        MissingFileError
            If the file is not the one any more that the copy was made of. The copy is kept beside
            it then, under the name in the error's note.
        """
        try:
            self.require_base()
        except MissingFileError as error:
            error.add_note(f"It is kept in {self._keep()!r}.")
            raise
        sync(self._folder.working)
        return identity(self._folder.working)

    def replace_file(self) -> None:
        """Put the synced copy in the place of the file."""
        base = identity(self._folder.working)
        publish(self._folder.working, self._path)
        self.base = base

    def replace_file_by_copy(self) -> None:
        """Put a copy of the open copy in the place of the file, for the sake of nodes in use."""
        write_errors.hear()
        copy = os.path.join(self._folder.path, "copy.hdf5")
        self.file.tables.flush()
        self.check()
        self.require_base()
        remove(copy)
        descriptor = os.open(self._folder.working, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            clone(self._folder.working, copy, descriptor)
        finally:
            os.close(descriptor)
        sync(copy)
        base = identity(copy)
        publish(copy, self._path)
        self.base = base

    def leave(self, end: int) -> None:
        """Leave the closed copy to the next opening; it agrees with the journal up to `end`."""
        os.rename(self._folder.working, self._folder.rest(end))

    def discard(self) -> None:
        """Throw the copy away, open or not."""
        if self.is_open:
            self.file.discard(self._folder.working)
        if self._folder.is_there:
            remove(self._folder.working)

    def end(self) -> None:
        """Listen to HDF5 no more, and throw away what was neither published nor left."""
        write_errors.stop()
        self.discard()

    def _keep(self) -> str:
        """Give the closed copy a name beside the file that is free."""
        kept = free_name(self._path, "_unpublished")
        os.rename(self._folder.working, kept)
        return kept


class Failure:
    """The error of the disk that ended a session for good, if one did.

    What the disk refuses in a ``with`` block of this object ends the session: the block, and
    `check` from then on, raise `StorageFailedError`. That the file is missing ends nothing.

    Parameters
    ----------
    shown : str
        The file as messages name it.
    kept : callable
        Says where else than in the file something is kept, for messages.
    """

    def __init__(self, shown: str, kept: Callable[[], str]) -> None:
        self._shown = shown
        self._kept = kept
        self._error: StorageFailedError | None = None

    def __bool__(self) -> bool:
        return self._error is not None

    def check(self) -> None:
        """Raise the error if there was one."""
        if self._error is not None:
            raise self._error

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, MissingFileError):
            self.end(error)

    def end(self, error: BaseException) -> NoReturn:
        """End the session.

        Raises
        ------
        StorageFailedError
            Always.
        """
        if isinstance(error, StorageFailedError):
            self._error = error
            raise error
        cause: Any = error if getattr(error, "errno", None) else error.__cause__ or error
        reason = getattr(cause, "strerror", None) or str(cause)
        self._error = StorageFailedError(
            getattr(cause, "errno", None) or errno.EIO,
            f"Nothing more can be stored: {reason}. What was stored before is safe, in the file"
            f"{self._kept()}. Make space or mend the disk, then go on with the same file",
            self._shown,
        )
        raise self._error from error
