"""What earlier processes left of a session, and whether it belongs to the file.

A session begins with what lies in its folder: a working copy at rest if the session goes on, or a
journal that a killed process left and whose changes are to be made again.

A journal says to which state of its file it is to be applied: by size and time of modification, or,
once the session has made a checkpoint, by the mark that this left in the file. The mark has the
session's token and the number of the checkpoint, so a file can be told that is ahead of a journal,
and the folder of the session, so a file that was renamed finds its journal. The last checkpoint
takes the mark away.

Invariant: a journal that may still be needed is never applied to another file, and never removed.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.safety.files import identity
from pypet_storage_hdf5.safety.folder import FolderLockedError, SessionFolder, is_alive, locked
from pypet_storage_hdf5.safety.session_journal import JournalState, read_head, read_state
from pypet_storage_hdf5.safety.turns import PATIENCE
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: A journal is to be applied to a file, its changes are in the file, or it is another file's.
BASE, AHEAD, OTHER = "base", "ahead", "other"


class Beginning(NamedTuple):
    """What a session begins with."""

    #: The folder of the session, locked.
    folder: SessionFolder
    #: The journal to go on with, if an earlier opening left one that the file needs.
    state: JournalState | None = None
    #: The working copy that agrees with it; ``''`` if its changes have to be made again.
    rest: str = ""


def begin(path: str, shown: str) -> Beginning:
    """Lock the folder of a file that is to be written, and find out what is left there.

    Parameters
    ----------
    path : str
        The real path of the file.
    shown : str
        The file as messages name it.

    Raises
    ------
    HDF5FileError
        If another process writes the file.
    PermissionError
        If the operating system does not let us.
    """
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(
            errno.EACCES, "The file is read-only; nothing can be stored in it", shown
        )
    os.makedirs(os.path.dirname(path), exist_ok=True)
    folder = _locked_folder(path, shown)
    try:
        rest, state = _at_rest(folder)
        if rest:
            return Beginning(folder, state, rest)
        state = read_state(folder.journal)
        if state is None or not state.has_changes:
            return Beginning(folder)
        found = relation(path, state)
        if found != OTHER:
            return Beginning(folder, state if found == BASE else None)
    except BaseException:
        give_back(folder)
        raise
    quarantine(folder, shown)
    return Beginning(_locked_folder(path, shown))


def lock_folder(
    path: str, what: str, shown: str = "", *, shared: bool = False, make: bool = True
) -> SessionFolder | None:
    """The session folder of a file, locked; ``None`` if there is none and none is to be made.

    Parameters
    ----------
    path : str
        The real path of the file.
    what : str
        What the file is to be, for the error.
    shown : str, optional
        The file as messages name it.
    shared, make : bool, optional
        As for :func:`~pypet_storage_hdf5.safety.folder.locked`.

    Raises
    ------
    HDF5FileError
        If another process has the folder.
    """
    try:
        return locked(path, patience=PATIENCE, shared=shared, make=make)
    except FolderLockedError as error:
        raise HDF5FileError(
            f"{shown or path!r} cannot be {what}, because {error} holds it open. Close it there, "
            "or let only one process use the file (wrap mode LOCK or QUEUE)."
        ) from error


def _locked_folder(path: str, shown: str) -> SessionFolder:
    try:
        folder = lock_folder(path, "opened for writing", shown)
    except PermissionError as error:
        raise PermissionError(
            error.errno,
            "Nothing can be stored, for a working copy has to lie beside the file, and "
            f"nothing can be created there: {error.strerror}",
            shown,
        ) from error
    assert folder is not None
    return folder


def _at_rest(folder: SessionFolder) -> tuple[str, JournalState | None]:
    """The working copy that the last opening of a living session left, and its journal."""
    rest = folder.found_rest()
    if rest is not None and not os.path.exists(folder.working) and folder.is_alive():
        head = read_head(folder.journal)
        if head is not None:
            path, end = rest
            return path, JournalState(head, end, end > head.end, "")
    return "", None


def give_back(folder: SessionFolder) -> None:
    """Unlock a folder, and remove it if it holds nothing that the file lacks."""
    if keeps_nothing(folder):
        folder.dissolve()
    else:
        folder.unlock()


def keeps_nothing(folder: SessionFolder) -> bool:
    """Whether a folder holds nothing that its file lacks."""
    try:
        state = read_state(folder.journal)
    except (OSError, PypetError):
        return False
    return state is None or not state.has_changes


def relation(path: str, state: JournalState) -> str:
    """Whether a journal is to be applied to a file (`BASE`), has been, or is another file's."""
    found = identity(path)
    if found == state.head.base:
        return BASE
    if found and found == state.final:
        return AHEAD
    token, number, _ = read_mark(path)
    if token == state.head.token:
        return BASE if number == state.head.number else AHEAD
    return OTHER


