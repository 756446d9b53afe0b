"""`SharedResult`: a result whose items may stay in the file, or become ordinary ones and back."""

from __future__ import annotations

import sys
from typing import Any, ClassVar, Final

import numpy as np

from pypet_storage_hdf5.shared.arrays import (
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedPandasFrame,
    SharedVLArray,
)
from pypet_storage_hdf5.shared.base import SharedData
from pypet_storage_hdf5.shared.table import SharedTable
from pypet_trajectory.constants import ACCESS_DATA, OVERWRITE_DATA
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.tree.classes import register_class
from pypet_trajectory.tree.nodes import KnowsTrajectory

SHARED_CLASSES: Final = {
    str(cls.FLAG): cls
    for cls in (
        SharedArray,
        SharedCArray,
        SharedEArray,
        SharedVLArray,
        SharedTable,
        SharedPandasFrame,
    )
}


def shared_class(flag: str) -> type[SharedData] | None:
    """The class for nodes of this storage kind, ``None`` if there is none."""
    return SHARED_CLASSES.get(flag)


@register_class
class SharedResult(Result, KnowsTrajectory):
    """A result that takes shared data besides everything a `Result` takes.

    Parameters
    ----------
    full_name : str
        Names from the root down, joined by dots.
    trajectory : Trajectory
        The trajectory, whose storage service accesses the data.
    *args, comment, **kwargs
        As for a `Result`.
    """

    __slots__ = ("_traj",)

    SUPPORTED_DATA: ClassVar[set[type]] = {*Result.SUPPORTED_DATA, *SHARED_CLASSES.values()}

    _traj: Any

    def __init__(self, full_name: str, trajectory: Any, *args: Any, **kwargs: Any) -> None:
        self._traj = trajectory
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_traj(self) -> Any:
        """The trajectory."""
        return self._traj

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item; shared data learns its name, this result and the trajectory."""
        super().f_set_single(name, item)
        self._adopt(self.f_translate_key(name), item)

    def create_shared_data(self, name: str | None = None, **kwargs: Any) -> Any:
        """Create the node of a shared item; without `name` of the only item.

        Raises
        ------
        RuntimeError
            If no name is given and there is not exactly one item.
        """
        if name is None:
            if len(self._items) != 1:
                raise PypetRuntimeError(
                    f"{self.v_full_name!r} has {len(self._items)} items; say which one to create."
                )
            name = next(iter(self._items))
        name = self.f_translate_key(name)
        if name not in self:
            cls = SHARED_CLASSES.get(kwargs.get("flag", ""))
            if cls is not None:
                self.f_set_single(name, cls())
        return self.f_get(name).create_shared_data(**kwargs)

    def _load(self, load_dict: dict[str, Any]) -> None:
        super()._load(load_dict)
        for name, item in self._items.items():
            self._adopt(name, item)

    def _adopt(self, name: str, item: Any) -> None:
        if isinstance(item, SharedData):
            item.name, item.parent, item.traj = name, self, self._traj


def make_shared_result(
    result: Any, key: str | int, trajectory: Any, new_class: type[SharedData] | None = None
) -> Any:
    """Make an item of a result shared data.

    A result that is not stored yet is stored first.

    Parameters
    ----------
    result : SharedResult
        The result.
    key : str or int
        Name of the item, or its position among items without names.
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
    name: str = result.f_translate_key(key)
    data = result.f_get(name)
    cls = new_class or _class_for(data)
    if cls is None:
        raise PypetRuntimeError(
            f"There is no shared data class for item {name!r} of {result.v_full_name!r}, a "
            f"{type(data).__name__}."
        )
    if not isinstance(result, SharedResult):
        raise PypetTypeError(
            f"{result.v_full_name!r} is a {type(result).__name__}; only a SharedResult can hold "
            "shared data."
        )
    if not result.v_stored:
        trajectory.f_store_item(result)
    _access(result, name, trajectory, "make_shared")
    result[name] = cls(name=name, parent=result, trajectory=trajectory)
    return result


def make_ordinary_result(
    result: Any, key: str | int, trajectory: Any = None, reload: bool = True
) -> Any:
    """Make a shared item ordinary data again.

    Parameters
    ----------
    result : SharedResult
        The result.
    key : str or int
        Name of the item, or its position among items without names.
    trajectory : Trajectory, optional
        The trajectory; by default that of the item.
    reload : bool, optional
        Whether to load the data.

    Returns
    -------
    SharedResult
        The result.
    """
    name: str = result.f_translate_key(key)
    shared = result.f_get(name)
    trajectory = trajectory if trajectory is not None else shared.traj
    _access(result, name, trajectory, "make_ordinary")
    result.f_remove(name)
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
