"""Exploring, expanding and shrinking a trajectory: all of it or nothing.

Invariant: after an exploration that failed, ranges, locks and the run table are what they were
before. Old ranges need no copying for that: a range never changes, expanding makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.exploration.algebra import as_build_dict
from pypet_trajectory.exploration.checking import check_iterable
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.tree.nodes import mark_explored, mark_stored
from pypet_trajectory.values.ranges import CompactRange

if TYPE_CHECKING:
    from pypet_trajectory.leaves.base import BaseParameter
    from pypet_trajectory.trajectory import Trajectory


def explore(traj: Trajectory, build_dict: Any) -> None:
    """Give parameters ranges; see :meth:`Trajectory.f_explore`."""
    if traj.v_runs.table.any_completed():
        raise PypetTypeError(
            f"Trajectory `{traj.v_name}` has completed runs, so its exploration is settled. Use "
            f"`f_expand` to append runs."
        )
    named_values = as_build_dict(build_dict)
    if not named_values:
        return
    values_of = [(_parameter(traj, name), values) for name, values in named_values.items()]
    for name, values in named_values.items():
        check_iterable(name, values)
    with _rolled_back_on_failure(traj, [parameter for parameter, _ in values_of]):
        for parameter, values in values_of:
            parameter.f_unlock()
            parameter._explore(values)
            traj.v_exploration.parameters[parameter.v_full_name] = parameter
            if traj.v_full_copy:
                parameter.v_full_copy = True
        length = _common_length(traj)
        traj.v_runs.reset(length)


def expand(
    traj: Trajectory, build_dict: Any, fail_safe: bool = True, skip_existing: bool = False
) -> None:
    """Append values to the ranges; see :meth:`Trajectory.f_expand`."""
    if not traj.v_exploration.parameters:
        explore(traj, build_dict)
        return
    named_values = as_build_dict(build_dict)
    values_of: dict[str, tuple[BaseParameter, Any]] = {}
    for name, values in named_values.items():
        parameter: Any = traj.f_get(name)
        if parameter.v_full_name in values_of:
            raise PypetValueError(
                f"`{parameter.v_full_name}` is to be expanded twice, once as `{name}`: name it "
                "once."
            )
        values_of[parameter.v_full_name] = parameter, values
    _check_same_parameters(traj, values_of)
    for full_name, (_, values) in values_of.items():
        check_iterable(full_name, values)
    if skip_existing:
        values_of = _without_existing_points(traj, values_of)
        if not any(values for _, values in values_of.values()):
            return
    parameters = [parameter for parameter, _ in values_of.values()]
    with _rolled_back_on_failure(traj, parameters if fail_safe else []):
        for parameter, values in values_of.values():
            parameter.f_unlock()
            parameter._expand(values)
        length = _common_length(traj)
        traj.v_runs.extend(length - len(traj))
    for parameter in parameters:
        if parameter.v_stored:
            # What is on disk ends too early; the next store replaces it.
            traj.v_exploration.outdated.add(parameter.v_full_name)
            mark_stored(parameter, False)


def shrink(traj: Trajectory, force: bool = False) -> None:
    """Remove all ranges; see :meth:`Trajectory.f_shrink`."""
    if traj.v_stored and not force:
        raise PypetTypeError(
            f"Trajectory `{traj.v_name}` is stored; shrinking it in memory would not shrink it "
            f"on disk. Pass `force=True` if you mean it."
        )
    if not traj.v_exploration.parameters:
        return
    for parameter in traj.v_exploration.loaded():
        if parameter.f_has_range():
            parameter.f_unlock()
            parameter._shrink()
    traj.v_exploration.parameters.clear()
    traj.v_runs.leave()
    traj.v_runs.reset(1)


def _parameter(traj: Trajectory, name: str) -> BaseParameter:
    parameter: Any = traj.f_get(name)
    if not parameter.v_is_leaf or not parameter.v_is_parameter:
        raise PypetValueError(
            f"Only parameters can be explored, but `{name}` stands for "
            f"`{parameter.v_full_name}`, a {type(parameter).__name__}."
        )
    return parameter  # type: ignore[no-any-return]


@contextmanager
def _rolled_back_on_failure(
    traj: Trajectory, parameters: Iterable[BaseParameter]
) -> Iterator[None]:
    """Undo what happens inside to these parameters and to the register if it fails."""
    parameters = list({id(parameter): parameter for parameter in parameters}.values())
    states = [
        (parameter, _range_of(parameter), parameter.v_explored, parameter.v_locked)
        for parameter in parameters
    ]
    explored = dict(traj.v_exploration.parameters)
    table = traj.v_runs.table
    try:
        yield
    except BaseException:
        for parameter, values, was_explored, was_locked in states:
            _restore_range(parameter, values, was_explored, was_locked, traj.v_idx)
        traj.v_exploration.parameters.clear()
        traj.v_exploration.parameters.update(explored)
        if traj.v_runs.table is not table:
            traj.v_runs.table = table
        raise


def _range_of(parameter: BaseParameter) -> Any:
    return parameter.f_get_range(copy=False) if parameter.f_has_range() else None


def _restore_range(
    parameter: BaseParameter, values: Any, was_explored: bool, was_locked: bool, idx: int
) -> None:
    if not parameter.f_has_range() and values is None:
        pass
    elif values is None:
        parameter.f_unlock()
        parameter._shrink()
        mark_explored(parameter, was_explored)
    elif _range_of(parameter) is not values:
        parameter.f_unlock()
        parameter._shrink()
        parameter._explore(values)
        if idx >= 0:
            parameter._set_parameter_access(idx)
    if was_locked:
        parameter.f_lock()
    else:
        parameter.f_unlock()


def _common_length(traj: Trajectory) -> int:
    """Length of all ranges.

    Raises
    ------
    PypetValueError
        If they differ.
    """
    lengths = {
        full_name: parameter.f_get_range_length()
        for full_name, parameter in traj.v_exploration.parameters.items()
        if parameter is not None and parameter.f_has_range()
    }
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise PypetValueError(
            f"All explored parameters need the same number of values, but {listing}."
        )
    return int(next(iter(lengths.values())))


def _check_same_parameters(traj: Trajectory, values_of: Mapping[str, Any]) -> None:
    explored = traj.v_exploration.parameters
    if values_of.keys() != explored.keys():
        listing = ", ".join(f"`{name}`" for name in explored)
        raise PypetTypeError(
            f"Expanding needs values for exactly the parameters explored so far ({listing}), "
            f"but these were given: {', '.join(f'`{name}`' for name in values_of) or 'none'}."
        )
    for full_name, parameter in explored.items():
        if parameter is None or not parameter.f_has_range():
            raise PypetTypeError(
                f"The range of explored parameter `{full_name}` is not in memory. Load it with "
                f"`f_load_item` or `f_load(load_parameters=2)` before expanding."
            )


def _without_existing_points(
    traj: Trajectory, values_of: Mapping[str, tuple[BaseParameter, Any]]
) -> dict[str, tuple[BaseParameter, CompactRange]]:
    """Leave out points that are explored already, or that come twice.

    Values are checked first: what equals an explored value must have its type, and arrays
    become values of the parameter's type.
    """
    from pypet_trajectory.exploration.duplicates import new_positions  # brings OpenSSL

    new = {name: _checked(parameter, values) for name, (parameter, values) in values_of.items()}
    lengths = {name: len(values) for name, values in new.items()}
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise PypetValueError(f"All parameters need the same number of new values, but {listing}.")
    old = {name: parameter.f_get_range(copy=False) for name, (parameter, _) in values_of.items()}
    parameters = {name: parameter for name, (parameter, _) in values_of.items()}
    keep = np.array(new_positions(parameters, old, new, distinct=True), dtype=np.intp)
    return {name: (parameter, new[name].take(keep)) for name, (parameter, _) in values_of.items()}


def _checked(parameter: BaseParameter, values: Iterable[Any]) -> CompactRange:
    if isinstance(parameter, Parameter):
        return parameter.f_checked_range(values)
    return CompactRange(values)  # classes of users check when they expand