def belongs_to(path: str, folder: SessionFolder) -> bool:
    """Whether what a folder keeps is about this file, or about none at all."""
    try:
        state = read_state(folder.journal)
    except (OSError, PypetError):
        return True
    return state is None or not state.has_changes or relation(path, state) != OTHER


def set_mark(file: OpenFile, folder: SessionFolder, number: int) -> None:
    """Say in a file where its journal is, for the file may get another name."""
    mark = f"{folder.token} {number} {folder.path}"
    file.handles.group("/").set_raw_attribute(markers.SESSION, np.array(mark))


def remove_mark(file: OpenFile) -> None:
    """Say that a file needs no journal."""
    if has_mark(file):
        file.handles.group("/").remove_attribute(markers.SESSION)


def has_mark(file: OpenFile) -> bool:
    """Whether a file says that it is part of a session."""
    return markers.SESSION in file.handles.group("/").attribute_names()


def read_mark(path: str) -> tuple[str, int, str]:
    """Token, number of checkpoints and folder of the session that a file is part of; else blank."""
    try:
        file = OpenFile(path, writable=False, settings=Settings(), allow_pickle=False)
    except (OSError, PypetError):
        return "", 0, ""
    try:
        return mark_of(file)
    finally:
        file.close()


def mark_of(file: OpenFile) -> tuple[str, int, str]:
    """The same of a file that is open."""
    if not has_mark(file):
        return "", 0, ""
    mark = file.handles.group("/").raw_attribute(markers.SESSION)
    token, _, rest = str(mark).partition(" ")
    number, _, folder = rest.partition(" ")
    return (token, int(number), folder) if number.isdigit() else ("", 0, "")


def journal_elsewhere(file: OpenFile, here: str) -> tuple[str, JournalState] | None:
    """Folder and content of the journal that an open file needs and that lies elsewhere."""
    token, number, folder = mark_of(file)
    if not folder or folder == here or not os.path.isdir(folder):
        return None
    with suppress(OSError, PypetError):
        state = read_state(os.path.join(folder, "journal"))
        if state is not None and (state.head.token, state.head.number) == (token, number):
            return (folder, state) if state.has_changes and not is_alive(folder) else None
    return None


def quarantine(folder: SessionFolder, shown: str) -> None:
    """Give a folder whose journal belongs to another file a name that nothing looks for."""
    number = 1
    while os.path.lexists(aside := f"{folder.path}-kept-{number}"):
        number += 1
    try:
        os.rename(folder.path, aside)
    finally:
        folder.unlock()
    _logger.warning(
        "%r is not the file that the journal in %r belongs to, which holds what a killed process "
        "stored. It is kept as %r. If the file has another name now, move that folder beside it "
        "as '<name>.session' before you open it.",
        shown,
        folder.path,
        aside,
    )


def remove_adopted(folder: str) -> None:
    """Remove the folder of a journal whose changes are in another file now, if its own has gone."""
    own_file = folder.removesuffix(".session")
    if os.path.lexists(own_file):
        return
    old = locked(own_file, patience=0.0, make=False)
    if old is not None:
        old.dissolve()
