"""A trajectory as an xarray data set.

If the exploration is a full grid, each explored parameter is a dimension; otherwise there is one
dimension, ``run``, and the parameters are coordinates along it. Arrays of equal shape keep their
own dimensions behind these. Comments and annotations, such as units, become attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypet_trajectory.analysis import columns
from pypet_trajectory.analysis.columns import Column, is_exact_as_float, stacked
from pypet_trajectory.analysis.dataframe import as_names
from pypet_trajectory.imports import import_optional

if TYPE_CHECKING:
    import xarray as xr

    from pypet_trajectory.trajectory import Trajectory

#: The dimension of explorations that are no full grid.
RUN = "run"


@dataclass
class Frame:
    """The dimensions of a data set, and where each run lies in them."""

    #: Names of the dimensions.
    dims: tuple[str, ...]
    #: Their lengths.
    shape: tuple[int, ...]
    #: Position of each run in the flattened dimensions, shape (n_runs,).
    positions: NDArray[np.intp]
    #: Coordinates along single dimensions.
    axes: dict[str, NDArray[Any]]


def to_xarray(
    traj: Trajectory,
    results: str | Iterable[str] = (),
    parameters: str | Iterable[str] = (),
    run_information: bool = False,
    include_default_run: bool = True,
    auto_load: bool = False,
) -> xr.Dataset:
    """A trajectory as an xarray data set; see :meth:`Trajectory.f_to_xarray`."""
    xarray = import_optional("xarray", "xarray", "Data sets")
    length = len(traj)
    columns_of = columns.parameter_columns(traj, as_names(parameters), auto_load)
    explored = {name: column for name, column in columns_of.items() if column.explored}
    full_grid = grid(explored, length)
    frame = full_grid or Frame((RUN,), (length,), np.arange(length), {RUN: np.arange(length)})
    coords: dict[str, Any] = {
        name: (name, values, explored[name].notes if full_grid else {})
        for name, values in frame.axes.items()
    }
    for name, column in columns_of.items():
        if full_grid is None or name not in full_grid.dims:
            coords[f"parameters.{name}" if name in coords else name] = variable(name, column, frame)
    if run_information:
        for name, column in columns.run_information_columns(traj).items():
            coords[f"run.{name}" if name in coords else name] = variable(name, column, frame)
    data: dict[str, Any] = {}
    for asked in as_names(results):
        for name, column in columns.result_columns(
            traj, asked, auto_load, include_default_run
        ).items():
            data[f"results.{name}" if name in coords else name] = variable(name, column, frame)
    attributes = {"trajectory": traj.v_name, "time": traj.v_time, **columns.notes_of(traj)}
    dataset: xr.Dataset = xarray.Dataset(data, coords, attributes)
    return dataset


def grid(explored: dict[str, Column], length: int) -> Frame | None:
    """The dimensions of a full grid, ``None`` if the exploration is none.

    It is one if every combination of the values that occur belongs to exactly one run.
    """
    if not explored:
        return None
    codes, axes = [], {}
    for name, column in explored.items():
        found = _factorized(column.values)
        if found is None:
            return None
        code, axes[name] = found
        codes.append(code)
    shape = tuple(len(axis) for axis in axes.values())
    size = 1
    for extent in shape:
        size *= extent
    if size != length:
        return None
    positions = np.ravel_multi_index(codes, shape)
    if len(np.unique(positions)) != length:
        return None
    return Frame(tuple(axes), shape, positions, axes)


def _factorized(values: Sequence[Any] | NDArray[Any]) -> tuple[Any, NDArray[Any]] | None:
    """Position of each value among the distinct ones, in order of first occurrence."""
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    first: dict[Any, int] = {}
    try:
        codes = [first.setdefault(value, len(first)) for value in listed]
    except TypeError:  # arrays and lists are no coordinates
        return None
    if any(isinstance(value, tuple) for value in first):
        return None
    return np.array(codes, dtype=np.intp), stacked(list(first))


def variable(name: str, column: Column, frame: Frame) -> tuple[Any, ...]:
    """Dimensions, values and attributes of a column laid out in the frame."""
    values = stacked(column.values)
    n_runs, own_shape = len(frame.positions), values.shape[1:]
    if column.covers(n_runs):
        filled = np.empty((n_runs, *own_shape), dtype=values.dtype)
    else:
        values = _with_missing(values)
        filled = np.full((n_runs, *own_shape), _missing(values.dtype), dtype=values.dtype)
    filled[frame.positions[column.runs]] = values
    own_dims = tuple(f"{name}_dim_{number}" for number in range(len(own_shape)))
    return (
        (*frame.dims, *own_dims),
        filled.reshape((*frame.shape, *own_shape)),
        dict(column.notes),
    )


def _with_missing(values: NDArray[Any]) -> NDArray[Any]:
    """The same values in a type that has a way to say that one is missing."""
    if values.dtype.kind in "iu" and is_exact_as_float(values):
        return values.astype(float)
    return values if values.dtype.kind in "fcmM" else values.astype(object)


def _missing(dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "mM":
        return np.array("NaT", dtype=dtype)
    return np.nan
