"""`SharedResult`: a result whose items may stay in the file."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pypet_storage_hdf5.shared.arrays import (
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedVLArray,
)
from pypet_storage_hdf5.shared.base import SharedData
from pypet_storage_hdf5.shared.frame import SharedPandasFrame
from pypet_storage_hdf5.shared.table import SharedTable
from pypet_trajectory.exceptions import PypetRuntimeError
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
        elif name not in self:
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
