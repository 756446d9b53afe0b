"""Bringing a run table up to date, for back ends that keep run tables as such.

Rows are never removed: a store with more rows than the table that comes keeps them.
"""

from __future__ import annotations

from collections.abc import Collection

from pypet_trajectory.api.records import RunRows
from pypet_trajectory.runs.table import RunTable


def write_rows(stored: RunTable, table: RunTable, rows: Collection[int] | None) -> RunTable:
    """The table to keep: `stored`, with missing rows appended and `rows` rewritten.

    Parameters
    ----------
    stored : RunTable
        What is kept so far; may be changed.
    table : RunTable
        Where the rows come from; not changed.
    rows : collection of int, optional
        Indices of rows to rewrite; ``None`` means all.
    """
    before = len(stored)
    if rows is None and len(table) >= before:
        fresh = table.copy()
        fresh.mark_stored()
        return fresh
    missing = range(before, len(table))
    wanted = set(range(len(table)) if rows is None else rows).union(missing)
    stored.extend(len(missing))
    for idx in sorted(wanted):
        fields = table.row(idx)
        fields.pop("idx")
        stored.set(idx, **fields)
        if idx in table.failures:
            stored.failures[idx] = table.failures[idx]
        else:
            stored.failures.pop(idx, None)
    if table.names is not None:
        stored.names = list(table.names) + (stored.names or [])[len(table.names) :]
    stored.mark_stored()
    return stored


def apply_run_rows(stored: RunTable, changed: RunRows) -> None:
    """Rewrite the rows in `changed`, and their failures; unknown indices raise ``IndexError``."""
    for idx, row in changed.rows.items():
        fields = {name: value for name, value in row.items() if name not in ("idx", "name")}
        stored.set(idx, **fields)
        failure = changed.failures.get(idx)
        if failure is None:
            stored.failures.pop(idx, None)
        else:
            stored.failures[idx] = failure
    stored.mark_stored()
