"""Run information as users know it: nested dictionaries, made when asked for.

The truth is the :class:`~pypet_trajectory.runs.table.RunTable`; what stands here are views on
it. Changing a dictionary got from a view changes nothing, unlike in pypet 0.7. A run that failed
has one entry more than those of pypet 0.7, ``'failure'``, and only such a run has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pypet_trajectory.exceptions import PypetKeyError
from pypet_trajectory.runs.names import RunNames
from pypet_trajectory.runs.table import RunTable


class RunInformation(Mapping[str, dict[str, Any]]):
    """Name of a run to what is known about it, in order of run indices.

    Parameters
    ----------
    table : RunTable
        What is known.
    names : RunNames
        How the runs are called.
    """

    __slots__ = ("_names", "_table")

    def __init__(self, table: RunTable, names: RunNames) -> None:
        self._table = table
        self._names = names

    def __len__(self) -> int:
        return len(self._table) if self._table.known is None else len(self._table.known)

    def __iter__(self) -> Iterator[str]:
        known = self._table.known
        indices = range(len(self._table)) if known is None else sorted(known)
        return map(self._names.name, indices)

    def __contains__(self, name: object) -> bool:
        idx = self._names.find(name) if isinstance(name, str) else None
        return idx is not None and self._knows(idx)

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self.row(self._names.index(name))

    def __repr__(self) -> str:
        return f"<RunInformation of {len(self)} runs>"

    def row(self, idx: int) -> dict[str, Any]:
        """What is known about the run of index `idx`, including its name and why it failed.

        Raises
        ------
        PypetKeyError
            If there is no such run, or nothing is known about it.
        """
        if not self._knows(idx):
            raise PypetKeyError(
                f"Nothing is known about run {idx}: the trajectory was loaded without run "
                f"information or copied without `v_full_copy`."
            )
        row = self._table.row(idx)
        row["name"] = self._names.name(idx)
        if idx in self._table.failures:
            row["failure"] = self._table.failures[idx]
        return row

    def _knows(self, idx: int) -> bool:
        known = self._table.known
        return 0 <= idx < len(self._table) and (known is None or idx in known)


class SingleRunIds(Mapping[Any, Any]):
    """Names to indices and indices to names, in one mapping."""

    __slots__ = ("_names",)

    def __init__(self, names: RunNames) -> None:
        self._names = names

    def __len__(self) -> int:
        return 2 * len(self._names)

    def __iter__(self) -> Iterator[Any]:
        for idx in range(len(self._names)):
            yield idx
            yield self._names.name(idx)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._names.index(key)
        return self._names.name(key)


def run_information(
    table: RunTable, names: RunNames, name_or_idx: str | int | None, copy: bool
) -> Mapping[str, Any]:
    """What :meth:`Trajectory.f_get_run_information` returns."""
    information = RunInformation(table, names)
    if name_or_idx is None:
        return dict(information) if copy else information
    return information.row(names.resolve(name_or_idx))


def is_completed(table: RunTable, names: RunNames, name_or_id: str | int | None) -> bool | int:
    """Whether one run, or all of them, have finished."""
    if name_or_id is None:
        return not len(table.open_indices())
    return int(table.is_completed(names.resolve(name_or_id)))
