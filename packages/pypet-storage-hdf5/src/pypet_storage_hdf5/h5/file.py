"""The open file: opening with clear errors, one handle, closing.

Invariant: opening changes nothing in a file that exists, not even its title, and reading never
writes. What is open for writing is a working copy (:mod:`~pypet_storage_hdf5.backend.session`);
errors name the file that it is a copy of.
"""

from __future__ import annotations

import errno
import functools
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeVar, cast

import tables
from numpy.typing import NDArray

from pypet_storage_hdf5.h5.handles import Handles
from pypet_storage_hdf5.h5.objects import require_plausible
from pypet_storage_hdf5.h5.pickling import refuse_pickles
from pypet_storage_hdf5.safety.hdf5_library import DamagedNameError, check_root
from pypet_storage_hdf5.safety.turns import holders, is_lock_conflict, open_in_turn
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PickleRefusedError,
    PypetError,
    PypetOSError,
)

Method = TypeVar("Method", bound=Callable[..., Any])

_NOTHING_TO_REFUSE = nullcontext()


class HDF5FileError(PypetError, tables.HDF5ExtError):  # type: ignore[misc]
    """A file cannot be opened as HDF5, because of its content or because of a lock."""

    def __init__(self, message: str) -> None:
        super().__init__(message, h5bt=False)  # type: ignore[call-arg]


class MissingFileError(PypetOSError, FileNotFoundError):
    """There is no file of that name to read from."""


class OpenFile:
    """One HDF5 file, open.

    Parameters
    ----------
    path : str
        The file as messages name it.
    writable : bool
        Whether to open for writing; the file is created if it is not there.
    title : str
        Title of a newly created file.
    settings : Settings
        Filters and pandas format for what is written.
    allow_pickle : bool, optional
        Whether pickles in the file may be loaded.
    actual : str, optional
        What is opened: a working copy of the file, by default the file itself.
    is_foreign : bool, optional
        Whether what is opened may come from somewhere else than this session.

    Raises
    ------
    FileNotFoundError
        If the file is to be read and does not exist.
    PermissionError
        If the operating system does not let us.
    HDF5FileError
        If another program holds the file, or it is no HDF5 file, or a damaged one.
    """

    def __init__(
        self,
        path: str,
        *,
        writable: bool,
        title: str = "",
        settings: Settings,
        allow_pickle: bool = True,
        actual: str | None = None,
        is_foreign: bool = True,
    ) -> None:
        #: Absolute, for the process may get another working directory while the file is open.
        self.path = path = os.path.abspath(path)
        self.allow_pickle = allow_pickle
        self.writable = writable
        self.settings = settings
        # Names of trajectories, items and dictionary keys need not be Python identifiers.
        warnings.filterwarnings("ignore", category=tables.NaturalNameWarning)
        warnings.filterwarnings("ignore", category=tables.PerformanceWarning)
        self.reopen(path if actual is None else actual, title, is_foreign=is_foreign)

    def reopen(self, actual: str, title: str = "", *, is_foreign: bool = False) -> None:
        """Open another copy of the file in the place of one that was closed.

        Parameters
        ----------
        actual : str
            What is opened.
        title : str, optional
            Title of a newly created file.
        is_foreign : bool, optional
            Whether it may come from somewhere else, so that PyTables might crash over it.

        Raises
        ------
        OSError, HDF5FileError
            As for opening a file.
        """
        exists = os.path.exists(actual)
        if not exists and not self.writable:
            raise MissingFileError(errno.ENOENT, f"There is no file to load from at {self.path!r}.")
        if exists and not os.access(actual, os.R_OK):
            raise PermissionError(errno.EACCES, "The file cannot be read", self.path)
        keywords = {} if exists else {"title": title}
        mode = "a" if self.writable else "r"
        opened: Any = None
        try:
            # PyTables reads all attributes of the root at once.
            with self.refusing_pickles("/"):
                if exists and is_foreign:
                    check_root(actual)
                opened = open_in_turn(actual, lambda: tables.open_file(actual, mode, **keywords))
        except (PickleRefusedError, DamagedNameError):
            if opened is not None:  # a pickle is refused when all has been read
                opened.close()
            raise
        except (tables.HDF5ExtError, ValueError, OSError) as error:
            raise _opening_error(self.path, actual, self.writable, error) from error
        #: The open file as PyTables knows it.
        self.tables: Any = opened
        #: What opens, creates, moves and removes objects of the file.
        self.handles = Handles(opened)

    def shared(self, settings: Settings, *, allow_pickle: bool) -> OpenFile:
        """The same open file for another user, who must not close it."""
        return _SharedFile(self, settings, allow_pickle)

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
        node = self.handles.node(path)
        try:
            # Rows of any length take a pointer and a length each.
            size = int(node.nrows) * int(getattr(node, "rowsize", 16))
            require_plausible(node, size, is_chunked=node.chunkshape is not None)
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

    def close(self) -> None:
        """Close; what was written is with the operating system then, if it took it."""
        if self.tables.isopen:
            self.handles.close()
            self.tables.close()

    def discard(self, actual: str) -> None:
        """Close a copy of no use any more, without room for what HDF5 still has to write."""
        with suppress(OSError):
            # HDF5 keeps a file open, and complains at the end, if it cannot write the rest.
            os.truncate(actual, 0)
        with suppress(tables.HDF5ExtError):
            self.close()


