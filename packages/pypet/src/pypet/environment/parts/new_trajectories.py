"""What only new trajectories get, tried before anything is created: classes and wildcards.

A class that cannot be found again would be noticed when the trajectory is loaded, and a wildcard
function without a dummy name when the first result is added: both after the experiment has begun.
Dotted paths are not imported here, for the module may be the very one that is being imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pypet.environment.arguments.misuse import (
    EnvironmentArgumentError,
    EnvironmentArgumentTypeError,
    refuse_if,
    shown,
)
from pypet_trajectory.tree.nodes import NNTreeNode

#: The index for which a wildcard function gives its dummy name.
NO_RUN = -1


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
    refuse_if(
        len(parts) < 2 or not all(part.isidentifier() for part in parts),
        "dynamic_imports names classes by dotted paths such as 'package.module.MyParameter', but "
        f"one of them is {shown(path)}.",
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
