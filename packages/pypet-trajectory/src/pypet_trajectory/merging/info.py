"""What a merged trajectory tells about the merge, and what it takes over of the other's past.

Everything stands below ``config.merge.merge_<7 digits>_<time>``, one group per merge.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory.runs.table import format_time
from pypet_trajectory.tree.adding import add_from_storage
from pypet_trajectory.tree.nodes import mark_stored

if TYPE_CHECKING:
    from pypet_trajectory.merging.merge import MergeOptions
    from pypet_trajectory.trajectory import Trajectory

#: Branches of config that tell about the past and come along.
_HISTORY = ("config.git.", "config.environment.", "config.merge.")


def add_info(
    traj: Trajectory,
    other: Trajectory,
    options: MergeOptions,
    length_before: int,
    merged_runs: int,
    other_length: int,
) -> None:
    """Note the merge in the config of `traj`."""
    timestamp = time.time()
    sources = (
        traj.v_name,
        str(traj.v_timestamp),
        other.v_name,
        str(other.v_timestamp),
        traj.v_version,
    )
    hexsha = hashlib.sha1("".join(sources).encode()).hexdigest()
    base = f"config.merge.merge_{hexsha[:7]}_{format_time(timestamp)}"
    location, count = base, 1
    while traj.f_contains(location):
        # Merging twice within a second must not clash.
        count += 1
        location = f"{base}_{count}"
    for name, value, comment in _entries(
        traj, other, options, timestamp, hexsha, length_before, merged_runs, other_length
    ):
        traj.f_add_config(f"{location}.{name}", value, comment=comment)


def _entries(
    traj: Trajectory,
    other: Trajectory,
    options: MergeOptions,
    timestamp: float,
    hexsha: str,
    length_before: int,
    merged_runs: int,
    other_length: int,
) -> Iterator[tuple[str, Any, str]]:
    yield "merged_runs", merged_runs, "Number of runs taken over"
    yield "timestamp", timestamp, "Time of the merge, seconds since the epoch"
    yield "hexsha", hexsha, "SHA-1 of names and times of both trajectories and the version"
    yield "remove_duplicates", options.remove_duplicates, "Whether known points were left out"
    if options.ignore_data:
        yield "ignore_data", tuple(sorted(options.ignore_data)), "What was not merged"
    yield "length_before_merge", length_before, "Number of runs before the merge"
    if traj.v_version != other.v_version:
        yield "version", traj.v_version, "Version of pypet of this trajectory"
    if options.trial_parameter is not None:
        yield "trial_parameter", options.trial_parameter, "Parameter that counts trials"
    if not options.keep_other_trajectory_info:
        return
    yield "other_trajectory.name", other.v_name, "Name of the other trajectory"
    yield "other_trajectory.timestamp", other.v_timestamp, "Time of its creation"
    yield "other_trajectory.length", other_length, "Number of its runs"
    if traj.v_version != other.v_version:
        yield "other_trajectory.version", other.v_version, "Version of pypet that created it"
    if other.v_comment:
        yield "other_trajectory.comment", other.v_comment, "Its comment"


def merge_history(traj: Trajectory, other: Trajectory) -> None:
    """Take over what git, environments and earlier merges noted in `other`."""
    missing = [
        leaf
        for full_name, leaf in other.v_index.branches["config"].items()
        if full_name.startswith(_HISTORY) and not traj.f_contains(full_name)
    ]
    empty = [leaf for leaf in missing if leaf.f_is_empty()]
    if empty and other.v_stored:
        other.f_load_items(empty)
    for leaf in missing:
        twin = copy.copy(leaf)
        mark_stored(twin, False)
        add_from_storage(traj, (twin,), {}, leaf=True)
