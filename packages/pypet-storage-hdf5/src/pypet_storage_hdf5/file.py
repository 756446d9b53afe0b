"""The open file: opening with clear errors, one handle, flushing, closing.

Invariant: opening changes nothing in a file that exists, not even its title, and reading never
writes. A file that is opened for writing but does not exist is created together with its folder.
HDF5 locks files, so opening one waits for its turn.
"""

from __future__ import annotations

import copy
import errno
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tables
from numpy.typing import NDArray

from pypet_storage_hdf5.file_bytes import FileBytes, ImageBytes
from pypet_storage_hdf5.file_locks import holders, is_lock_conflict, open_in_turn
from pypet_storage_hdf5.group_index import claim_whole_file, root_needs_end
from pypet_storage_hdf5.handles import Handles
from pypet_storage_hdf5.pickling import refuse_pickles
from pypet_storage_hdf5.session_journal import new_token
from pypet_storage_hdf5.settings import Settings
from pypet_storage_hdf5.truncation import (
    WRITING,
    complete,
    missing_bytes,
    open_completed,
    open_image,
)
from pypet_trajectory.exceptions import PickleRefusedError, PypetError, PypetOSError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

_NOTHING_TO_REFUSE = nullcontext()


class HDF5FileError(PypetError, tables.HDF5ExtError):  # type: ignore[misc]
    """A file cannot be opened as HDF5, because of its content or because of a lock."""

    def __init__(self, message: str) -> None:
        super().__init__(message, h5bt=False)  # type: ignore[call-arg]


class DamagedRootError(HDF5FileError):
    """A file cannot be opened for writing, because the index of its root is damaged."""


class IncompleteWriteError(PypetOSError):
    """The operating system did not take all that was written, as on a full disk."""


class MissingFileError(PypetOSError, FileNotFoundError):
    """There is no file of that name to read from."""


