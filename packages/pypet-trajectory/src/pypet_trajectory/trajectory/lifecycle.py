"""Going to a run, starting it, finishing it, giving it up.

A trajectory is in one of three states: at no run (``v_idx == -1``), at a run (``v_idx`` says
which; explored parameters show its values), or *in* a run (``v_is_run``; what is added now
belongs to it). Contrary to what one may expect, finishing a run does not store its results; it
removes them from memory, unless told otherwise.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pypet_trajectory.constants import STORE_DATA
from pypet_trajectory.exceptions import NotInRunError, PypetValueError
from pypet_trajectory.logger import logger_of
from pypet_trajectory.naming.wildcards import RUN_WILDCARD
from pypet_trajectory.trajectory import persistence, settings
from pypet_trajectory.tree.root import set_origin

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound="Trajectory")

#: One value in a parameter summary is cut so that it is shorter than this.
_MAX_VALUE_LENGTH = 512


# -------------------------------------------------------------------- being at a run


def set_run(traj: Trajectory, name_or_idx: str | int | None) -> None:
    """Go to a run: ``v_idx``, ``v_crun`` and all explored parameters follow.

    Raises
    ------
    PypetKeyError
        If there is no such run; nothing has changed then.
    """
    if name_or_idx in (None, -1, traj.v_runs.wildcards.translate(RUN_WILDCARD, -1)):
        restore_default(traj)
        return
    idx = traj.v_runs.names.resolve(name_or_idx)
    traj.v_runs.go_to(idx)
    set_explored_parameters(traj, idx)


def set_explored_parameters(traj: Trajectory, idx: int) -> None:
    """Let every loaded explored parameter show its value of run `idx`."""
    for full_name, parameter in traj.v_exploration.parameters.items():
        if parameter is None:
            continue
        if parameter.f_has_range():
            parameter._set_parameter_access(idx)
        else:
            logger_of(traj).warning(
                "Explored parameter `%s` has no range in memory, so it does not follow to run "
                "%d. Load its data first.",
                full_name,
                idx,
            )


def restore_default(traj: Trajectory) -> None:
    """Leave the run context; explored parameters show their defaults again."""
    traj.v_runs.leave()
    for parameter in traj.v_exploration.loaded():
        parameter._restore_default()


def iter_runs(
    traj: Trajectory, start: int, stop: int | None, step: int, yields: str
) -> Iterator[Any]:
    """Go to one run after the other; see :meth:`Trajectory.f_iter_runs`."""
    views: dict[str, Callable[[], Any]] = {
        "name": lambda: traj.v_crun,
        "idx": lambda: traj.v_idx,
        "self": lambda: traj,
        "copy": lambda: copy.copy(traj),
    }
    if not isinstance(yields, str) or yields.lower() not in views:
        raise PypetValueError(
            f"`yields` must be one of {', '.join(map(repr, views))}, not {yields!r}."
        )
    view = views[yields.lower()]
    stop = len(traj) if stop is None else stop
    if stop > len(traj):
        raise PypetValueError(
            f"`stop={stop}` lies beyond the {len(traj)} runs of trajectory `{traj.v_name}`."
        )
    for idx in range(start, stop, step):
        _check_at_no_started_run(traj)
        set_run(traj, idx)
        yield view()
    _check_at_no_started_run(traj)
    restore_default(traj)


def _check_at_no_started_run(traj: Trajectory) -> None:
    if traj.v_runs.inside:
        raise NotInRunError(
            f"Cannot go on to the next run: trajectory `{traj.v_name}` is in the middle of "
            f"`{traj.v_runs.name}`. Call `f_finalize_run` first."
        )


# --------------------------------------------------------------------- one run's life


def start_run(traj: T, idx: str | int | None = None, turn_into_run: bool = True) -> T:
    """Start a run; returns the trajectory. Does nothing if one has been started already.

    Parameters
    ----------
    traj : Trajectory
        Set to the run if `idx` is not given.
    idx : str or int, optional
        Which run.
    turn_into_run : bool
        Whether to enter run mode.

    Raises
    ------
    PypetValueError
        If it is not clear which run.
    """
    if traj.v_runs.started:
        return traj
    if idx is not None:
        set_run(traj, idx)
    if traj.v_runs.idx < 0:
        raise PypetValueError(
            "No run to start: pass its name or index, or go to it with `f_set_crun` first."
        )
    traj.v_runs.new_nodes.clear()
    traj.v_runs.new_links.clear()
    traj.v_runs.times_before = traj.v_runs.table.time_stamps(traj.v_runs.idx)
    traj.v_runs.table.set(traj.v_runs.idx, timestamp=time.time())
    traj.v_runs.started = True
    traj.v_runs.inside = bool(turn_into_run)
    return traj


def finalize_run(traj: T, completed: bool = True, clean_up: bool = True) -> T:
    """Finish the current run: write its row, remove what it added, leave run mode.

    The trajectory stays at the run. Does nothing if no run was started.

    Parameters
    ----------
    traj : Trajectory
        In a run.
    completed : bool
        Whether the run counts as done.
    clean_up : bool
        Whether to remove the nodes and links added during the run from memory.
    """
    if not traj.v_runs.started:
        return traj
    finish = time.time()
    traj.v_runs.table.set(
        traj.v_runs.idx,
        finish_timestamp=finish,
        completed=int(completed),
        parameter_summary=parameter_summary(traj),
        short_environment_hexsha=short_hexsha(traj),
    )
    _leave_run(traj, clean_up)
    return traj


def end_run(traj: T, store_meta_data: bool, clean_up: bool) -> T:
    """Finish the current run and store the run table; see :meth:`Trajectory.f_finalize_run`."""
    if traj.v_runs.started:
        finalize_run(traj, clean_up=clean_up)
        if store_meta_data:
            persistence.store(traj, only_init=True, store_data=STORE_DATA, max_depth=None)
    return traj


def abandon_run(traj: T) -> T:
    """Give the current run up, as if it had never started, so that the trajectory is usable.

    What it added is removed from memory, its row is as it was before.
    """
    if traj.v_runs.started:
        traj.v_runs.table.set(traj.v_runs.idx, **traj.v_runs.times_before)
        _leave_run(traj, clean_up=True)
    return traj


def _leave_run(traj: Trajectory, clean_up: bool) -> None:
    # Run mode ends first: should removing fail, the trajectory is usable all the same.
    in_run = traj.v_runs.inside
    traj.v_runs.inside = False
    traj.v_runs.started = False
    if in_run and clean_up:
        remove_new_nodes(traj)


def remove_new_nodes(traj: Trajectory) -> None:
    """Remove what was added since the run started: links first, then nodes with all below."""
    for (_, name), (parent, _target) in list(traj.v_runs.new_links.items()):
        if name in parent.v_children.links:
            parent.f_remove_link(name)
    for (_, name), (parent, child) in list(traj.v_runs.new_nodes.items()):
        # What is below a node that was removed is gone already.
        if parent.v_children.get(name) is child:
            parent.f_remove_child(name, recursive=True)
    traj.v_runs.new_nodes.clear()
    traj.v_runs.new_links.clear()


def short_hexsha(traj: Trajectory) -> str:
    """First seven digits of the environment's hexsha, ``'N/A'`` without environment."""
    hexsha = traj.v_environment_hexsha
    return "N/A" if hexsha is None else hexsha[:7]


