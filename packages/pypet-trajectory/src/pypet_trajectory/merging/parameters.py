"""The runs that are taken over, and the ranges that result.

A parameter counts if it is explored on either side, or if its value differs. Values of the other
trajectory follow those of the first, in order of runs; where a side did not explore the
parameter, its one value stands for all its runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.exploration.duplicates import new_positions
from pypet_trajectory.tree.nodes import mark_stored

if TYPE_CHECKING:
    from pypet_trajectory.leaves.base import BaseParameter
    from pypet_trajectory.trajectory import Trajectory

_BRANCHES = ("parameters", "derived_parameters", "config")


def parameters_that_count(
    traj: Trajectory, other: Trajectory, ignore_data: Collection[str]
) -> list[str]:
    """Full names of parameters that will be explored in `traj`, in order of exploration."""
    names = dict.fromkeys(traj.v_exploration.parameters)
    for full_name in other.v_exploration.parameters:
        if full_name not in ignore_data and find_parameter(traj, full_name) is not None:
            names[full_name] = None
    for full_name, parameter in of_no_run(traj).items():
        twin = find_parameter(other, full_name)
        if twin is None or full_name in names or full_name in ignore_data:
            continue
        if parameter.f_is_empty() or twin.f_is_empty():
            continue
        if not parameter._equal_values(parameter.f_get_default(), twin.f_get_default()):
            names[full_name] = None
    return list(names)


def of_no_run(traj: Trajectory) -> dict[str, Any]:
    """Parameters and derived parameters that do not belong to runs, by full name."""
    is_run = traj.v_runs.names.contains
    dummies = {traj.f_wildcard(wildcard, -1) for wildcard in traj.f_get_wildcards()}
    return {
        full_name: leaf
        for full_name, leaf in traj.v_index.leaves_in("parameters", "derived_parameters")
        if not any(name in dummies or is_run(name) for name in full_name.split("."))
    }


def shift_trials(
    traj: Trajectory, other: Trajectory, trial_parameter: str
) -> tuple[str, list[int]]:
    """Full name of the trial parameter, and the values of `other` counted on.

    Raises
    ------
    PypetTypeError
        If the values are not 0, 1, ..., T on both sides.
    """
    mine: Any = traj.f_get(trial_parameter)
    full_name = mine.v_full_name
    theirs = find_parameter(other, full_name)
    if not mine.v_is_leaf or not mine.v_is_parameter or theirs is None:
        raise PypetTypeError(f"`{full_name}` is no parameter of both trajectories.")
    own_values, other_values = (
        [int(value) for value in values_of_runs(parameter, range(len(owner)))]
        for parameter, owner in ((mine, traj), (theirs, other))
    )
    for owner, values in ((traj, own_values), (other, other_values)):
        trials = set(values)
        if trials != set(range(max(trials) + 1)):
            raise PypetTypeError(
                f"The values of trial parameter `{full_name}` must be 0, 1, 2, ... without gap, "
                f"but in trajectory `{owner.v_name}` they are {sorted(trials)[:10]}."
            )
    shift = max(own_values) + 1
    return full_name, [value + shift for value in other_values]


def runs_to_take_over(
    traj: Trajectory, other: Trajectory, names: Sequence[str], remove_duplicates: bool
) -> list[int]:
    """Indices of the runs of `other` that become runs of `traj`.

    Raises
    ------
    PypetValueError
        If all of them are in `traj` already.
    """
    indices = range(len(other))
    if not remove_duplicates or _cannot_have_duplicates(traj, other, names):
        return list(indices)
    used = new_positions(
        {full_name: find_parameter(traj, full_name) for full_name in names},
        _columns(traj, names),
        _columns(other, names),
        distinct=False,
    )
    if not used:
        raise PypetValueError(
            f"No run of trajectory `{other.v_name}` is new to `{traj.v_name}`: there is nothing "
            f"to merge."
        )
    return used


def _cannot_have_duplicates(traj: Trajectory, other: Trajectory, names: Iterable[str]) -> bool:
    """Whether a parameter that was not explored differs, so that no two points can be equal."""
    return any(
        full_name not in traj.v_exploration.parameters
        and full_name not in other.v_exploration.parameters
        for full_name in names
    )


def _columns(traj: Trajectory, names: Iterable[str]) -> dict[str, Sequence[Any]]:
    """Values of the parameters in all runs of a trajectory."""
    columns: dict[str, Sequence[Any]] = {}
    for full_name in names:
        values = values_of_runs(find_parameter(traj, full_name), range(len(traj)))
        columns[full_name] = values if isinstance(values, Sequence) else list(values)
    return columns


def values_of_runs(parameter: Any, indices: Sequence[int]) -> Iterable[Any]:
    """Values of a parameter in the given runs, in their order."""
    if not parameter.f_has_range():
        return repeat(parameter.f_get_default(), len(indices))
    values = parameter.f_get_range(copy=False)
    if len(indices) == len(values):
        return values  # type: ignore[no-any-return]
    return [values[idx] for idx in indices]


def append_values(
    traj: Trajectory,
    other: Trajectory,
    names: Sequence[str],
    used: Sequence[int],
    trials: tuple[str, list[int]] | None,
) -> None:
    """Let the parameters of `traj` go on with the values that `other` has in the used runs."""
    length = len(traj)
    for full_name in names:
        parameter: BaseParameter = find_parameter(traj, full_name)
        theirs = find_parameter(other, full_name)
        if trials is not None and trials[0] == full_name:
            values: Iterable[Any] = [trials[1][idx] for idx in used]
        else:
            values = (
                repeat(parameter.f_get_default(), len(used))
                if theirs is None
                else values_of_runs(theirs, used)
            )
        values = list(values)
        parameter.f_unlock()
        if parameter.f_has_range():
            parameter._expand(values)
        else:
            default = parameter.f_get_default()
            parameter.f_unlock()
            parameter._explore([*repeat(default, length), *values])
        traj.v_exploration.parameters[full_name] = parameter
        mark_stored(parameter, False)


def find_parameter(traj: Trajectory, full_name: str) -> Any:
    """The parameter, derived parameter or config parameter of this full name, or ``None``."""
    leaf = traj.v_index.leaves.get(full_name)
    return leaf if leaf is not None and leaf.v_branch in _BRANCHES else None
