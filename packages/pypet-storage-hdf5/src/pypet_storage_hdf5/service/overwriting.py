"""Removing a file that is to be written anew, with what a session left beside it."""

from __future__ import annotations

import os
from contextlib import suppress

from pypet_storage_hdf5.backend.lineage import belongs_to, quarantine
from pypet_storage_hdf5.h5.file import HDF5FileError
from pypet_storage_hdf5.safety.folder import FolderLockedError, locked
from pypet_storage_hdf5.safety.turns import PATIENCE


def remove_file(location: str) -> None:
    """Remove a file, if it is there; of a symbolic link the link.

    The folder of a session that belongs to the file goes as well; one that belongs to another file,
    which was renamed perhaps, is kept.

    Raises
    ------
    HDF5FileError
        If another process writes the file.
    """
    path = os.path.realpath(location)
    if not os.path.islink(location) and os.path.isdir(os.path.dirname(path)):
        try:
            folder = locked(path, patience=PATIENCE, make=False)
        except FolderLockedError as error:
            raise HDF5FileError(
                f"{location!r} cannot be removed, because {error} holds it open. Close it there."
            ) from error
        if folder is not None:
            if belongs_to(path, folder):
                folder.dissolve()
            else:
                quarantine(folder, location)
    with suppress(FileNotFoundError):
        os.remove(location)
