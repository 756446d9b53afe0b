"""Overview tables: one row per leaf, or per comment, of a branch.

Nothing ever reads them back except the digests of comments. A row is added when a leaf is
created, not when it changes, and deleting or merging leaves the rows alone. Invariant: a problem
with these tables is logged and never stops data from being stored. Rows are collected and written
when the file is flushed, many at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from pypet_storage_hdf5.h5.attributes import cut_text
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.overview.tables import append_rows, create_table, table_exists
from pypet_trajectory.api.records import NodeRecord
from pypet_trajectory.constants import (
    HDF5_MAX_OVERVIEW_TABLE_LENGTH,
    HDF5_STRCOL_MAX_COMMENT_LENGTH,
    HDF5_STRCOL_MAX_LOCATION_LENGTH,
    HDF5_STRCOL_MAX_NAME_LENGTH,
    HDF5_STRCOL_MAX_RANGE_LENGTH,
    HDF5_STRCOL_MAX_VALUE_LENGTH,
)
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

_LOCATION = ("location", f"S{HDF5_STRCOL_MAX_LOCATION_LENGTH}")
_NAME = ("name", f"S{HDF5_STRCOL_MAX_NAME_LENGTH}")
_VALUE = ("value", f"S{HDF5_STRCOL_MAX_VALUE_LENGTH}")
_COMMENT = ("comment", f"S{HDF5_STRCOL_MAX_COMMENT_LENGTH}")

_OVERVIEW = np.dtype([_LOCATION, _NAME, _VALUE, _COMMENT])
_EXPLORED = np.dtype(
    [
        _LOCATION,
        _NAME,
        _VALUE,
        _COMMENT,
        ("length", "<i4"),
        ("range", f"S{HDF5_STRCOL_MAX_RANGE_LENGTH}"),
    ]
)
_SUMMARY = np.dtype([_LOCATION, _NAME, _VALUE, ("hexdigest", "S64"), _COMMENT])

_TYPES = {
    "config_overview": _OVERVIEW,
    "parameters_overview": _OVERVIEW,
    "derived_parameters_overview": _OVERVIEW,
    "results_overview": _OVERVIEW,
    "explored_parameters_overview": _EXPLORED,
    "derived_parameters_summary": _SUMMARY,
    "results_summary": _SUMMARY,
}
_PARAMETER_BRANCHES = ("parameters", "derived_parameters")
_MAX_RANGE_VALUES = 351


class Summaries:
    """The overview tables of one trajectory, and the comments that are purged by them.

    Parameters
    ----------
    file : OpenFile
        The file, whose settings say which tables are wanted.
    overview : str
        Path of the trajectory's ``overview`` group.
    """

    def __init__(self, file: OpenFile, overview: str) -> None:
        self._file = file
        self._overview = overview
        self._comments = KnownComments(file, overview)
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._lengths: dict[str, int] = {}

    def create_missing(self, expected: dict[str, int] | None = None) -> None:
        """Create the wanted tables that are not there yet."""
        for name, dtype in _TYPES.items():
            path = f"{self._overview}/{name}"
            if self._file.settings.has_overview(name) and not table_exists(self._file, path):
                create_table(self._file, path, dtype, expected=(expected or {}).get(name, 1000))

    def leaf_created(self, record: NodeRecord) -> str:
        """Note a new leaf and return the comment to store with it, ``''`` if purged."""
        settings = self._file.settings
        branch = record.full_name.partition(".")[0]
        if settings.has_overview(f"{branch}_overview"):
            self._add(f"{branch}_overview", record)
        if record.range_length:
            self.parameter_explored(record)
        if not record.comment or not settings.has_overview(f"{branch}_summary"):
            return record.comment
        is_new = self._comments.is_new(branch, record.comment)
        if is_new:
            self._add(f"{branch}_summary", record)
        return record.comment if is_new or not settings.purge_duplicate_comments else ""

    def parameter_explored(self, record: NodeRecord) -> None:
        """Note that a parameter has a range now."""
        branch = record.full_name.partition(".")[0]
        if branch in _PARAMETER_BRANCHES and self._file.settings.has_overview(
            "explored_parameters_overview"
        ):
            self._add("explored_parameters_overview", record)

    def flush(self) -> None:
        """Write the rows that wait.

        Crash story: rows that were not written are missing from tables no reader relies on. A
        comment whose digest is missing is stored once more with the next leaf that has it.
        """
        waiting, self._waiting = self._waiting, {}
        for name, rows in waiting.items():
            path = f"{self._overview}/{name}"
            try:
                if not table_exists(self._file, path):
                    create_table(self._file, path, _TYPES[name])
                append_rows(self._file, path, rows)
            except Exception as error:  # whatever it is, the data itself is safe
                _logger.error("The overview table %r cannot be written: %s", path, error)

    def _add(self, name: str, record: NodeRecord) -> None:
        if not name.endswith("_summary"):
            length = self._length(name)
            if length >= HDF5_MAX_OVERVIEW_TABLE_LENGTH:
                return
            self._lengths[name] = length + 1
        location, _, short_name = record.full_name.rpartition(".")
        row: dict[str, Any] = {
            "location": location,
            "name": short_name,
            "value": cut_text(_value_text(record), HDF5_STRCOL_MAX_VALUE_LENGTH),
            "comment": cut_text(record.comment, HDF5_STRCOL_MAX_COMMENT_LENGTH),
            "hexdigest": comment_digest(record.comment) if name.endswith("_summary") else None,
        }
        if record.range_length:
            row |= {
                "length": record.range_length,
                "range": cut_text(_range_text(record), HDF5_STRCOL_MAX_RANGE_LENGTH),
            }
        self._waiting.setdefault(name, []).append(row)

    def _length(self, name: str) -> int:
        if name not in self._lengths:
            path = f"{self._overview}/{name}"
            self._lengths[name] = 0
            if table_exists(self._file, path):
                node = self._file.handles.node(path)
                self._lengths[name] = int(node.nrows)
                node.close(flush=False)
        return self._lengths[name]


def _value_text(record: NodeRecord) -> str:
    if record.value is not None:
        return record.value
    return ", ".join(
        f"{name}={_short(value)}" for name, value in islice((record.items or {}).items(), 10)
    )


def _range_text(record: NodeRecord) -> str:
    values = list(islice(_range_values(record), _MAX_RANGE_VALUES))
    return ", ".join(values) if values else f"{record.range_length} values"


def _range_values(record: NodeRecord) -> Iterator[str]:
    """Texts of the explored values, from the items a parameter stores for its range."""
    items = record.items or {}
    table = items.get("explored_data")
    if table is not None and "data" in table:
        yield from map(_short, table["data"])
        return
    table = items.get("explored_data__rr__")
    if table is not None and "idx" in table:
        distinct: Sequence[Any] = [
            items[name] for name in sorted(items) if name.startswith("explored__rr__.")
        ]
        for idx in table["idx"]:
            yield _short(distinct[idx]) if idx < len(distinct) else "?"


def _short(value: Any) -> str:
    text = repr(value) if getattr(value, "nbytes", 0) < 10_000 else f"<{type(value).__name__}>"
    return text if len(text) <= 100 else text[:97] + "..."


class KnownComments:
    """Which comments a file knows already, per branch.

    A thousand runs say the same about ``z``, the file says it once. Invariant: a text is known if
    its SHA-1 is in the branch's summary table; the first leaf with a text keeps it, later ones are
    stored without. Only results and derived parameters have a summary table, so only their comments
    are purged; comments of groups never are. Unlike in pypet 0.7 the table is not searched for each
    leaf: the digests are read once per opening of the file.

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
