"""Files whose writer was killed, for those who do not open them through the service.

The service completes such a file from its journal whenever it opens it. Checking, repairing and
compacting look at the objects of a file as they are, so they have to ask. A journal holds pickles,
and these functions also get files of strangers: it is read only if the caller says so.
"""

from __future__ import annotations

from pypet_storage_hdf5.backend import HDF5Backend
from pypet_storage_hdf5.file import OpenFile
from pypet_storage_hdf5.session_journal import found_journal, has_entries
from pypet_storage_hdf5.settings import Settings


def journal_of(file: OpenFile) -> str:
    """Path of the journal that holds what an open file may lack, ``''`` if there is none."""
    if not has_entries(file.path, file.left_token):
        return ""
    return found_journal(file.path, file.left_token)


def complete_file(path: str) -> None:
    """Write into a file what only its journal has; unpickles the journal and removes it.

    Crash story: that of :func:`~pypet_storage_hdf5.recovery.recover`.
    """
    backend = HDF5Backend(path, Settings(), allow_pickle=True)
    backend.open(writable=True)
    backend.close()
