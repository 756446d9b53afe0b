"""The trajectory of an environment: a new one from a name, or the one it is given.

What only new trajectories get is tried before anything is created. A class that cannot be found
again would be noticed when the trajectory is loaded, and a wildcard function without a dummy name
when the first result is added: both after the experiment has begun. Dotted paths are not imported
here, for the module may be the very one that is being imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.arguments.kinds import (
    EnvironmentArgumentError,
    EnvironmentArgumentTypeError,
    shown,
)
from pypet_trajectory.exceptions import NotInRunError, PypetAttributeError, PypetTypeError
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.nodes import NNTreeNode

#: The index for which a wildcard function gives its dummy name.
NO_RUN = -1


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


def check_dynamic_imports(dynamic_imports: Any) -> None:
    """Refuse what cannot be a class of nodes, nor the dotted path of one.

    Raises
    ------
    EnvironmentArgumentTypeError
        If something is neither a class of nodes nor a text.
    EnvironmentArgumentError
        If a text is no dotted path, or there is no such package.
    """
    if dynamic_imports is None:
        return
    is_one = isinstance(dynamic_imports, (str, type)) or not isinstance(dynamic_imports, Iterable)
    for item in [dynamic_imports] if is_one else list(dynamic_imports):
        if isinstance(item, str):
            _check_path(item)
        elif not (isinstance(item, type) and issubclass(item, NNTreeNode)):
            raise EnvironmentArgumentTypeError(
                "dynamic_imports are classes of parameters, results or groups, or dotted paths "
                f"of such classes, but one of them is {shown(item)}."
            )


def _check_path(path: str) -> None:
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise EnvironmentArgumentError(
            "dynamic_imports names classes by dotted paths such as 'package.module.MyParameter', "
            f"but one of them is {shown(path)}."
        )
    package = parts[0]
    if package not in sys.modules and importlib.util.find_spec(package) is None:
        raise EnvironmentArgumentError(
            f"dynamic_imports has the path {path!r}, but there is no package {package!r}. Check "
            "the spelling, or from where the script was started."
        )


def check_dummy_names(wildcard_functions: Mapping[Any, Any] | None) -> None:
    """Refuse wildcard functions that do not know the index that means no particular run.

    Raises
    ------
    EnvironmentArgumentError
        If a function fails for it.
    EnvironmentArgumentTypeError
        If a function returns something else than a name.
    """
    for synonyms, function in (wildcard_functions or {}).items():
        try:
            dummy = function(NO_RUN)
        except Exception as error:
            raise EnvironmentArgumentError(
                f"The wildcard function of {shown(synonyms)} must return a dummy name for index "
                f"{NO_RUN}, which means no particular run, but raises {error!r}."
            ) from error
        if not isinstance(dummy, str) or not dummy:
            raise EnvironmentArgumentTypeError(
                f"The wildcard function of {shown(synonyms)} must return a name, but for index "
                f"{NO_RUN}, which means no particular run, it returns {shown(dummy)}."
            )
