"""What scripts of pypet 0.7 reach in a trajectory although its name says "private".

Registers of nodes and runs had these names there, and analyses and tests read them. Here they are
kept elsewhere, in the index of the tree and in the run table, and this module only shows them.
Invariant: nothing is stored under these names, and nothing else in this library uses them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pypet_trajectory.constants import STORE_DATA
from pypet_trajectory.runs import information
from pypet_trajectory.runs.table import FRESH
from pypet_trajectory.trajectory import copying, lifecycle, persistence
from pypet_trajectory.tree import adding
from pypet_trajectory.tree.classes import create_class

if TYPE_CHECKING:
    from pypet_trajectory.tree.index import TreeIndex
    from pypet_trajectory.tree.nodes import NNTreeNode


class OldIndex:
    """The index of a tree under the names that its registers had."""

    __slots__ = ("_index",)

    def __init__(self, index: TreeIndex) -> None:
        self._index = index

    def __getattr__(self, name: str) -> Any:
        try:
            return _OF_INDEX[name](self._index)
        except KeyError:
            raise AttributeError(f"The index of a tree has no attribute {name!r}.") from None


def _sorted_by_run(index: TreeIndex) -> dict[str, dict[str, dict[str, NNTreeNode]]]:
    """Short name to run to full name to node."""
    by_run: dict[str, dict[str, dict[str, NNTreeNode]]] = {}
    for node in (*index.groups.values(), *index.leaves.values()):
        runs = by_run.setdefault(node.v_name or "", {})
        runs.setdefault(node.v_run_branch, {})[node.v_full_name] = node
    return by_run


_OF_INDEX: Mapping[str, Callable[[TreeIndex], Any]] = MappingProxyType(
    {
        "_root_instance": operator.attrgetter("root"),
        "_flat_leaf_storage_dict": operator.attrgetter("leaves"),
        "_nodes_and_leaves": operator.attrgetter("names"),
        "_nodes_and_leaves_runs_sorted": _sorted_by_run,
        "_links_count": operator.attrgetter("link_names"),
        "_not_admissible_names": operator.attrgetter("members"),
    }
)


def _make_single_run(traj: Any) -> None:
    """Enter run mode at the current run."""
    traj.v_runs.inside = False
    traj.v_runs.started = False
    lifecycle.start_run(traj)


def _finalize(traj: Any, store_meta_data: bool = True) -> None:
    """End an experiment: go to no run, and store the run table."""
    traj.v_runs.inside = False
    lifecycle.restore_default(traj)
    if store_meta_data:
        persistence.store(traj, only_init=True, store_data=STORE_DATA, max_depth=None)


def _update_run_information(traj: Any, run_information: Mapping[str, Any]) -> None:
    """Take over what is known about one run."""
    fields = {name: run_information[name] for name in FRESH if name in run_information}
    traj.v_runs.table.set(run_information["idx"], **fields)


def _is_completed(traj: Any, name_or_id: str | int | None = None) -> bool | int:
    return information.is_completed(traj.v_runs.table, traj.v_runs.names, name_or_id)


def _create_class(traj: Any, class_name: str) -> type:
    return create_class(class_name, traj.v_index.settings.dynamic_imports)


def _add_group_from_storage(traj: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return adding.add_from_storage(traj, args, kwargs, leaf=False)


def _add_leaf_from_storage(traj: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return adding.add_from_storage(traj, args, kwargs, leaf=True)


_METHODS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "_make_single_run": _make_single_run,
        "_finalize_run": lifecycle.finalize_run,
        "_finalize": _finalize,
        "_update_run_information": _update_run_information,
        "_set_explored_parameters_to_idx": lifecycle.set_explored_parameters,
        "_is_completed": _is_completed,
        "_create_class": _create_class,
        "_copy_from": copying.copy_from,
        "_add_group_from_storage": _add_group_from_storage,
        "_add_leaf_from_storage": _add_leaf_from_storage,
    }
)
_ATTRIBUTES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "_nn_interface": lambda traj: OldIndex(traj.v_index),
        "_run_information": lambda traj: information.RunInformation(
            traj.v_runs.table, traj.v_runs.names
        ),
        "_single_run_ids": lambda traj: information.SingleRunIds(traj.v_runs.names),
        "_updated_run_information": operator.attrgetter("v_runs.table.changed"),
        "_length": len,
        "_parameters": lambda traj: traj.v_index.branches["parameters"],
        "_config": lambda traj: traj.v_index.branches["config"],
        "_derived_parameters": lambda traj: traj.v_index.branches["derived_parameters"],
        "_results": lambda traj: traj.v_index.branches["results"],
        "_other_leaves": operator.attrgetter("v_index.other_leaves"),
        "_all_groups": operator.attrgetter("v_index.groups"),
        "_linked_by": operator.attrgetter("v_index.linked_by"),
        "_run_parent_groups": operator.attrgetter("v_index.run_parents"),
        "_changed_default_parameters": operator.attrgetter("v_index.presets"),
        "_dynamic_imports": operator.attrgetter("v_index.settings.dynamic_imports"),
        "_explored_parameters": operator.attrgetter("v_exploration.parameters"),
        "_children": operator.attrgetter("v_children"),
        "_groups": operator.attrgetter("v_children.groups"),
        "_leaves": operator.attrgetter("v_children.leaves"),
        "_links": operator.attrgetter("v_children.links"),
    }
)


def of_trajectory(traj: Any, name: str) -> Any:
    """What a trajectory of pypet 0.7 has under a private name.

    Raises
    ------
    KeyError
        If it has nothing of this name.
    """
    if name in _METHODS:
        return partial(_METHODS[name], traj)
    return _ATTRIBUTES[name](traj)
