"""The merge, step by step.

Everything that can be refused is refused first, before a value changes in memory or on disk.
Then this trajectory grows: parameters, runs, data, links, notes, in this order. In the storage all
of it happens in one transaction, where the service has such, so that a merge that is interrupted
did not happen. Data that is to leave another file does so afterwards: it is in both until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pypet_trajectory import constants
from pypet_trajectory.api.service import transaction
from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.logger import logger_of
from pypet_trajectory.merging import compatibility, data, info, links, parameters
from pypet_trajectory.merging.renaming import RunRenaming
from pypet_trajectory.trajectory import lifecycle

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


@dataclass(frozen=True)
class MergeOptions:
    """How to merge; see :meth:`Trajectory.f_merge` for what each means."""

    trial_parameter: str | None = None
    remove_duplicates: bool = False
    ignore_data: frozenset[str] = frozenset()
    backup: bool = True
    move_data: bool = False
    delete_other_trajectory: bool = False
    keep_info: bool = True
    keep_other_trajectory_info: bool = True
    merge_config: bool = True
    consecutive_merge: bool = False
    slow_merge: bool = False


def merge(traj: Trajectory, other: Trajectory, options: MergeOptions) -> None:
    """Append the runs of `other` to those of `traj`; see :meth:`Trajectory.f_merge`."""
    compatibility.check_other(other)
    compatibility.check_stored(traj)
    compatibility.load_what_is_compared(traj, skeleton=not options.consecutive_merge)
    _check(traj, other, options)
    _merge_checked(traj, other, options)


def merge_many(traj: Trajectory, others: Iterable[Trajectory], options: MergeOptions) -> None:
    """Append the runs of several trajectories; see :meth:`Trajectory.f_merge_many`.

    All of them are checked before the first one is merged.
    """
    others = list(others)
    for other in others:
        compatibility.check_other(other)
    compatibility.check_stored(traj)
    compatibility.load_what_is_compared(traj)
    for other in others:
        _check(traj, other, options)
    if options.backup:
        traj.f_backup()
    options = replace(options, backup=False, consecutive_merge=True)
    for other in others:
        compatibility.load_what_is_compared(traj, skeleton=False)
        _merge_checked(traj, other, options)
    traj.f_store()


def _check(traj: Trajectory, other: Trajectory, options: MergeOptions) -> None:
    """Refuse what does not fit `traj`, whose parameters are loaded."""
    if other is not traj:
        compatibility.load_what_is_compared(other)
    compatibility.check_compatible(traj, other, options.ignore_data)


def _merge_checked(traj: Trajectory, other: Trajectory, options: MergeOptions) -> None:
    if options.trial_parameter is not None and options.remove_duplicates:
        logger_of(traj).warning(
            "A trial parameter makes every run new, so `remove_duplicates` has no effect."
        )
        options = replace(options, remove_duplicates=False)
    names = parameters.parameters_that_count(traj, other, options.ignore_data)
    trials = None
    if options.trial_parameter is not None:
        trials = parameters.shift_trials(traj, other, options.trial_parameter)
        names = list(dict.fromkeys([*names, trials[0]]))
    used = parameters.runs_to_take_over(traj, other, names, options.remove_duplicates)
    if options.backup:
        compatibility.check_backup(other)
        other.f_backup()
        if other is not traj:
            traj.f_backup()

    length_before, other_length = len(traj), len(other)
    new_indices = range(length_before, length_before + len(used))
    renaming = RunRenaming(traj, other, dict(zip(used, new_indices, strict=True)))
    # Planned before anything grows, for a trajectory may be merged with itself.
    plan = data.plan_data(traj, other, renaming, new_indices, options.ignore_data)
    share = data.share_store(traj, other)
    traj.f_get("derived_parameters")  # makes the branch, which merging has done since pypet 0.7
    with transaction(traj.v_storage_service, str(traj.v_name)):
        parameters.append_values(traj, other, names, used, trials)
        _append_runs(traj, other, used, new_indices)
        _announce(traj, names, length_before)
        data.carry_out(traj, other, plan, options if share else _keeping(options))
        if options.merge_config and other is not traj:
            info.merge_history(traj, other)
        links.merge_links(traj, other, renaming, options.ignore_data)
        if options.keep_info:
            info.add_info(traj, other, options, length_before, len(used), other_length)
        if not options.consecutive_merge:
            traj.f_store()
    if not share:
        data.remove_originals(other, plan, options)


def _keeping(options: MergeOptions) -> MergeOptions:
    """The same, with the other trajectory left as it is."""
    return replace(options, move_data=False, delete_other_trajectory=False)


def _append_runs(
    traj: Trajectory, other: Trajectory, used: Sequence[int], new_indices: range
) -> None:
    other_table = other.v_runs.table.copy()
    table = traj.v_runs.table.copy()
    table.append_rows(other_table, used)
    traj.v_runs.go_on_with(table)
    if traj.v_exploration.parameters:
        for idx in new_indices:
            lifecycle.set_explored_parameters(traj, idx)
            table.set(idx, parameter_summary=lifecycle.parameter_summary(traj))
    lifecycle.restore_default(traj)


def _announce(traj: Trajectory, changed: Sequence[str], old_length: int) -> None:
    """Let the storage know the longer trajectory."""
    service: Any = traj.v_storage_service
    try:
        service.store(
            constants.PREPARE_MERGE,
            traj,
            trajectory_name=traj.v_name,
            changed_parameters=list(changed),
            old_length=old_length,
        )
    except NoSuchServiceError:
        # A service that does not know the message still knows how to store a trajectory.
        traj.v_exploration.outdated.update(changed)
        traj.f_store(only_init=True)
