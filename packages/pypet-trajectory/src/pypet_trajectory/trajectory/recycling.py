"""Using a restored trajectory again, brought back to how it was, instead of making another one.

Making a tree anew costs several times what looking it over does. A run is usually done with its
trajectory when the next run begins, and has changed little of it: what it added is removed again,
and reading locks parameters. So the tree is looked over and put right where it differs.

Invariant: no caller can tell a recycled trajectory from a new one. It is recycled only if no other
code holds it, or any node of it (their reference counts say so), and if all nodes are those it was
made of. Whenever there is doubt, a new one is made. What a run could change in place, such as
arrays and lists, is made anew each time.
"""

from __future__ import annotations

import io
import operator
import pickle
import sys
from itertools import chain, compress, count
from typing import TYPE_CHECKING, Any

from pypet_trajectory.annotations import Annotations, has_annotations
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
from pypet_trajectory.logger import logger_of
from pypet_trajectory.runs.state import Exploration
from pypet_trajectory.tree.branch_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.nodes import NNTreeNode
from pypet_trajectory.tree.root import Origin
from pypet_trajectory.values.types import SCALARS

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

_set = object.__setattr__
#: The dictionary of an `Annotations` object that was looked at before.
_notes_of = operator.attrgetter("_notes")
#: Value and default of a parameter, without locking it.
_values_of = operator.attrgetter("_data", "_default")

#: Classes whose state is known completely. Subclasses are not: they may have more of it.
_KNOWN_GROUPS = (NNGroupNode, ConfigGroup, DerivedParameterGroup, ParameterGroup, ResultGroup)
_SCALAR_LEAVES = (Parameter, ArrayParameter)
_KNOWN_LEAVES = (
    *_SCALAR_LEAVES,
    SparseParameter,
    PickleParameter,
    Result,
    SparseResult,
    PickleResult,
)

_GROUP_STATE = ("_comment", "_stored", "_own_annotations", "_own_logger")
_LEAF_STATE = (
    *_GROUP_STATE,
    "_data",
    "_default",
    "_explored_range",
    "_explored",
    "_locked",
    "_full_copy",
)
#: Attributes of a trajectory that a run may change in place, and what they are.
_CONTAINERS: dict[str, Any] = {"_exploration": Exploration}
_IMMUTABLE = (*SCALARS, Origin)
#: Attributes that restoring a trajectory sets anyway.
_SET_ANYWAY = ("_runs", "_storage_service")


class NotRecyclableError(Exception):
    """The trajectory contains something whose state is not known completely."""


class Recyclable:
    """A trajectory, and how it was before its run.

    Parameters
    ----------
    traj : Trajectory
        Just made, not at any run yet. No other code may hold it or any of its nodes.

    Raises
    ------
    NotRecyclableError
        If it cannot be said for sure that all changes would be found.
    """

    __slots__ = (
        "_attributes",
        "_branches",
        "_counts",
        "_groups",
        "_known",
        "_leaves",
        "_presets",
        "_refreshed",
        "_run_parents",
        "_settings",
        "_slots",
        "_traj",
    )

    def __init__(self, traj: Trajectory) -> None:
        index = traj.v_index
        if index.link_names or has_annotations(traj):
            raise NotRecyclableError("links, or annotations of the trajectory itself")
        self._traj = traj
        self._leaves = dict(index.leaves)
        self._groups = dict(index.groups)
        self._branches = [
            (leaves, dict(leaves)) for leaves in (*index.branches.values(), index.other_leaves)
        ]
        self._run_parents = dict(index.run_parents)
        self._settings = index.settings.copy()
        self._presets = dict(index.presets)
        scalars = [leaf for leaf in self._leaves.values() if _is_scalar(leaf)]
        groups = list(self._groups.values())
        if not all(type(group) in _KNOWN_GROUPS for group in groups):
            raise NotRecyclableError("groups of unknown classes")
        self._known = (_States(scalars, _LEAF_STATE), _States(groups, _GROUP_STATE))
        self._refreshed = [
            _Refreshed(leaf) for leaf in self._leaves.values() if not _is_scalar(leaf)
        ]
        self._slots = (traj.v_comment, traj.v_stored, logger_of(traj))
        self._attributes = _attributes_of(traj)
        self._counts: list[int] = []

    def hand_out(self) -> Trajectory:
        """The trajectory, for the first time."""
        remembered = self._detach()  # kept meanwhile, since it is kept when counting again
        self._counts = self._reference_counts()
        del remembered
        self._attach()
        return self._traj

    def hand_out_again(self) -> Trajectory | None:
        """The trajectory as it was, ``None`` if it cannot be used again."""
        if sys.getrefcount(self._traj) != self._counts[-1]:
            return None  # a caller works with it, so it must not even be touched
        remembered = self._detach()
        if not self._has_same_nodes() or self._counts != self._reference_counts():
            self._traj.v_index.presets.update(remembered.pop("presets"))
            for name, container in remembered.items():
                _set(self._traj, name, container)
            return None
        if not all(states.put_right() for states in self._known):
            return None
        for leaf in self._refreshed:
            leaf.refresh()
        self._attach()
        return self._traj

    def _detach(self) -> dict[str, Any]:
        """Let go of all nodes that the trajectory remembers besides its tree; returns them."""
        remembered = {name: getattr(self._traj, name) for name in _CONTAINERS}
        remembered["_runs"] = vars(self._traj).pop("_runs", None)
        index = self._traj.v_index
        remembered["presets"], index.presets = index.presets, {}
        index.answers.clear()
        for name, make in _CONTAINERS.items():
            _set(self._traj, name, make())
        return remembered

    def _attach(self) -> None:
        """Give the trajectory its own state back."""
        traj = self._traj
        attributes = vars(traj)
        attributes.clear()
        attributes.update(self._attributes)
        for name, make in _CONTAINERS.items():
            attributes[name] = make(self._attributes[name])
        comment, stored, logger = self._slots
        _set(traj, "_comment", comment)
        _set(traj, "_stored", stored)
        _set(traj, "_own_logger", logger)
        _set(traj, "_own_annotations", Annotations())
        index = traj.v_index
        index.settings = self._settings.copy()
        index.presets = dict(self._presets)
        index.run_parents.clear()
        index.run_parents.update(self._run_parents)

    def _reference_counts(self) -> list[int]:
        """How often each of the nodes is referred to, and the trajectory itself, which is last."""
        counted = map(sys.getrefcount, chain(self._leaves.values(), self._groups.values()))
        return [*counted, sys.getrefcount(self._traj)]

    def _has_same_nodes(self) -> bool:
        index = self._traj.v_index
        return (
            not index.link_names
            and _identical(index.leaves, self._leaves)
            and _identical(index.groups, self._groups)
            and all(_identical(now, before) for now, before in self._branches)
        )


