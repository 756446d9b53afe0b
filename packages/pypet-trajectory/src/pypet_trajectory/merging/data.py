"""Results and derived parameters: what is copied where, within the storage or through memory.

The plan is one mapping from names in the other trajectory to names in this one. The storage
carries it out, best without anything passing through memory; where it cannot, leaves are loaded,
stored and forgotten in batches. Either way the merged data is in the store afterwards and not in
memory.
"""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pypet_trajectory import constants
from pypet_trajectory.exceptions import NoSuchServiceError, PypetValueError
from pypet_trajectory.logger import logger_of
from pypet_trajectory.merging.links import add_link, load_missing
from pypet_trajectory.merging.renaming import RunRenaming
from pypet_trajectory.tree.adding import add_from_storage
from pypet_trajectory.tree.nodes import mark_stored, rename

if TYPE_CHECKING:
    from pypet_trajectory.merging.merge import MergeOptions
    from pypet_trajectory.trajectory import Trajectory

#: Leaves in memory at a time when the storage cannot copy.
_BATCH = 1000


@dataclass
class DataPlan:
    """What happens to the data of the other trajectory."""

    #: Full name in the other trajectory to full name in this one.
    renames: dict[str, str] = field(default_factory=dict)
    #: Full name of a derived parameter of the first new run to the names by which the other
    #: new runs link to it.
    links: dict[str, list[str]] = field(default_factory=dict)


def plan_data(
    traj: Trajectory,
    other: Trajectory,
    renaming: RunRenaming,
    new_indices: range,
    ignore_data: Collection[str],
) -> DataPlan:
    """Decide what is copied where."""
    plan = DataPlan()
    for full_name in other.v_index.branches["results"]:
        if full_name not in ignore_data and not renaming.has_dummy(full_name):
            _plan_copy(traj, renaming, full_name, plan)
    for full_name, leaf in other.v_index.branches["derived_parameters"].items():
        if full_name in ignore_data:
            continue
        if renaming.has_dummy(full_name):
            _plan_shared(traj, renaming, full_name, leaf, new_indices, plan)
        elif renaming.run_of(full_name) is not None:
            _plan_copy(traj, renaming, full_name, plan)
    return plan


def _plan_copy(traj: Trajectory, renaming: RunRenaming, full_name: str, plan: DataPlan) -> None:
    new_name = renaming.new_name(full_name)
    if new_name is None:
        return
    if traj.v_index.node(new_name) is not None:
        logger_of(traj).warning(
            "`%s` is in trajectory `%s` already and stays as it is; the other trajectory's is not "
            "merged.",
            new_name,
            traj.v_name,
        )
        return
    plan.renames[full_name] = new_name


def _plan_shared(
    traj: Trajectory,
    renaming: RunRenaming,
    full_name: str,
    leaf: Any,
    new_indices: range,
    plan: DataPlan,
) -> None:
    """A derived parameter of no particular run: kept by the first new run, linked by others."""
    mine = traj.v_index.branches["derived_parameters"].get(full_name)
    if mine is not None and _equal(mine, leaf):
        return
    first, *others = (renaming.for_dummy(full_name, idx) for idx in new_indices)
    if traj.v_index.node(first) is None:
        plan.renames[full_name] = first
        plan.links[first] = others


def _equal(mine: Any, theirs: Any) -> bool:
    if mine.f_is_empty() or theirs.f_is_empty():
        return bool(mine.f_is_empty() and theirs.f_is_empty())
    one, two = mine.f_get_default(), theirs.f_get_default()
    return bool(mine._equal_values(one, two))


def carry_out(traj: Trajectory, other: Trajectory, plan: DataPlan, options: MergeOptions) -> None:
    """Copy or move the data, in the storage if it can, and delete the other if asked for."""
    if options.slow_merge or not _can_copy_in_storage(traj, other):
        _copy_through_memory(traj, other, plan.renames, options)
    else:
        try:
            _copy_in_storage(traj, other, plan.renames, options)
        except (NoSuchServiceError, PypetValueError, NotImplementedError) as error:
            logger_of(traj).warning(
                "The storage cannot merge `%s` by itself (%s); its data passes through memory now.",
                other.v_name,
                error,
            )
            _copy_through_memory(traj, other, plan.renames, options)
    # What belongs to no run would clash with the same in the next trajectory to be merged.
    of_no_run = [new for old, new in plan.renames.items() if new == old]
    load_missing(traj, [*of_no_run, *plan.links])
    for target, links in plan.links.items():
        for link in links:
            location, _, name = link.rpartition(".")
            add_link(traj, location, name, target)


