"""Whether two trajectories can be merged at all; nothing but loading happens here.

Both need the same parameters, of the same types, and the same wildcards. Whatever is refused is
refused before a single value has changed, in memory or on disk.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.merging.parameters import of_no_run

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


def check_other(other: object) -> None:
    """Refuse what is no trajectory, or one that is executing a run."""
    from pypet_trajectory.trajectory import Trajectory

    if not isinstance(other, Trajectory):
        raise PypetTypeError(f"Only trajectories can be merged, not {other!r}.")
    if other.v_runs.inside:
        raise PypetTypeError(
            f"Trajectory `{other.v_name}` is executing run `{other.v_crun}`; it can be merged "
            f"once that run has finished."
        )


def check_stored(traj: Trajectory) -> None:
    """Refuse to merge where there is no storage to merge in.

    Raises
    ------
    PypetValueError
        If `traj` was never stored.
    """
    if traj.v_storage_service is None or not traj.v_stored:
        raise PypetValueError(
            f"Results are merged in the storage, but trajectory `{traj.v_name}` was never "
            f"stored. Call `f_store` first; an `InMemoryStorageService` will do."
        )


def check_backup(other: Trajectory) -> None:
    """Refuse to back up what was never stored.

    Raises
    ------
    PypetValueError
        If `other` was never stored.
    """
    if not other.v_stored:
        raise PypetValueError(
            f"Trajectory `{other.v_name}` was never stored and cannot be backed up. Store it, or "
            f"pass `backup=False`."
        )


def load_what_is_compared(traj: Trajectory, skeleton: bool = True) -> None:
    """Load the tree without data, and parameters with theirs; go to no run."""
    if traj.v_stored and traj.v_storage_service is not None:
        if skeleton:
            traj.f_load_skeleton()
        empty = [
            leaf
            for _, leaf in traj.v_index.leaves_in("parameters", "derived_parameters")
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
    wildcards, others = set(traj.f_get_wildcards()), set(other.f_get_wildcards())
    if wildcards != others:
        raise PypetTypeError(
            f"Trajectories `{traj.v_name}` and `{other.v_name}` have different wildcards: only "
            f"in the first {sorted(wildcards - others)}, only in the second "
            f"{sorted(others - wildcards)}."
        )
    mine, theirs = of_no_run(traj), of_no_run(other)
    for one, two, present, absent in ((mine, theirs, traj, other), (theirs, mine, other, traj)):
        for full_name in one:
            if full_name not in two and full_name not in ignore_data:
                raise PypetTypeError(
                    f"`{full_name}` is in trajectory `{present.v_name}` but not in "
                    f"`{absent.v_name}`. Add it there, or name it in `ignore_data`."
                )
    for full_name, parameter in mine.items():
        if full_name not in ignore_data and full_name in theirs:
            _check_types(traj, other, parameter, theirs[full_name])


def _check_types(traj: Trajectory, other: Trajectory, mine: Any, theirs: Any) -> None:
    if mine.f_is_empty() or theirs.f_is_empty():
        if mine.f_is_empty() != theirs.f_is_empty():
            empty = traj if mine.f_is_empty() else other
            raise PypetTypeError(
                f"`{mine.v_full_name}` has no value in trajectory `{empty.v_name}`. Set one, or "
                f"name it in `ignore_data`."
            )
        return
    one, two = mine.f_get_default(), theirs.f_get_default()
    if not mine._values_of_same_type(one, two):
        raise PypetTypeError(
            f"`{mine.v_full_name}` is {one!r} of type {type(one).__name__} in trajectory "
            f"`{traj.v_name}` but {two!r} of type {type(two).__name__} in `{other.v_name}`."
        )