class OpenFile:
    """One HDF5 file, open.

    Parameters
    ----------
    path : str
        The file.
    writable : bool
        Whether to open for writing; the file is created if it is not there.
    title : str
        Title of a newly created file.
    settings : Settings
        Filters and pandas format for what is written.
    allow_pickle : bool, optional
        Whether pickles in the file may be loaded.

    Raises
    ------
    FileNotFoundError
        If the file is to be read and does not exist.
    PermissionError
        If the operating system does not let us.
    HDF5FileError
        If somebody else holds the file, or it is no HDF5 file, or a damaged one.
    """

    def __init__(
        self,
        path: str,
        *,
        writable: bool,
        title: str,
        settings: Settings,
        allow_pickle: bool = True,
    ) -> None:
        #: Absolute, for the process may get another working directory while the file is open.
        self.path = path = os.path.abspath(path)
        self.allow_pickle = allow_pickle
        self.writable = writable
        self.settings = settings
        # Names of trajectories, items and dictionary keys need not be Python identifiers.
        warnings.filterwarnings("ignore", category=tables.NaturalNameWarning)
        warnings.filterwarnings("ignore", category=tables.PerformanceWarning)
        exists = os.path.exists(path)
        #: Whether nothing was there before.
        self.is_new = not exists
        if not writable and not exists:
            raise MissingFileError(
                errno.ENOENT, f"There is no file to load from at {os.path.abspath(path)!r}."
            )
        if writable:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            if exists and not os.access(path, os.W_OK):
                raise PermissionError(
                    errno.EACCES, "The file is read-only; nothing can be stored in it", path
                )
        if exists and not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, "The file cannot be read", path)
        opened = None
        try:
            # PyTables reads all attributes of the root at once.
            with self.refusing_pickles("/"):
                opened = self._opened({} if exists else {"title": title})
                self.tables = opened
                self.handles = Handles(self.tables)
                #: What a writer that did not close the file has left in it, ``''`` if there was
                #: none.
                self.left_token = self._mark_of_writer()
        except BaseException:
            if opened is not None:
                self.abandon()
            raise
        #: What this writer leaves in the file until it closes it, see `mark_writing`.
        self.token = ""
        #: Whether a flush brought the mark of this writer to the file.
        self._is_marked = False

    def shared(self, settings: Settings, *, allow_pickle: bool) -> OpenFile:
        """The same open file for somebody else, who must not close it."""
        twin = copy.copy(self)
        twin.settings = settings
        twin.allow_pickle = allow_pickle
        return twin

    def mark_writing(self) -> None:
        """Leave a mark that goes when the file is closed properly, see `truncation`.

        Crash story: whoever recovers the file does so before, while the mark of the writer that
        was killed is still there.
        """
        self.token = new_token(self.path)
        self._is_marked = False
        self.handles.group("/").set_raw_attribute(WRITING, np.array(self.token))

    def continue_repaired(self, repair: Callable[[FileBytes | ImageBytes], object]) -> None:
        """Let `repair` change bytes of the file while HDF5 does not have it, and open it again.

        A file that is open for reading is repaired in memory; from then on it may be changed, and
        all that is dropped in the end.
        """
        self.handles.close()
        self.tables.close()
        if self.writable:
            target = FileBytes(self.path, writable=True)
            try:
                repair(target)
            finally:
                target.close()
            with self.refusing_pickles("/"):
                self.tables = tables.open_file(self.path, mode="a")
        else:
            image = ImageBytes(Path(self.path).read_bytes() + bytes(missing_bytes(self.path)))
            repair(image)
            with self.refusing_pickles("/"):
                self.tables = open_image(self.path, bytes(image.image), mode="a")
        self.handles = Handles(self.tables)

    def filters(self, options: Mapping[str, Any] | None = None) -> tables.Filters:
        """Filters of the file's settings, changed by the options of one call."""
        return self.settings.filters(options)

    def refusing_pickles(self, path: str) -> AbstractContextManager[None]:
        """Refuses pickles while `path` is read, unless this file may hold them."""
        if self.allow_pickle:
            return _NOTHING_TO_REFUSE
        return refuse_pickles(f"{path!r} in {self.path!r}")

    def read_node(self, path: str) -> Any:
        """Whole content of a dataset by PyTables' means."""
        node = self.tables.get_node(path)
        try:
            return node.read()
        finally:
            node.close(flush=False)

    def read_table(self, path: str) -> NDArray[Any]:
        """All rows of a table."""
        try:
            with self.handles.open_table(path) as table:
                return table.read()
        except TypeError:  # columns that only PyTables can read
            pass
        with self.refusing_pickles(path):
            rows: NDArray[Any] = self.read_node(path)
        return rows

    def ensure_marked(self) -> None:
        """Flush unless the file on disk already says that it is being written.

        Chunks reach the file when their dataset is closed, long before a flush. Without the mark
        nobody would ask the journal about them.
        """
        if not self._is_marked:
            self.flush()

    def flush(self, *, buffers: bool = False) -> None:
        """Bring everything to the operating system, so that a killed process loses nothing.

        What is written here is never in PyTables' buffers; `buffers` flushes these as well.

        Raises
        ------
        IncompleteWriteError
            If the disk is full. Neither HDF5 nor PyTables says so.
        MissingFileError
            If the file was moved, removed or replaced while it was open.
        """
        if not self.writable:
            return
        self._is_marked = True
        if buffers:
            self.tables.flush()
        else:
            # PyTables' own flush visits every node it remembers.
            self.tables._flush_file(1)
        # A flush that fails stops before the superblock, so the file itself knows of nothing.
        status = os.fstat(self.tables.fileno())
        if not _leads_to(self.path, status):
            raise MissingFileError(
                errno.ENOENT,
                "The file was moved, removed or replaced while it was open for writing. What was "
                "stored is only in the file that had this name",
                self.path,
            )
        missing = self.tables.get_filesize() - status.st_size
        if missing > 0:
            raise IncompleteWriteError(
                errno.ENOSPC,
                f"Not all data could be written: the file lacks {missing} bytes at its end, most "
                "likely because the disk or a quota is full. What was stored before is safe "
                "together with the journal beside the file. Make space, then open it again",
                self.path,
            )

    def close(self, when_complete: Callable[[], None] | None = None) -> None:
        """Flush, make durable and close.

        Crash story: if something could not be written, the mark stays, and so the file is taken
        for that of a killed process the next time.

        Parameters
        ----------
        when_complete : callable, optional
            Called when everything is on disk, while nobody else can open the file yet.

        Raises
        ------
        IncompleteWriteError
            If the disk is full. The file is closed all the same.
        MissingFileError
            If the file was moved, removed or replaced while it was open, likewise.
        """
        if not self.tables.isopen:
            return
        if self.writable:
            try:
                self.flush(buffers=True)
            except PypetOSError:
                self.abandon()
                raise
            # The mark goes when everything else is on disk, see `truncation`.
            root = self.handles.group("/")
            if WRITING in root.attribute_names():
                root.remove_attribute(WRITING)
        self.handles.close()
        try:
            if self.writable:
                self.tables.flush()
                os.fsync(self.tables.fileno())
                if when_complete is not None:
                    when_complete()
        finally:
            self.tables.close()

    def abandon(self) -> None:
        """Close without removing the mark of a writer that was killed."""
        if hasattr(self, "handles"):
            self.handles.close()
        self.tables.close()

    def _opened(self, title: Mapping[str, str]) -> Any:
        mode = "a" if self.writable else "r"
        try:
            return open_in_turn(self.path, lambda: tables.open_file(self.path, mode, **title))
        except PickleRefusedError:
            raise
        except (tables.HDF5ExtError, ValueError, OSError) as error:
            return self._opened_after_kill(error)

    def _root_was_growing(self) -> bool:
        source = FileBytes(self.path)
        try:
            return root_needs_end(source)
        finally:
            source.close()

    def _mark_of_writer(self) -> str:
        root = self.handles.group("/")
        return str(root.raw_attribute(WRITING)) if WRITING in root.attribute_names() else ""

    def _opened_after_kill(self, error: Exception) -> Any:
        """The file opened although its last flush was cut short; else one clear error."""
        if "truncated file" in str(error):
            missing = missing_bytes(self.path)
            if self.writable and missing and complete(self.path, missing):
                _logger.warning(
                    "%r was being written when its process died; completed it.", self.path
                )
                return tables.open_file(self.path, mode="a")
            if not self.writable and missing:
                completed = open_completed(self.path, missing)
                if completed is not None:
                    return completed
        if self._root_was_growing():
            if not self.writable:
                image = ImageBytes(Path(self.path).read_bytes())
                claim_whole_file(image)
                return open_image(self.path, bytes(image.image), mode="r")
            target = FileBytes(self.path, writable=True)
            try:
                claim_whole_file(target)
            finally:
                target.close()
            return tables.open_file(self.path, mode="a")
        if self.writable and "unable to read root group" in str(error):
            raise DamagedRootError(str(_opening_error(self.path, True, error))) from error
        raise _opening_error(self.path, self.writable, error) from error


