"""A trajectory frozen once and restored for each run.

Each run starts from a fresh copy of the trajectory as it was before the first run, whichever
process it runs in. The tree is pickled once; what is large and never changes (ranges, run table,
wildcard functions) stays beside the bytes and is shared by all copies, so that restoring costs
the same for ten runs and for ten million. Invariant: nothing a run does to its trajectory shows
in the next one restored. The exception are values inside ranges, which a run sees only with a
full copy: they are shared and to be treated as read-only.

A trajectory that its run is done with is used again, see
:mod:`~pypet_trajectory.trajectory.recycling`. Nodes are pickled as tuples of their slots instead of
dictionaries, which makes restoring faster; classes that say themselves how they are pickled are
left to do so.
"""

from __future__ import annotations

import functools
import io
import pickle
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetKeyError
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.logger import HasLogger
from pypet_trajectory.runs.state import Runs
from pypet_trajectory.trajectory.recycling import NotRecyclableError, Recyclable
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.nodes import NNTreeNode
from pypet_trajectory.values.ranges import NO_RANGE, CompactRange

if TYPE_CHECKING:
    from pypet_trajectory.runs.table import RunTable
    from pypet_trajectory.trajectory import Trajectory

#: Attributes of a trajectory that are not frozen with the tree.
_BESIDES = ("_runs", "_storage_service")
#: Classes whose instances never refer to themselves, so that one call can build them.
_SELF_CONTAINED = (Parameter, ArrayParameter)
#: Attributes of nodes that take few different values in a tree.
_COMMON = (
    "_branch",
    "_depth",
    "_explored",
    "_full_copy",
    "_is_leaf",
    "_is_parameter",
    "_locked",
    "_run_branch",
    "_stored",
)

_set = object.__setattr__
#: How often in a row a trajectory may prove not to be usable again before that is given up.
_MAX_TRIES = 3


class Snapshot:
    """A frozen trajectory; made with :meth:`take`, used with :meth:`restore`.

    It pickles, and then contains the trajectory's bytes and each range once.
    """

    __slots__ = (
        "_data",
        "_full_copy",
        "_layouts",
        "_ranges",
        "_spare",
        "_table",
        "_tries",
        "_wildcards",
    )

    def __init__(
        self,
        data: bytes,
        layouts: list[Layout],
        ranges: dict[str, CompactRange],
        table: RunTable,
        wildcards: Any,
        full_copy: bool,
    ) -> None:
        self._data = data
        self._layouts = layouts
        self._ranges = ranges
        self._table = table
        self._wildcards = wildcards
        self._full_copy = full_copy
        #: At most one trajectory handed out before, which may be used again.
        self._spare: list[Recyclable] = []
        self._tries = _MAX_TRIES

    def __len__(self) -> int:
        return len(self._table)

    @property
    def full_copy(self) -> bool:
        """Whether runs see all ranges and the whole run table."""
        return self._full_copy

    @property
    def nbytes(self) -> int:
        """Size of the frozen tree, without ranges and run table."""
        return len(self._data)

    @classmethod
    def take(cls, traj: Trajectory, full_copy: bool | None = None) -> Snapshot:
        """Freeze a trajectory.

        Parameters
        ----------
        traj : Trajectory
            Outside of a run; it is not changed.
        full_copy : bool, optional
            Whether runs see all ranges and the whole run table; by default what
            ``traj.v_full_copy`` says.

        Raises
        ------
        Exception
            Whatever pickling raises for data that cannot be pickled.
        """
        full_copy = traj.v_full_copy if full_copy is None else bool(full_copy)
        ranges = {
            full_name: parameter.v_range
            for full_name, parameter in traj.v_exploration.parameters.items()
            if isinstance(parameter, Parameter) and parameter.f_has_range()
        }
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, traj, ranges)
        with _ranges_in_pickles(traj, ranges):
            pickler.dump(traj)
        return cls(
            buffer.getvalue(),
            pickler.layouts,
            ranges,
            traj.v_runs.table.copy(),
            traj.v_runs.wildcards.copy(),
            full_copy,
        )

    def restore(self, idx: int, storage_service: Any = None) -> Trajectory:
        """A fresh trajectory, set to a run that has not started yet.

        Parameters
        ----------
        idx : int
            Which run.
        storage_service : StorageService, optional
            Where the run stores; the snapshot has none.

        Raises
        ------
        PypetKeyError
            If there is no such run.
        """
        idx = self._checked(idx)
        traj = self._used_again() or self._made()
        _set(traj, "_storage_service", storage_service)
        _set(traj, "_full_copy", self._full_copy)
        table = self._table.copy() if self._full_copy else self._table.only_row(idx)
        _set(traj, "_runs", Runs(table, self._wildcards.copy(), are_checked=True))
        self._go_to(traj, idx)
        return traj

    def _used_again(self) -> Trajectory | None:
        """The trajectory of an earlier run, if no caller needs it any more."""
        try:
            spare = self._spare.pop()  # at once, lest two threads take the same one
        except IndexError:
            return None
        traj = spare.hand_out_again()
        if traj is None:
            self._tries -= 1
            return None
        self._tries = _MAX_TRIES
        self._spare.append(spare)
        return traj

    def _made(self) -> Trajectory:
        """A new trajectory, to be used again if that is possible."""
        if self._tries > 0:
            try:
                spare = Recyclable(self._unpickled())
            except NotRecyclableError:
                self._tries = 0
            else:
                traj = spare.hand_out()
                self._spare.append(spare)
                return traj
        return self._unpickled()

    def _unpickled(self) -> Trajectory:
        return _Unpickler(io.BytesIO(self._data), self._layouts).load()  # type: ignore[no-any-return]

    def _checked(self, idx: int) -> int:
        if not 0 <= idx < len(self._table):
            raise PypetKeyError(f"There is no run {idx}; the snapshot has {len(self)} runs.")
        return int(idx)

    def _go_to(self, traj: Trajectory, idx: int) -> None:
        traj.v_runs.go_to(idx)
        for full_name, parameter in traj.v_exploration.parameters.items():
            values = self._ranges.get(full_name)
            if values is None:
                if parameter is not None and parameter.f_has_range():
                    parameter._set_parameter_access(idx)
                    parameter.v_full_copy = self._full_copy
                continue
            parameter.f_borrow_range(values, idx, keep=self._full_copy)

    def __getstate__(self) -> dict[str, Any]:
        kept = set(self.__slots__).difference(("_spare", "_tries"))
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._spare = []
        self._tries = _MAX_TRIES
        for name, value in state.items():
            setattr(self, name, value)