def parameter_summary(traj: Trajectory) -> str:
    """Current values of the explored parameters in one line: ``x: 3,   y: 0.5``."""
    text = ""
    for full_name, parameter in traj.v_exploration.parameters.items():
        if parameter is None:
            continue
        name = parameter.v_name
        value = parameter.f_val_to_str()
        if len(value) >= _MAX_VALUE_LENGTH:
            value = value[: _MAX_VALUE_LENGTH - 3] + "..."
        entry = f"{full_name if name in text else name}: {value}"
        text = f"{text},   {entry}" if text else entry
    return text


# ------------------------------------------------------------------- around all runs


def prepare_experiment(traj: Trajectory) -> None:
    """Last checks before the first run: no presets left over, parameters locked.

    Raises
    ------
    PresettingError
        If a parameter was preset and never added.
    """
    settings.check_none_left(traj)
    lock_filled(traj.v_index.branches["parameters"])
    lock_filled(traj.v_index.branches["derived_parameters"])


def set_environment(traj: Trajectory, name: str, hexsha: str) -> None:
    """Let a trajectory know by which environment it is run."""
    set_origin(traj, environment_name=name, environment_hexsha=hexsha)


def lock_filled(parameters: Mapping[str, Any]) -> None:
    """Lock those parameters that hold a value."""
    for parameter in parameters.values():
        if not parameter.f_is_empty():
            parameter.f_lock()


def manual_run(
    turn_into_run: bool = True, store_meta_data: bool = True, clean_up: bool = True
) -> Callable[[F], F]:
    """Decorate a run function so that it can also be called without an environment.

    Parameters
    ----------
    turn_into_run : bool
        Whether the trajectory enters run mode.
    store_meta_data : bool
        Whether the run table is stored after the run.
    clean_up : bool
        Whether what the run added is removed from memory afterwards.

    Notes
    -----
    Within an environment the decorator does nothing. If the function raises, the run is given
    up: nothing of it stays in memory and it does not count as completed.

    Examples
    --------
    >>> from pypet_trajectory import Trajectory, manual_run
    >>> @manual_run(store_meta_data=False)
    ... def square(traj):
    ...     return traj.x**2
    >>> traj = Trajectory("squares")
    >>> _ = traj.f_add_parameter("x", 1)
    >>> traj.f_explore({"x": [2, 3]})
    >>> [square(traj) for _ in traj.f_iter_runs()]
    [4, 9]
    >>> traj.f_is_completed()
    True
    """

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def run(traj: Any, *args: Any, **kwargs: Any) -> Any:
            if traj.v_runs.by_environment:
                return func(traj, *args, **kwargs)
            traj.f_start_run(turn_into_run=turn_into_run)
            try:
                result = func(traj, *args, **kwargs)
            except BaseException:
                abandon_run(traj)
                raise
            traj.f_finalize_run(store_meta_data=store_meta_data, clean_up=clean_up)
            return result

        return run  # type: ignore[return-value]

    return decorate