class _States:
    """The states of many nodes, compared all at once.

    Values are compared by identity, since ``1 == 1.0 == True``.
    """

    __slots__ = ("_annotations", "_get", "_names", "_nodes", "_values")

    def __init__(self, nodes: list[Any], names: tuple[str, ...]) -> None:
        for node in nodes:
            # Set now, so that looking at them later meets no unset attributes.
            _set(node, "_own_annotations", node.v_annotations)
            _set(node, "_own_logger", logger_of(node))
        self._nodes = nodes
        self._names = names
        self._get = operator.attrgetter(*names)
        self._values = list(chain.from_iterable(map(self._get, nodes)))
        self._annotations = [node.v_annotations for node in nodes]
        if not all(annotations.f_is_empty() for annotations in self._annotations):
            raise NotRecyclableError("annotated groups")

    def put_right(self) -> bool:
        """Set back what differs; whether that was possible."""
        if any(map(_notes_of, self._annotations)):
            return False
        values = chain.from_iterable(map(self._get, self._nodes))
        differs = map(operator.is_not, values, self._values)
        for position in list(compress(count(), differs)):
            node, name = divmod(position, len(self._names))
            _set(self._nodes[node], self._names[name], self._values[position])
        return True


class _Refreshed:
    """A leaf whose data could be changed in place, and which therefore gets new data each time."""

    __slots__ = ("_leaf", "_logger", "_state")

    def __init__(self, leaf: Any) -> None:
        if type(leaf) not in _KNOWN_LEAVES:
            raise NotRecyclableError(leaf.v_full_name)
        self._leaf = leaf
        self._logger = logger_of(leaf)
        buffer = io.BytesIO()
        _LonelyPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(leaf.__getstate__())
        self._state = buffer.getvalue()

    def refresh(self) -> None:
        """Make its state anew."""
        _set(self._leaf, "_own_annotations", Annotations())
        _set(self._leaf, "_own_logger", self._logger)
        self._leaf.__setstate__(pickle.loads(self._state))


class _LonelyPickler(pickle.Pickler):
    """Refuses to pickle nodes, for the copies would not be those of the tree."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, NNTreeNode):
            raise NotRecyclableError(obj.v_full_name)
        return NotImplemented


def _identical(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether both hold the same objects under the same names in the same order."""
    return (
        len(now) == len(before)
        and all(map(operator.is_, now.values(), before.values()))
        and list(now) == list(before)
    )


def _is_scalar(leaf: Any) -> bool:
    """Whether a leaf holds nothing that could be changed in place."""
    return (
        type(leaf) in _SCALAR_LEAVES
        and all(type(value) in SCALARS for value in _values_of(leaf))
        and not has_annotations(leaf)
    )


def _attributes_of(traj: Trajectory) -> dict[str, Any]:
    """The attributes of a trajectory, those that can be changed in place as copies."""
    attributes = {name: value for name, value in vars(traj).items() if name not in _SET_ANYWAY}
    for name, value in attributes.items():
        if name in _CONTAINERS:
            attributes[name] = _CONTAINERS[name](value)
        elif value is not None and type(value) not in _IMMUTABLE:
            raise NotRecyclableError(f"attribute {name}")
    return attributes