def share_store(traj: Trajectory, other: Trajectory) -> bool:
    """Whether both trajectories are kept in the same place, so that one transaction covers both."""
    mine, theirs = traj.v_storage_service, other.v_storage_service
    if mine is theirs:
        return True
    names = [getattr(service, "filename", None) for service in (mine, theirs)]
    places = {os.path.realpath(name) for name in names if isinstance(name, (str, os.PathLike))}
    return None not in names and len(places) == 1


def remove_originals(other: Trajectory, plan: DataPlan, options: MergeOptions) -> None:
    """Remove from another store what was to be moved, or the whole trajectory, if asked for."""
    if not other.v_stored:
        return
    if options.delete_other_trajectory:
        _delete_from_store(other)
    elif options.move_data:
        leaves = [other.v_index.leaves[name] for name in plan.renames]
        if leaves:
            other.f_delete_items(leaves)


def _can_copy_in_storage(traj: Trajectory, other: Trajectory) -> bool:
    """Whether this trajectory's service can reach the other's data, and read it."""
    mine, theirs = traj.v_storage_service, other.v_storage_service
    if not other.v_stored or theirs is None:
        return False
    has_file = getattr(theirs, "filename", None) is not None
    return theirs is mine or (type(theirs) is type(mine) and has_file)


def _copy_in_storage(
    traj: Trajectory, other: Trajectory, renames: Mapping[str, str], options: MergeOptions
) -> None:
    service, theirs = traj.v_storage_service, other.v_storage_service
    service.store(
        constants.MERGE,
        "FAST MERGE",
        trajectory_name=traj.v_name,
        other_trajectory_name=other.v_name,
        rename_dict=dict(renames),
        move_nodes=options.move_data,
        delete_trajectory=options.delete_other_trajectory,
        other_filename=None if theirs is service else theirs.filename,
    )


def _copy_through_memory(
    traj: Trajectory, other: Trajectory, renames: Mapping[str, str], options: MergeOptions
) -> None:
    for batch in _batches(renames):
        leaves = {old: other.v_index.leaves[old] for old in batch}
        empty = [leaf for leaf in leaves.values() if leaf.f_is_empty()]
        if empty and other.v_stored:
            other.f_load_items(empty)
        added = []
        for old, leaf in leaves.items():
            twin: Any = copy.copy(leaf)
            mark_stored(twin, False)
            rename(twin, renames[old])
            added.append(add_from_storage(traj, (twin,), {}, leaf=True))
        traj.f_store_items(added, store_data=constants.STORE_DATA)
        for leaf in added:
            traj.v_index.parent(leaf).f_remove_child(leaf.v_name)
        _empty(empty)
        if options.move_data and other.v_stored and not options.delete_other_trajectory:
            other.f_delete_items(list(leaves.values()))
    if options.delete_other_trajectory and other.v_stored:
        _delete_from_store(other)


def _delete_from_store(other: Trajectory) -> None:
    """Delete a trajectory: merging nothing of it, and not keeping it, is the message for that."""
    other.v_storage_service.store(
        constants.MERGE,
        "FAST MERGE",
        trajectory_name=other.v_name,
        other_trajectory_name=other.v_name,
        rename_dict={},
        move_nodes=False,
        delete_trajectory=True,
        other_filename=None,
    )


def _empty(leaves: Collection[Any]) -> None:
    """Bring leaves back to what they were before their data was loaded."""
    for leaf in leaves:
        if leaf.v_is_parameter:
            leaf.f_unlock()
        leaf.f_empty()


def _batches(names: Mapping[str, str]) -> Iterator[list[str]]:
    remaining = iter(names)
    while batch := list(itertools.islice(remaining, _BATCH)):
        yield batch
