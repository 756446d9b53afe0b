"""Copies of trajectories in memory, and inserting parts of one tree into another.

A copy is a new tree. Leaves are copied, shared, or copied only where explored; a copied
parameter has lost its range unless it carries ``v_full_copy``, since copies go the way of
pickles. The storage service is always shared.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.runs.state import Exploration
from pypet_trajectory.tree.adding import add_from_storage
from pypet_trajectory.tree.index import TreeIndex
from pypet_trajectory.tree.links import add_link_from_storage
from pypet_trajectory.tree.nodes import mark_stored

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

T = TypeVar("T", bound="Trajectory")

#: Attributes of a trajectory that a copy takes over as they are.
_TAKEN_OVER = (
    "_name",
    "_comment",
    "_stored",
    "_origin",
    "_storage_service",
    "_full_copy",
)


def copy_trajectory(traj: T, copy_leaves: bool | str = True, with_links: bool = True) -> T:
    """A copy of a trajectory; see :meth:`Trajectory.f_copy`."""
    _check_copy_leaves(copy_leaves)
    twin: Any = type(traj).__new__(type(traj))
    _start_as_root(twin, traj)
    copies = _Inserting(twin, traj, copy_leaves, overwrite=False)
    for group in traj.v_index.groups.values():
        copies.insert(group)
    for leaf in traj.v_index.leaves.values():
        copies.insert(leaf)
    if with_links:
        copies.link(traj.v_index.groups.values(), include_root=True)
    for full_name, parameter in traj.v_exploration.parameters.items():
        twin.v_exploration.parameters[full_name] = (
            None if parameter is None else twin.v_index.node(full_name)
        )
    _translate_news(twin, traj)
    return twin  # type: ignore[no-any-return]


def copy_from(
    traj: Trajectory,
    node: Any,
    copy_leaves: bool | str = True,
    overwrite: bool = False,
    with_links: bool = True,
) -> None:
    """Insert a node of another tree and all below it; arguments as for :meth:`Trajectory.f_copy`.

    What exists is kept, or with `overwrite` gets the other's state: all of a leaf, comment and
    annotations of a group.
    """
    _check_copy_leaves(copy_leaves)
    if node.v_is_leaf:
        _Inserting(traj, None, copy_leaves, overwrite).insert(node)
        return
    copies = _Inserting(traj, node.v_root, copy_leaves, overwrite)
    if not node.v_is_root:
        copies.insert(node)
    groups = [node]
    for child in node.f_iter_nodes(recursive=True, with_links=False):
        copies.insert(child)
        if child.v_is_group:
            groups.append(child)
    if with_links:
        copies.link(groups, include_root=False)


def _start_as_root(twin: Any, traj: Trajectory) -> None:
    """Give `twin` everything of `traj` but the nodes."""
    from pypet_trajectory.tree.groups import NNGroupNode

    NNGroupNode.__init__(twin, "", None, traj.v_comment)
    for attribute, value in vars(traj).items():
        # Attributes that a subclass keeps are shared, as a shallow copy does.
        object.__setattr__(twin, attribute, value)
    for attribute in _TAKEN_OVER:
        object.__setattr__(twin, attribute, getattr(traj, attribute))
    exploration = Exploration(traj.v_exploration)
    exploration.parameters.clear()  # the copies enter it when they are made
    object.__setattr__(twin, "_exploration", exploration)
    object.__setattr__(twin, "_runs", traj.v_runs.copy())
    TreeIndex(twin, traj.v_index.settings.copy()).presets.update(traj.v_index.presets)
    _copy_annotations(traj, twin)


def _translate_news(twin: Trajectory, traj: Trajectory) -> None:
    """Note in the copy what was added during the run, as the copy's own nodes."""
    node, own, runs = twin.v_index.node, twin.v_runs, traj.v_runs
    own.new_nodes.clear()
    own.new_links.clear()
    for news, own_news in ((runs.new_nodes, own.new_nodes), (runs.new_links, own.new_links)):
        for (location, name), (_, child) in news.items():
            own_news[location, name] = (node(location), node(child.v_full_name))


class _Inserting:
    """Brings nodes of one tree into another, at the same places."""

    def __init__(self, target: Any, source: Any, copy_leaves: bool | str, overwrite: bool) -> None:
        self._target = target
        self._source = source
        self._copy_leaves = copy_leaves
        self._overwrite = overwrite

    def insert(self, node: Any) -> None:
        """Bring one node, or update the one that is there."""
        existing = self._target.v_index.node(node.v_full_name)
        if node.v_is_leaf:
            if existing is None:
                leaf = copy.copy(node) if self._is_to_be_copied(node) else node
                add_from_storage(self._target, (leaf,), {}, leaf=True)
            elif self._overwrite:
                existing.__setstate__(node.__getstate__())
        elif existing is None:
            group = add_from_storage(
                self._target,
                (type(node), node.v_full_name),
                {"comment": node.v_comment},
                leaf=False,
            )
            mark_stored(group, node.v_stored)
            _copy_annotations(node, group)
        elif self._overwrite:
            existing.v_comment = node.v_comment
            _copy_annotations(node, existing)

    def _is_to_be_copied(self, leaf: Any) -> bool:
        if self._copy_leaves == "explored":
            return bool(leaf.v_is_parameter and leaf.v_explored)
        return bool(self._copy_leaves)

    def link(self, groups: Any, include_root: bool) -> None:
        """Make the links below these groups again; those whose target is missing are left out."""
        node = self._target.v_index.node
        for group in (*((self._source,) if include_root else ()), *groups):
            own_group = node(group.v_full_name)
            for name, linked in group.v_children.links.items():
                target = node(linked.v_full_name)
                if target is not None and name not in own_group.v_children:
                    add_link_from_storage(own_group, name, target)


def _copy_annotations(source: Any, target: Any) -> None:
    if has_annotations(source):
        target.f_set_annotations(**source.v_annotations.f_to_dict(copy=False))


def _check_copy_leaves(copy_leaves: object) -> None:
    if isinstance(copy_leaves, str) and copy_leaves != "explored":
        raise PypetValueError(f"`copy_leaves` is True, False or 'explored', not {copy_leaves!r}.")
