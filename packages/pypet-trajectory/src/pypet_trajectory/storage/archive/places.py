"""Which place of a `.traj` archive a member belongs to, so that none is used twice.

An index of a few bytes could name one large array a million times, and each of them would be
loaded. Writers never do that: every array that is stored gets a member of its own. Invariant: in
one session a member is read for one node or run table only, and once each time that this is read,
so all data of an archive together is no larger than what its members hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet_trajectory.storage.archive.container import ArchiveFile
from pypet_trajectory.storage.archive.index import damaged


class PlaceReader:
    """Reads members for one node or run table.

    Parameters
    ----------
    file : ArchiveFile
        Open.
    owners : dict
        Members read so far to the place that they belong to; shared by all readers of a session.
    place : str
        What is read, for error messages.
    """

    def __init__(self, file: ArchiveFile, owners: dict[str, str], place: str) -> None:
        self._file = file
        self._owners = owners
        self._place = place
        self._read: set[str] = set()

    def json(self, member: Any) -> Any:
        """Content of a JSON member; the index may claim anything to be its name.

        Raises
        ------
        PypetOSError
            If it is damaged, was read for another place, or before for this one.
        """
        return self._file.read_json(self._taken(member))

    def array(self, member: Any) -> np.ndarray[Any, Any]:
        """Content of an array member; as :meth:`json`."""
        return self._file.read_array(self._taken(member))

    def _taken(self, member: Any) -> str:
        if not isinstance(member, str):
            damaged(self._place, "a member", "named", member)
        owner = self._owners.setdefault(member, self._place)
        if owner != self._place or member in self._read:
            damaged(self._place, "a member", f"used once, but {owner} has it, too", member)
        self._read.add(member)
        return member
