"""The trajectory of an environment: a new one from a name, or the one it is given."""

from __future__ import annotations

from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.parts.new_trajectories import check_dummy_names, check_dynamic_imports
from pypet_trajectory.exceptions import NotInRunError, PypetAttributeError, PypetTypeError
from pypet_trajectory.trajectory import Trajectory


class NoTrajectoryError(PypetTypeError, PypetAttributeError):
    """What was passed as trajectory is none; pypet 0.7 raised an AttributeError."""


def trajectory_for(arguments: EnvironmentArguments) -> tuple[Any, bool]:
    """The trajectory and whether it is new.

    Comment, dynamic imports, wildcard functions and the time in the name are for new
    trajectories only. A new one has no storage service yet.

    Raises
    ------
    ValueError
        If the name is no valid one, wildcard functions clash or fail, or dynamic imports are in
        no package.
    TypeError
        If dynamic imports are neither classes of nodes nor names, wildcards have no functions,
        or `trajectory` is something else, or in the middle of a run.
    """
    given = arguments.trajectory
    if isinstance(given, str):
        check_dynamic_imports(arguments.dynamic_imports)
        trajectory = Trajectory(
            given,
            add_time=arguments.add_time,
            comment=arguments.comment,
            dynamic_imports=arguments.dynamic_imports,
            wildcard_functions=arguments.wildcard_functions,
        )
        check_dummy_names(arguments.wildcard_functions)
        return trajectory, True
    if not isinstance(given, Trajectory):
        raise NoTrajectoryError(
            "trajectory is the name of a new trajectory or an existing Trajectory, but is "
            f"{given!r}."
        )
    if given.v_is_run:
        raise NotInRunError(
            f"An environment cannot be made around the trajectory {given.v_name!r} while it is "
            f"in {given.v_crun!r}. Make it outside of the run function, or around another "
            "trajectory."
        )
    return given, False
