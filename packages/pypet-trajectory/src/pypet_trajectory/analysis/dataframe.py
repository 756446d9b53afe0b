"""A trajectory as a data frame: one row per run.

Numbers, booleans and text become columns of their type, anything else a column of objects.
Where a run has no value, the frame says NA; integers then become pandas' nullable ones rather
than floats.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_trajectory.analysis import columns
from pypet_trajectory.analysis.columns import Column, objects, whole_numbers
from pypet_trajectory.imports import import_optional

if TYPE_CHECKING:
    import pandas as pd

    from pypet_trajectory.trajectory import Trajectory

#: pandas' types that know NA, by kind of the numpy type without NA.
_NULLABLE = {"b": "boolean", "i": "Int64", "u": "UInt64"}


def to_dataframe(
    traj: Trajectory,
    results: str | Iterable[str] = (),
    parameters: str | Iterable[str] = (),
    run_information: bool = True,
    include_default_run: bool = True,
    auto_load: bool = False,
) -> pd.DataFrame:
    """A trajectory as a data frame; see :meth:`Trajectory.f_to_dataframe`."""
    pandas = import_optional("pandas", "pandas", "Data frames")
    found = columns.parameter_columns(traj, as_names(parameters), auto_load)
    if run_information:
        for name, column in columns.run_information_columns(traj).items():
            found[f"run.{name}" if name in found else name] = column
    for name in as_names(results):
        for key, column in columns.result_columns(
            traj, name, auto_load, include_default_run
        ).items():
            found[f"results.{key}" if key in found else key] = column
    index = pandas.RangeIndex(len(traj), name="run")
    return pandas.DataFrame(
        {name: series(column, index) for name, column in found.items()}, index=index
    )


def as_names(names: str | Iterable[str]) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else list(names)


def series(column: Column, index: pd.RangeIndex) -> pd.Series[Any]:
    """A column of the frame, with NA where there is no value."""
    pandas = import_optional("pandas", "pandas", "Data frames")
    complete = column.covers(len(index))
    values = _typed(column.values)
    if complete:
        return pandas.Series(values, index=index)
    if values.dtype.kind in _NULLABLE:
        return pandas.Series(values, index=column.runs, dtype=_NULLABLE[values.dtype.kind]).reindex(
            index
        )
    if values.dtype.kind == "O":
        filled = np.full(len(index), pandas.NA, dtype=object)
        filled[column.runs] = values
        return pandas.Series(filled, index=index)
    return pandas.Series(values, index=column.runs).reindex(index)


def _typed(values: Any) -> Any:
    """An array of the values' common type if they are scalars of one type, else of objects."""
    if isinstance(values, np.ndarray):
        return values.copy()
    values = list(values)
    kinds = set(map(type, values))
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind in (bool, int, float, complex) or (
            issubclass(kind, np.generic) and not issubclass(kind, np.flexible)
        ):
            array = whole_numbers(values) if kind is int else np.array(values)
            if array.dtype.kind in "biufc":
                return array
    return objects(values)
