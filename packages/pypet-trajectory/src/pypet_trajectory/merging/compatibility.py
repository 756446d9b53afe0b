"""Whether two trajectories can be merged at all; nothing but loading happens here.

Both need the same parameters, of the same types, and the same wildcards. Whatever is refused is
refused before a single value has changed, in memory or on disk.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError

if TYPE_CHECKING:
    from pypet_trajectory.merging.merge import MergeOptions
    from pypet_trajectory.trajectory import Trajectory


def check_other(other: object) -> None:
    """Refuse what is no trajectory, or one that is executing a run."""
    from pypet_trajectory.trajectory import Trajectory

    if not isinstance(other, Trajectory):
        raise PypetTypeError(f"Only trajectories can be merged, not {other!r}.")
    if other._is_run:
        raise PypetTypeError(
            f"Trajectory `{other.v_name}` is executing run `{other.v_crun}`; it can be merged "
            f"once that run has finished."
        )


def check_storage(traj: Trajectory, other: Trajectory, options: MergeOptions) -> None:
    """Refuse to merge where there is no storage to merge in.

    Raises
    ------
    PypetValueError
        If `traj` was never stored, or a backup is asked for of an `other` never stored.
    """
    if traj._storage_service is None or not traj._stored:
        raise PypetValueError(
            f"Results are merged in the storage, but trajectory `{traj.v_name}` was never "
            f"stored. Call `f_store` first; an `InMemoryStorageService` will do."
        )
    if options.backup and not other._stored:
        raise PypetValueError(
            f"Trajectory `{other.v_name}` was never stored and cannot be backed up. Store it, or "
            f"pass `backup=False`."
        )


def load_what_is_compared(traj: Trajectory, skeleton: bool = True) -> None:
    """Load the tree without data, and parameters with theirs; go to no run."""
    if traj._stored and traj._storage_service is not None:
        if skeleton:
            traj.f_load_skeleton()
        empty = [
            leaf
            for leaf in chain(traj._parameters.values(), traj._derived_parameters.values())
            if leaf.f_is_empty()
        ]
        if empty:
            traj.f_load_items(empty)
    traj.f_restore_default()


def check_compatible(traj: Trajectory, other: Trajectory, ignore_data: Collection[str]) -> None:
    """Compare wildcards and parameters.

    Raises
    ------
    PypetTypeError
        If wildcards differ, a parameter exists on one side only, or its types differ.
    """
    mine, theirs = set(traj.f_get_wildcards()), set(other.f_get_wildcards())
    if mine != theirs:
        raise PypetTypeError(
            f"Trajectories `{traj.v_name}` and `{other.v_name}` have different wildcards: only "
            f"in the first {sorted(mine - theirs)}, only in the second {sorted(theirs - mine)}."
        )
    for branch in ("_parameters", "_derived_parameters"):
        _check_branch(traj, other, branch, ignore_data)


def _check_branch(
    traj: Trajectory, other: Trajectory, branch: str, ignore_data: Collection[str]
) -> None:
    mine, theirs = _comparable(traj, branch), _comparable(other, branch)
    for one, two, present, absent in ((mine, theirs, traj, other), (theirs, mine, other, traj)):
        for full_name in one:
            if full_name not in two and full_name not in ignore_data:
                raise PypetTypeError(
                    f"`{full_name}` is in trajectory `{present.v_name}` but not in "
                    f"`{absent.v_name}`. Add it there, or name it in `ignore_data`."
                )
    for full_name, parameter in mine.items():
        if full_name in ignore_data or full_name not in theirs:
            continue
        one, two = parameter.f_get_default(), theirs[full_name].f_get_default()
        if not parameter._values_of_same_type(one, two):
            raise PypetTypeError(
                f"`{full_name}` is {one!r} of type {type(one).__name__} in trajectory "
                f"`{traj.v_name}` but {two!r} of type {type(two).__name__} in "
                f"`{other.v_name}`."
            )


def _comparable(traj: Trajectory, branch: str) -> dict[str, Any]:
    """Leaves of a branch that belong to no run."""
    is_run = traj._run_names.contains
    dummies = {traj.f_wildcard(wildcard, -1) for wildcard in traj.f_get_wildcards()}
    return {
        full_name: leaf
        for full_name, leaf in getattr(traj, branch).items()
        if not any(name in dummies or is_run(name) for name in full_name.split("."))
    }
