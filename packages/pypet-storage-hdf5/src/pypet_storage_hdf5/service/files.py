"""The file of a service as a whole: which one it is, its removal, and backups of trajectories."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pypet_storage_hdf5.backend.lineage import belongs_to, lock_folder, quarantine
from pypet_storage_hdf5.layout.copying import copy_whole
from pypet_trajectory.exceptions import PypetValueError

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend


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
        folder = lock_folder(path, "removed", location, make=False)
        if folder is not None:
            if belongs_to(path, folder):
                folder.dissolve()
            else:
                quarantine(folder, location)
    with suppress(FileNotFoundError):
        os.remove(location)


DEFAULT_NAME = "Experiments"


def resolved_filename(filename: str | os.PathLike[str] | None, name: str | None) -> str:
    """The path of the file.

    Parameters
    ----------
    filename : str or path, optional
        A file, or a folder (one that exists, or a path with a separator at its end). A bare name
        lies in the current folder, which an empty one means; a relative path with folders stays
        relative.
    name : str, optional
        Name of the trajectory, which gives the file its name where `filename` does not.

    Examples
    --------
    >>> resolved_filename('./data/', 'fitting')
    './data/fitting.hdf5'
    >>> resolved_filename('./data/all.h5', 'fitting')
    './data/all.h5'
    """
    if filename is None:
        folder = os.path.join(os.getcwd(), "hdf5") if name else os.getcwd()
        return os.path.join(folder, f"{name or DEFAULT_NAME}.hdf5")
    path = os.fsdecode(filename) or os.getcwd()
    head, tail = os.path.split(path)
    if os.path.isdir(path) or not tail:
        return os.path.join(path, f"{name or DEFAULT_NAME}.hdf5")
    return os.path.join(os.getcwd(), tail) if not head else path


def backup_filename(filename: str, name: str) -> str:
    """Where a backup goes: beside the file, as ``backup_<trajectory>.hdf5``."""
    return os.path.join(os.path.dirname(filename), f"backup_{name}.hdf5")


def copy_trajectory_group(source: HDF5Backend, target: HDF5Backend, name: str) -> None:
    """Copy the trajectory called `name` from one open file to another; the first is only read.

    Crash story: that of the session; the copy is there when `target` is closed, or not at all.

    Raises
    ------
    ValueError
        If `target` has a trajectory of that name.
    """
    if name in target.trajectory_names():
        raise PypetValueError(
            f"{target.location!r} already has a trajectory {name!r}; give another "
            "backup_filename or remove the old backup."
        )
    target.connection.change_unnoted()
    copy_whole(source.file, f"/{name}", target.file, f"/{name}")
