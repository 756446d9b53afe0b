"""Sessions of many calls: when they begin, and showing everything when the last one ends.

While a file is held in a process, every opening of it belongs to the same session, whichever
storage service opens it. A back end that is pickled while it holds its file belongs to the session
in its new process as well.
"""

from __future__ import annotations

import os
from collections import Counter

from pypet_storage_hdf5.safety.folder import find, is_member
from pypet_storage_hdf5.safety.pace import unfinished_here

#: How often each file is held in this process, by its real path.
_held: Counter[str] = Counter()


class Holding:
    """How often one back end holds its file.

    Parameters
    ----------
    ends : bool, optional
        Whether the back end is there to end the session, whatever holds the file.
    """

    def __init__(self, *, ends: bool = False) -> None:
        self._count = 0
        self.ends = ends

    def begin(self, location: str) -> None:
        """Hold the file once more."""
        self._count += 1
        _held[os.path.realpath(location)] += 1

    def end(self, location: str) -> bool:
        """Hold it once less; returns whether nothing in this process holds it any more."""
        path = os.path.realpath(location)
        self._count = max(0, self._count - 1)
        _held[path] = max(0, _held[path] - 1)
        return not _held[path]

    def holds(self, location: str) -> bool:
        """Whether an opening of the file belongs to a session of many calls."""
        if self._count or self.ends:
            return not self.ends
        path = os.path.realpath(location)
        if _held[path]:
            return True
        folder = find(path)
        return folder is not None and is_member(folder) and not unfinished_here(path)
