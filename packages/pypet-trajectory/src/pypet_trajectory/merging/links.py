"""Links of the other trajectory, made again between the nodes as they are called now.

A link is taken over if where it stands and what it points to both made it into the merged
trajectory. What belongs to no particular run, below ``run_ALL``, is not merged, and neither are
links that involve it. Nothing that fails here stops a merge; it is logged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory import constants
from pypet_trajectory.constants import LOAD_SKELETON
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.logger import logger_of
from pypet_trajectory.merging.renaming import RunRenaming

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


def merge_links(
    traj: Trajectory,
    other: Trajectory,
    renaming: RunRenaming,
    ignore_data: Collection[str],
) -> None:
    """Make the links of `other` again in `traj`."""
    wanted = list(_renamed_links(traj, other, renaming, ignore_data))
    load_missing(traj, [target for _, _, target in wanted])
    for location, name, target in wanted:
        add_link(traj, location, name, target)


def _renamed_links(
    traj: Trajectory,
    other: Trajectory,
    renaming: RunRenaming,
    ignore_data: Collection[str],
) -> Iterator[tuple[str, str, str]]:
    """Location, name and target of each link, as they are called in `traj`."""
    for target, groups in other.v_index.linked_by.items():
        if target in ignore_data:
            continue
        for location, (_, names) in groups.items():
            for name in names:
                link = f"{location}.{name}" if location else name
                if link in ignore_data:
                    continue
                if renaming.has_dummy(link) or renaming.has_dummy(target):
                    logger_of(traj).warning(
                        "Link `%s` of trajectory `%s` to `%s` is not merged: one of them belongs "
                        "to no particular run.",
                        link,
                        other.v_name,
                        target,
                    )
                    continue
                new_link = renaming.new_name(link)
                new_target = renaming.new_name(target)
                if new_link is not None and new_target is not None:
                    new_location, _, new_name = new_link.rpartition(".")
                    yield new_location, new_name, new_target


def load_missing(traj: Trajectory, full_names: Collection[str]) -> None:
    """Bring nodes that are only in the store into memory, without data."""
    missing = [
        full_name for full_name in dict.fromkeys(full_names) if traj.v_index.node(full_name) is None
    ]
    if not missing:
        return
    options = {"load_data": LOAD_SKELETON, "recursive": False}
    requests: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
        (constants.TREE, traj, (full_name,), options) for full_name in missing
    ]
    service: Any = traj.v_storage_service
    try:
        service.load(constants.LIST, requests, trajectory_name=traj.v_name)
    except DataNotInStorageError as error:
        logger_of(traj).error("Some nodes that links point to were not merged: %s", error)


def add_link(traj: Trajectory, location: str, name: str, target: str) -> None:
    """Make one link; one that exists is kept."""
    node = traj.v_index.node(target)
    group: Any = traj.v_index.node(location)
    if node is None:
        logger_of(traj).error(
            "Link `%s` below `%s` is not merged: there is no `%s` to point to.",
            name,
            location,
            target,
        )
        return
    if group is None:
        group = traj.f_add_group(location)
    if name in group.v_children:
        return
    try:
        group.f_add_link(name, node)
    except (AttributeError, ValueError) as error:
        logger_of(traj).error("Link `%s` below `%s` is not merged: %s", name, location, error)
