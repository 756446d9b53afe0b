"""Writing files anew: `compact_hdf5_file` leaves out the space that deleted data left behind.

Invariant: the new file takes the place of the old one when it is complete and on the disk, in one
step; no other file is touched. pypet 0.7 called the program ``ptrepack``, which had to be found;
this happens within the process.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pypet_storage_hdf5.backend import complete_file
from pypet_storage_hdf5.backend.lineage import lock_folder
from pypet_storage_hdf5.backend.reading import left_behind
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.layout.copying import copy_tree
from pypet_storage_hdf5.overview.meta import read_settings
from pypet_storage_hdf5.safety import write_errors
from pypet_storage_hdf5.safety.files import free_name, identity
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PypetValueError, StorageFailedError
from pypet_trajectory.files import publish, sync
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
    """Repack a file, compressed as one of its trajectories says, if that makes it smaller.

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
            accepts=lambda new: _is_smaller(new, path, keep_backup),
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


def _is_smaller(new: str, path: str, keep_backup: bool) -> bool:
    """Whether the new file is to take the place of the old one, which is kept first if wanted."""
    before, after = os.path.getsize(path), os.path.getsize(new)
    if after >= before:
        _logger.info(
            "%r stays as it is: repacked it would have %d bytes instead of %d.", path, after, before
        )
        return False
    if keep_backup:
        _keep(path)
    return True


def _keep(path: str) -> None:
    """Give the file as it is a second name that is free."""
    backup = free_name(path, "_backup")
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


@contextmanager
def new_file(
    path: str,
    *,
    title: str,
    settings: Settings,
    accepts: Callable[[str], bool] = lambda new: True,
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
    accepts : callable, optional
        Called with the path of the new file when it is complete; says whether it is taken.

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
    folder = lock_folder(path, "written")
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
        if accepts(folder.working):
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
