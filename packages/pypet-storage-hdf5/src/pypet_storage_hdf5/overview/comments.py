"""Purging duplicate comments: a thousand runs say the same about ``z``, the file says it once.

Invariant: a text is known if its SHA-1 is in the branch's summary table; the first leaf with a
text keeps it, later ones are stored without. Only results and derived parameters have a summary
table, so only their comments are purged; comments of groups never are. Unlike in pypet 0.7 the
table is not searched for each leaf: the digests are read once per opening of the file.
"""

from __future__ import annotations

import hashlib

from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.overview.tables import table_exists


class KnownComments:
    """Which comments a file knows already, per branch.

    Parameters
    ----------
    file : OpenFile
        The file.
    overview : str
        Path of the trajectory's ``overview`` group.
    """

    def __init__(self, file: OpenFile, overview: str) -> None:
        self._file = file
        self._overview = overview
        self._digests: dict[str, set[str]] = {}

    def is_new(self, branch: str, comment: str) -> bool:
        """Whether no leaf of the branch had this text before; from now on it is known."""
        digests = self._digests.get(branch)
        if digests is None:
            digests = self._digests[branch] = self._stored_digests(branch)
        digest = comment_digest(comment)
        if digest in digests:
            return False
        digests.add(digest)
        return True

    def _stored_digests(self, branch: str) -> set[str]:
        path = f"{self._overview}/{branch}_summary"
        if not table_exists(self._file, path):
            return set()
        rows = self._file.read_table(path)
        return {digest.decode("ascii", "replace") for digest in rows["hexdigest"].tolist()}


def comment_digest(comment: str) -> str:
    """SHA-1 of a comment in hexadecimal, the key of pypet's summary tables."""
    return hashlib.sha1(comment.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