def _leads_to(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(status, os.stat(path))
    except FileNotFoundError:
        return False


def _opening_error(path: str, writable: bool, error: Exception) -> Exception:
    """One clear sentence on why a file does not open."""
    place = os.path.abspath(path)
    text = str(error)
    if isinstance(error, OSError):
        return error
    holding = holders(path)
    if is_lock_conflict(error) or "already open" in text or holding:
        return HDF5FileError(
            f"{place!r} cannot be opened for {'writing' if writable else 'reading'}, because "
            f"{holding or 'another program or another part of this one'} holds it open. "
            "Close it there, or let only one process use the file (wrap mode LOCK or QUEUE)."
        )
    if not os.path.getsize(path):
        return HDF5FileError(f"{place!r} is empty and therefore no HDF5 file.")
    with open(path, "rb") as stream:
        is_hdf5 = stream.read(8) == b"\x89HDF\r\n\x1a\n"
    if not is_hdf5:
        return HDF5FileError(f"{place!r} is not an HDF5 file.")
    reason = next((line.strip() for line in text.splitlines() if "truncated" in line), "")
    return HDF5FileError(
        f"{place!r} is a damaged HDF5 file ({reason or text.strip().splitlines()[-1]}). "
        "repair_hdf5_file() saves what can be saved."
    )