class _SharedFile(OpenFile):
    """A file that another user has opened, and may open again meanwhile."""

    def __init__(self, owner: OpenFile, settings: Settings, allow_pickle: bool) -> None:
        self._owner = owner
        self.path, self.writable = owner.path, owner.writable
        self.settings, self.allow_pickle = settings, allow_pickle

    @property
    def tables(self) -> Any:
        """The open file as PyTables knows it."""
        return self._owner.tables

    @property
    def handles(self) -> Handles:  # type: ignore[override]
        """What opens, creates, moves and removes objects of the file."""
        return self._owner.handles


def _opening_error(path: str, actual: str, writable: bool, error: Exception) -> Exception:
    """One clear sentence on why a file does not open."""
    text = str(error)
    if isinstance(error, OSError):
        return error
    holding = holders(actual)
    if is_lock_conflict(error) or "already open" in text or holding:
        return HDF5FileError(
            f"{path!r} cannot be opened for {'writing' if writable else 'reading'}, because "
            f"{holding or 'another program or another part of this one'} holds it open. "
            "Close it there, or let only one process use the file (wrap mode LOCK or QUEUE)."
        )
    if not os.path.getsize(actual):
        return HDF5FileError(f"{path!r} is empty and therefore no HDF5 file.")
    with open(actual, "rb") as stream:
        is_hdf5 = stream.read(8) == b"\x89HDF\r\n\x1a\n"
    if not is_hdf5:
        return HDF5FileError(f"{path!r} is not an HDF5 file.")
    reason = next((line.strip() for line in text.splitlines() if "truncated" in line), "")
    return HDF5FileError(
        f"{path!r} is a damaged HDF5 file ({reason or text.strip().splitlines()[-1]}). "
        "repair_hdf5_file() saves what can be saved."
    )


def damage_reported(method: Method) -> Method:
    """Let a method of a back end or a service raise `HDF5FileError` if the file is damaged.

    Damaged files make PyTables, numpy and the code that decodes what they read raise all kinds of
    exceptions. Those that come from elsewhere, from classes of users for instance, stay what they
    are.
    """

    @functools.wraps(method)
    def reading(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except (PypetError, ImportError):
            raise
        except tables.NoSuchNodeError as error:
            raise DataNotInStorageError(
                f"{self.location!r} lacks something that belongs to what it has: {error}"
            ) from error
        except Exception as error:
            if not _came_from_here(error):
                raise
            raise _damaged(self.location, error) from error

    return cast("Method", reading)


def _came_from_here(error: Exception) -> bool:
    """Whether code of this package was running below the method that reports damage."""
    step = error.__traceback__
    step = None if step is None else step.tb_next  # the method itself
    while step is not None and step.tb_next is not None:
        step = step.tb_next
        if step.tb_frame.f_globals.get("__name__", "").startswith(_PACKAGE):
            return True
    return False


_PACKAGE = f"{__name__.partition('.')[0]}."


def _damaged(location: str, error: Exception) -> HDF5FileError:
    """The error to raise for one that a damaged file caused."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = HDF5FileError(
        f"{location!r} cannot be read: {type(error).__name__}: {lines[-1] if lines else ''} The "
        "file is damaged, or something in it is not as pypet stores it. repair_hdf5_file() saves "
        "what can be saved."
    )
    for note in getattr(error, "__notes__", ()):
        found.add_note(note)
    return found
