"""Building a file that appears under its name when it is complete, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pypet_storage_hdf5.h5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.safety import write_errors
from pypet_storage_hdf5.safety.files import identity
from pypet_storage_hdf5.safety.folder import FolderLockedError, locked
from pypet_storage_hdf5.safety.turns import PATIENCE
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import StorageFailedError
from pypet_trajectory.files import publish, sync


@contextmanager
def new_file(
    path: str,
    *,
    title: str,
    settings: Settings,
    before_replacing: Callable[[], None] = lambda: None,
) -> Iterator[OpenFile]:
    """A file to be filled in this block, which then takes the place of whatever is at `path`.

    Parameters
    ----------
    path : str
        Its real path.
    title : str
        Title of the file.
    settings : Settings
        Filters for what is written.
    before_replacing : callable, optional
        Called when the new file is complete.

    Raises
    ------
    HDF5FileError
        If another process writes the file, or changes it meanwhile.
    StorageFailedError
        If there is no room for the new file.

    Notes
    -----
    Crash story: the new file grows in the folder of a session, which the next session empties, and
    gets its name in one step.
    """
    try:
        folder = locked(path, patience=PATIENCE)
    except FolderLockedError as error:
        raise HDF5FileError(
            f"{path!r} cannot be written, because {error} holds it open. Close it there."
        ) from error
    assert folder is not None
    heard = write_errors.listen()
    file: OpenFile | None = None
    try:
        base = identity(path)
        folder.discard_working()
        file = OpenFile(path, writable=True, title=title, settings=settings, actual=folder.working)
        try:
            yield file
            file.close()
        except BaseException as error:
            _raise_if_refused(heard, folder.working, path, error)
            raise
        _raise_if_refused(heard, folder.working, path)
        if base:
            shutil.copymode(path, folder.working)
        try:
            sync(folder.working)
        except OSError as error:
            raise StorageFailedError(
                error.errno, "The new file cannot be brought to the disk", path
            ) from error
        if identity(path) != base:
            raise HDF5FileError(f"{os.fspath(path)!r} was changed by another program meanwhile.")
        before_replacing()
        publish(folder.working, path)
    finally:
        write_errors.stop()
        if file is not None and file.tables.isopen:
            file.discard(folder.working)
        folder.dissolve()


def _raise_if_refused(
    heard: int, working: str, path: str, cause: BaseException | None = None
) -> None:
    refused = write_errors.refused(heard, working)
    if refused is not None:
        raise StorageFailedError(
            refused.errno,
            f"The file cannot be written: {refused.strerror}. What was there is as it was",
            path,
        ) from cause
