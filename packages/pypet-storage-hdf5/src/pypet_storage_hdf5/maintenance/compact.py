"""`compact_hdf5_file`: writing a file anew, without the space that deleted data left behind.

Invariant: the new file takes the place of the old one when it is complete and on the disk, in one
step; no other file is touched. pypet 0.7 called the program ``ptrepack``, which had to be found;
this happens within the process.
"""

from __future__ import annotations

import os
import shutil

from pypet_storage_hdf5.backend import complete_file
from pypet_storage_hdf5.backend.new_files import new_file
from pypet_storage_hdf5.backend.reading import left_behind
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.layout.copying import copy_tree
from pypet_storage_hdf5.overview.meta import read_settings
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)


def compact_hdf5_file(
    filename: str | os.PathLike[str],
    name: str | None = None,
    index: int | None = None,
    keep_backup: bool = True,
    *,
    allow_pickle: bool = False,
) -> int:
    """Repack a file, compressed as one of its trajectories says.

    Parameters
    ----------
    filename : str or path
        The file; no process may have it open.
    name, index : optional
        The trajectory whose settings for compression hold; by default the last one.
    keep_backup : bool, optional
        Whether to keep the old file as ``<name>_backup<extension>``, with a number behind
        ``backup`` if there is a file of that name.
    allow_pickle : bool, optional
        Whether the journal of a process that was killed while it wrote the file may be read, which
        holds pickles. The file is completed from it first.

    Returns
    -------
    int
        0; kept for scripts that looked at what ``ptrepack`` returned.

    Raises
    ------
    ValueError
        If the file does not exist, has no such trajectory, or both name and index are given.
    HDF5FileError
        If another process writes the file, or a process was killed while it wrote, and its
        journal must not be read.
    StorageFailedError
        If there is no room for the new file.

    Notes
    -----
    Crash story: under its name is the old file or the new one at every moment.
    """
    path = os.path.realpath(filename)  # a link to the file stays one
    if not os.path.exists(path):
        raise PypetValueError(f"There is no file {path!r} to compact.")
    _complete(path, allow_pickle)
    source = OpenFile(path, writable=False, settings=Settings(), allow_pickle=False)
    try:
        settings = read_settings(source, f"/{_chosen(source, name, index)}/overview") or Settings()
        with new_file(
            path,
            title=str(source.tables.title),
            settings=settings,
            before_replacing=lambda: _keep(path) if keep_backup else None,
        ) as target:
            copy_tree(source, "/", target, "/", filters=settings.filters())
    finally:
        source.close()
    return 0


def _complete(path: str, allow_pickle: bool) -> None:
    """Let the file have what only a journal has."""
    journal = left_behind(path)
    if journal and not allow_pickle:
        raise HDF5FileError(
            f"A process was killed while it wrote {path!r}, and {journal!r} has what the file "
            "lacks. It holds pickles, so it is only read if you say so: give allow_pickle=True to "
            "complete the file before it is compacted."
        )
    if journal:
        complete_file(path)


def _keep(path: str) -> None:
    """Give the file as it is a second name that is free."""
    root, extension = os.path.splitext(path)
    number = 1
    while os.path.lexists(
        backup := f"{root}_backup{'' if number == 1 else f'_{number}'}{extension}"
    ):
        number += 1
    try:
        os.link(path, backup)
    except FileExistsError:
        _keep(path)  # another process took the name just now
        return
    except OSError:  # a file system without second names
        shutil.copy2(path, backup)
    _logger.info("The file before it was compacted is kept as %r.", backup)


def _chosen(file: OpenFile, name: str | None, index: int | None) -> str:
    groups = file.handles.children("/").groups
    names = sorted(name for name in groups if not markers.is_unfinished(name))
    if name is not None and index is not None:
        raise PypetValueError("Give the name of a trajectory or its index, not both.")
    if name is not None:
        if name not in names:
            raise PypetValueError(f"There is no trajectory {name!r} in {file.path!r}: {names}.")
        return name
    index = -1 if index is None else index
    if not -len(names) <= index < len(names):
        raise PypetValueError(
            f"{file.path!r} has {len(names)} trajectories, there is none with index {index}."
        )
    return names[index]
