"""Which journal belongs to which file, also after the file was renamed, copied or replaced.

A journal says to which state of its file it is to be applied: by size and time of modification, or,
once the session has made a checkpoint, by the mark that this left in the file. The mark has the
session's token and the number of the checkpoint, so a file can be told that is ahead of a journal,
and the folder of the session, so a file that was renamed finds its journal. The last checkpoint
takes the mark away.

Invariant: a journal that may still be needed is never applied to another file, and never removed.
"""

from __future__ import annotations

import os
from contextlib import suppress

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.safety.files import identity
from pypet_storage_hdf5.safety.folder import SessionFolder, is_alive, locked
from pypet_storage_hdf5.safety.session_journal import JournalState, read_state
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: A journal is to be applied to a file, its changes are in the file, or it is another file's.
BASE, AHEAD, OTHER = "base", "ahead", "other"


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
    root = file.handles.group("/")
    if markers.SESSION not in root.attribute_names():
        return "", 0, ""
    token, _, rest = str(root.raw_attribute(markers.SESSION)).partition(" ")
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
    os.rename(folder.path, aside)
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
