"""`compact_hdf5_file`: writing a file anew, without the space that deleted data left behind.

Invariant: the old file is untouched until the new one is complete and on disk; then names are
exchanged by renaming. pypet 0.7 called the program ``ptrepack``, which had to be found; this
happens within the process.
"""

from __future__ import annotations

import os

from pypet_storage_hdf5 import markers
from pypet_storage_hdf5.copying import copy_tree
from pypet_storage_hdf5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.overview.meta import read_settings
from pypet_storage_hdf5.settings import Settings
from pypet_storage_hdf5.unfinished import complete_file, journal_of
from pypet_trajectory.exceptions import PypetValueError


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
        The file; nobody may have it open.
    name, index : optional
        The trajectory whose settings for compression hold; by default the last one.
    keep_backup : bool, optional
        Whether to keep the old file as ``<name>_backup<extension>``.
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
        If a process was killed while it wrote the file, and its journal must not be read.

    Notes
    -----
    Crash story: until the last renaming the old file is there under its name or, between two
    renamings, under the name of the backup; the new one lies beside it.
    """
    path = os.path.realpath(filename)  # a link to the file stays one
    if not os.path.exists(path):
        raise PypetValueError(f"There is no file {path!r} to compact.")
    root, extension = os.path.splitext(path)
    compacted, backup = f"{root}_tmp{extension}", f"{root}_backup{extension}"
    if os.path.exists(compacted):
        os.remove(compacted)
    if allow_pickle:
        complete_file(path)
    source = OpenFile(path, writable=False, title="", settings=Settings(), allow_pickle=False)
    try:
        _check_complete(source)
        settings = read_settings(source, f"/{_chosen(source, name, index)}/overview") or Settings()
        title = str(source.tables.title)
        target = OpenFile(compacted, writable=True, title=title, settings=settings)
        try:
            filters = settings.filters()
            copy_tree(source, "/", target, "/", filters=filters, skip=markers.is_set_aside)
        finally:
            target.close()
    except BaseException:
        if os.path.exists(compacted):
            os.remove(compacted)
        raise
    finally:
        source.close()
    if keep_backup:
        os.replace(path, backup)
    os.replace(compacted, path)
    return 0


def _check_complete(file: OpenFile) -> None:
    journal = journal_of(file)
    if journal:
        raise HDF5FileError(
            f"{file.path!r} was not closed properly, and {journal!r} holds what it may lack. It "
            "holds pickles, so it is only read if you say so: give allow_pickle=True to complete "
            "the file before it is compacted."
        )


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
