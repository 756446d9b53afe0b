"""Turning ordinary items of a stored result into shared ones and back; the data stays where it
is."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from pypet_storage_hdf5.shared.arrays import SharedArray, SharedCArray
from pypet_storage_hdf5.shared.base import SharedData
from pypet_storage_hdf5.shared.frame import SharedPandasFrame
from pypet_storage_hdf5.shared.result import SharedResult
from pypet_storage_hdf5.shared.table import SharedTable
from pypet_trajectory.constants import ACCESS_DATA, OVERWRITE_DATA
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError


def make_shared_result(
    result: Any, key: str, trajectory: Any, new_class: type[SharedData] | None = None
) -> Any:
    """Make an item of a result shared data.

    A result that is not stored yet is stored first.

    Parameters
    ----------
    result : SharedResult
        The result.
    key : str
        Name of the item.
    trajectory : Trajectory
        The trajectory that holds the result.
    new_class : type, optional
        Shared data class; by default the one that fits the data.

    Returns
    -------
    SharedResult
        The result.

    Raises
    ------
    RuntimeError
        If there is no shared data class for the item.
    TypeError
        If `result` is no `SharedResult`.
    """
    data = result.f_get(key)
    cls = new_class or _class_for(data)
    if cls is None:
        raise PypetRuntimeError(
            f"There is no shared data class for item {key!r} of {result.v_full_name!r}, a "
            f"{type(data).__name__}."
        )
    if not isinstance(result, SharedResult):
        raise PypetTypeError(
            f"{result.v_full_name!r} is a {type(result).__name__}; only a SharedResult can hold "
            "shared data."
        )
    if not result.v_stored:
        trajectory.f_store_item(result)
    _access(result, key, trajectory, "make_shared")
    result[key] = cls(name=key, parent=result, trajectory=trajectory)
    return result


def make_ordinary_result(result: Any, key: str, trajectory: Any = None, reload: bool = True) -> Any:
    """Make a shared item ordinary data again.

    Parameters
    ----------
    result : SharedResult
        The result.
    key : str
        Name of the item.
    trajectory : Trajectory, optional
        The trajectory; by default that of the item.
    reload : bool, optional
        Whether to load the data.

    Returns
    -------
    SharedResult
        The result.
    """
    shared = result.f_get(key)
    trajectory = trajectory if trajectory is not None else shared.traj
    _access(result, key, trajectory, "make_ordinary")
    result.f_remove(key)
    if reload:
        trajectory.f_load_item(result, load_data=OVERWRITE_DATA)
    return result


def _access(result: Any, key: str, trajectory: Any, request: str) -> None:
    trajectory.v_storage_service.store(
        ACCESS_DATA, result.v_full_name, key, request, trajectory_name=trajectory.v_name
    )


def _class_for(data: Any) -> type[SharedData] | None:
    if isinstance(data, (list, tuple)):
        return SharedArray
    if isinstance(data, np.ndarray):
        if data.dtype.names is not None and data.size:
            return SharedTable
        return SharedCArray
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return SharedTable if type(data).__name__ == "ObjectTable" else SharedPandasFrame
    return None
