"""Explorations as composable, lazy objects: products, zips, concatenations, filters, repetitions.

The functions here make explorations, operators and methods combine them, and nothing is listed
before a caller asks for points (see :mod:`pypet_trajectory.exploration.kinds`). ``a * b`` combines
every point of `a` with every point of `b` (`a` varies slowest), ``a & b`` puts points side by side,
``a + b`` appends. `Trajectory.f_explore` takes an exploration as it takes a dictionary.

>>> grid = axis('tau', [10.0, 20.0]) * axis('seed', range(3))
>>> len(grid), grid[4]
(6, {'tau': 20.0, 'seed': 1})
>>> grid.where(lambda point: point['seed'] > 0).to_dict()
{'tau': [10.0, 10.0, 20.0, 20.0], 'seed': [1, 2, 1, 2]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.exploration.checking import check_iterable
from pypet_trajectory.exploration.kinds import Concatenated, Exploration, Product, Table, Zipped
from pypet_trajectory.values.column_table import ColumnTable
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.types import is_pandas_table

if TYPE_CHECKING:
    import pandas as pd


def axis(name: str, values: Iterable[Any]) -> Exploration:
    """Explore one parameter.

    Parameters
    ----------
    name
        Name of the parameter, as for `f_explore`.
    values
        Its values: any iterable, consumed here. A numpy array is taken as Python values, a list
        of numpy scalars as these.

    Raises
    ------
    ValueError
        If there are no values.
    TypeError
        If `values` is a single value.
    """
    return table({name: values})


def table(columns: Mapping[str, Iterable[Any]]) -> Exploration:
    """Explore several parameters together, point by point.

    Parameters
    ----------
    columns
        Parameter names to values, one for each point: a dictionary as `f_explore` takes it.
        Numpy arrays are taken as Python values.

    Raises
    ------
    ValueError
        If the numbers of values differ, or there are none.

    Examples
    --------
    >>> table({'a': [1, 2], 'b': ['x', 'y']})[1]
    {'a': 2, 'b': 'y'}
    """
    return Table({name: _values(name, values) for name, values in columns.items()})


def from_dataframe(frame: pd.DataFrame) -> Exploration:
    """Explore the rows of a data frame, whose columns are named like parameters.

    Raises
    ------
    TypeError
        If it is a series.
    ValueError
        If there are no rows, or two columns have one name.
    """
    if frame.ndim != 2:
        raise PypetTypeError(f"Points come from the rows of a data frame, not of {type(frame)}.")
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PypetValueError(
            f"Each parameter needs one column, but there are several of {', '.join(repeated)}."
        )
    return table({name: frame.iloc[:, at].tolist() for at, name in enumerate(names)})


def product(*parts: Exploration) -> Exploration:
    """Combine every point of each part with every point of the others; the first varies slowest.

    Raises
    ------
    ValueError
        If a parameter appears in more than one part.
    """
    return Product(parts)


def zipped(*parts: Exploration) -> Exploration:
    """Put the points of the parts side by side.

    Raises
    ------
    ValueError
        If a parameter appears in more than one part, or the parts differ in length.
    """
    return Zipped(parts)


def concatenated(*parts: Exploration) -> Exploration:
    """Visit the points of one part after those of the other.

    Raises
    ------
    ValueError
        If the parts explore different parameters.
    """
    return Concatenated(parts)


def as_build_dict(exploration: Any) -> Mapping[str, Iterable[Any]]:
    """Return what `f_explore` was given as parameter names to values.

    Parameters
    ----------
    exploration
        An `Exploration`, a mapping (returned as it is), or a table with one row per point: a data
        frame or a `ColumnTable`.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if isinstance(exploration, Mapping):
        return exploration
    if isinstance(exploration, ColumnTable):
        return dict(exploration.items())
    if is_pandas_table(exploration):
        exploration = from_dataframe(exploration)
    if isinstance(exploration, Exploration):
        return exploration.to_columns()
    raise PypetTypeError(
        f"Cannot explore {type(exploration)}: pass a dictionary of parameter names to values, an "
        "Exploration, or a table."
    )


def _values(name: str, values: Iterable[Any]) -> CompactRange:
    """Take values as they are, those of an array as Python values."""
    check_iterable(name, values)
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return CompactRange(values.tolist())
    return CompactRange(values)
