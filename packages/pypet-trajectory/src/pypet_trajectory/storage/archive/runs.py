"""The run table of a trajectory in a `.traj` archive: a member per column that any run wrote to.

Numbers are arrays, texts are JSON. Invariant: a column that is as in a fresh table is not kept, so
a trajectory of a million runs that has not begun takes no room. What is read is checked against
the number of runs, like everything in an archive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from pypet_trajectory.runs.table import FRESH, NUMERIC_FIELDS, RunTable
from pypet_trajectory.storage.archive.container import ArchiveFile, PlaceReader
from pypet_trajectory.storage.archive.index import damaged, failures_of, taken

#: Seconds from the epoch; clocks and calendars of Python end before.
_LATEST_TIME = 1e11


def stored_runs(file: ArchiveFile, name: str, table: RunTable) -> dict[str, Any]:
    """Write a run table and return what the index keeps about it."""
    columns: dict[str, Any] = {}
    members: list[str] = []
    for field, fresh in FRESH.items():
        column = table.column(field)
        values = column.tolist()
        if all(value == fresh for value in values):
            continue
        if field in NUMERIC_FIELDS:
            columns[field] = file.add_array(f"{name}/runs/{field}", column)
        else:
            columns[field] = file.add_json(f"{name}/runs/{field}", values)
        members.append(columns[field])
    if table.names is not None:
        columns["names"] = file.add_json(f"{name}/runs/names", table.names)
        members.append(columns["names"])
    failures = {str(idx): asdict(failure) for idx, failure in table.failures.items()}
    return {"length": len(table), "columns": columns, "failures": failures, "members": members}


def read_runs(reader: PlaceReader, stored: Mapping[str, Any], place: str) -> RunTable:
    """The run table that the index describes.

    Raises
    ------
    PypetOSError
        If a column is missing, is not one of this table, or holds what no run can have.
    """
    columns = dict(taken(stored, "columns", dict, place, {}))
    length: int = stored["length"]
    names = columns.pop("names", None)
    if names is not None:
        names = _texts_of_runs(reader.json(names), length, place, "names")
    table = RunTable(length, names)
    for field, member in columns.items():
        if field in NUMERIC_FIELDS:
            column = reader.array(member)
            if column.shape != (length,) or column.dtype.newbyteorder("=") != NUMERIC_FIELDS[field]:
                rule = f"{length} numbers of type {NUMERIC_FIELDS[field]}"
                damaged(place, f"{field!r}", rule, f"{column.dtype} {column.shape}")
            if column.dtype.kind == "f" and not (np.abs(column) < _LATEST_TIME).all():
                damaged(place, f"{field!r}", "seconds since the epoch", column)
            table.set_column(field, column)
        elif field in FRESH:
            table.set_column(field, _texts_of_runs(reader.json(member), length, place, field))
        else:
            damaged(place, "a column", f"one of {', '.join(FRESH)}", field)
    table.failures.update(failures_of(stored, length, place))
    return table


def _texts_of_runs(texts_read: Any, length: int, place: str, field: str) -> list[str]:
    if (
        not isinstance(texts_read, list)
        or len(texts_read) != length
        or not all(isinstance(text, str) for text in texts_read)
    ):
        damaged(place, f"{field!r}", f"a list of {length} texts", texts_read)
    return texts_read