@contextmanager
def _ranges_in_pickles(traj: Trajectory, ranges: Collection[str]) -> Iterator[None]:
    """Let explored parameters that keep their ranges in a way of their own pickle these."""
    own = [
        parameter
        for full_name, parameter in traj.v_exploration.parameters.items()
        if parameter is not None and full_name not in ranges and not parameter.v_full_copy
    ]
    try:
        for parameter in own:
            parameter.v_full_copy = True
        yield
    finally:
        for parameter in own:
            parameter.v_full_copy = False


class Layout:
    """How similar nodes of one class are put together; called with what differs between them.

    Parameters
    ----------
    cls : type
        Class of the nodes.
    common : dict
        Attributes that all of them share, with immutable values.
    names : tuple of str
        Attributes whose values come with each node.
    """

    __slots__ = ("_cls", "_common", "_names", "_new")

    def __init__(self, cls: type, common: dict[str, Any], names: tuple[str, ...]) -> None:
        self._cls = cls
        self._common = common
        self._names = names
        self._new: Any = cls.__new__

    def __reduce__(self) -> tuple[Any, ...]:
        return Layout, (self._cls, self._common, self._names)

    def __call__(self, *values: Any) -> Any:
        """A node with these values, or without any of its own if none are given."""
        node = self._new(self._cls)
        for name, value in self._common.items():
            _set(node, name, value)
        for name, value in zip(self._names, values, strict=False):
            _set(node, name, value)
        return node

    def fill(self, node: Any, values: tuple[Any, ...]) -> None:
        """Set the values of a node that was built without them."""
        for name, value in zip(self._names, values, strict=True):
            _set(node, name, value)


def _fill(node: Any, state: tuple[Any, ...]) -> None:
    layout, *values = state
    layout.fill(node, tuple(values))


def _set_state(traj: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        _set(traj, name, value)


class _Pickler(pickle.Pickler):
    """Takes nodes apart by layout, and leaves beside what does not belong to the tree."""

    def __init__(
        self, buffer: io.BytesIO, traj: Trajectory, ranges: dict[str, CompactRange]
    ) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self.layouts: list[Layout] = []
        self._position_of: dict[Any, int] = {}
        self._position_of_layout: dict[int, int] = {}
        self._root = traj
        self._ranges = ranges

    def persistent_id(self, obj: Any) -> int | None:
        return self._position_of_layout.get(id(obj)) if type(obj) is Layout else None

    def reducer_override(self, obj: Any) -> Any:
        if obj is self._root:
            state = NNGroupNode.__getstate__(obj)
            for name in _BESIDES:
                state.pop(name, None)
            return _new, (type(obj),), state, None, None, _set_state
        if not isinstance(obj, NNTreeNode) or not _is_plain(type(obj)):
            return NotImplemented
        state = obj.__getstate__()
        if obj.v_full_name in self._ranges:
            state["_explored_range"] = NO_RANGE
        common = {name: state.pop(name) for name in _COMMON if name in state}
        layout = self._layout(type(obj), common, tuple(state))
        if type(obj) in _SELF_CONTAINED:
            return layout, tuple(state.values())
        return layout, (), (layout, *state.values()), None, None, _fill

    def _layout(self, cls: type, common: dict[str, Any], names: tuple[str, ...]) -> Layout:
        key = (cls, *common.items(), names)
        position = self._position_of.get(key)
        if position is None:
            position = self._position_of[key] = len(self.layouts)
            layout = Layout(cls, common, names)
            self.layouts.append(layout)
            self._position_of_layout[id(layout)] = position
        return self.layouts[position]


class _Unpickler(pickle.Unpickler):
    """Puts nodes together by layout."""

    def __init__(self, buffer: io.BytesIO, layouts: list[Layout]) -> None:
        super().__init__(buffer)
        self._layouts = layouts

    def persistent_load(self, pid: int) -> Layout:
        return self._layouts[pid]


def _new(cls: Any) -> Any:
    return cls.__new__(cls)


@functools.cache
def _is_plain(cls: type) -> bool:
    """Whether a node class leaves pickling to its bases, so that layouts may be used."""
    if cls.__setstate__ is not HasLogger.__setstate__:  # type: ignore[attr-defined]
        return False
    pickled_by: Any = NNGroupNode if issubclass(cls, NNGroupNode) else object
    return cls.__reduce_ex__ is pickled_by.__reduce_ex__ and cls.__reduce__ is pickled_by.__reduce__
