"""What an environment writes about itself below ``config.environment.<name>``.

:func:`entries_for` says which entries there are, as plain data; :func:`add_entries` puts them
into the trajectory. Entries are locked at once, except the times of a run call, which later
calls replace. Several environments of one trajectory never share an entry.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from pypet.environment.arguments import ROWS, EnvironmentArguments
from pypet.environment.parts.identity import Identity
from pypet_trajectory import constants
from pypet_trajectory.runs.table import format_runtime

GROUP_COMMENT = "One group for each environment that ran this trajectory"
RUNS_BEGUN = "runs_begun"


def entries_for(
    arguments: EnvironmentArguments, identity: Identity, trajectory: Any
) -> Iterator[tuple[str, Any, str]]:
    """Name, value and comment of everything that is known when an environment has been built."""
    if arguments.do_single_runs:
        yield from _of_arguments(arguments, about_runs=True)
    yield "trajectory.name", trajectory.v_name, "Name of the trajectory"
    created = "Creation of the trajectory, epoch seconds"
    yield "trajectory.timestamp", trajectory.v_timestamp, created
    yield "timestamp", identity.timestamp, "Creation of the environment, epoch seconds"
    yield "hexsha", identity.hexsha, "SHA-1 that identifies the environment"
    yield from _of_arguments(arguments, about_runs=False)
    script = main_script()
    if script is not None:
        yield "script", script, "Main script that was executed"
    for package, version in installed_versions().items():
        yield f"versions.{package}", version, "Version in use; N/A if not installed"


def _of_arguments(a: EnvironmentArguments, about_runs: bool) -> Iterator[tuple[str, Any, str]]:
    """Arguments as the table says: about runs those that apply, the others always."""
    for name, row in ROWS.items():
        entry = row.entry
        if entry is None or (entry.when is not None) != about_runs:
            continue
        if entry.when is None or entry.when(a):
            value = getattr(a, name)
            value = entry.instead_of_none if value is None else value
            yield entry.name or name, value, entry.comment or row.about


def main_script() -> str | None:
    """Absolute path of the main script, ``None`` in an interactive session."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return None if path is None else os.path.abspath(path)


def installed_versions() -> dict[str, str]:
    """Versions of the packages that may influence results, none of them imported for it."""
    versions = dict(constants.versions_to_store())
    tables = sys.modules.get("tables")
    if tables is not None:
        versions["HDF5"] = str(tables.hdf5_version)
    return versions


def add_entries(arguments: EnvironmentArguments, identity: Identity, trajectory: Any) -> None:
    """Add all entries below the group of the environment and lock them."""
    for name, value, comment in entries_for(arguments, identity, trajectory):
        _add_locked(trajectory, f"environment.{identity.name}.{name}", value, comment)
    group = trajectory.f_get("config.environment")
    if not group.v_comment:
        group.v_comment = GROUP_COMMENT


def note_beginning(trajectory: Any, name: str) -> list[Any]:
    """Note how many runs there are when runs begin; returns a leaf that was stored before.

    If the process dies, this is how others know that these runs may have been tried.
    """
    full_name = f"config.environment.{name}.{RUNS_BEGUN}"
    if not trajectory.f_contains(full_name, shortcuts=False):
        comment = "Number of runs that were there when runs began"
        _add_locked(trajectory, f"environment.{name}.{RUNS_BEGUN}", len(trajectory), comment)
        return []
    leaf = trajectory.f_get(full_name, shortcuts=False)
    if leaf.f_get() == len(trajectory):
        return []
    leaf.f_unlock()
    leaf.f_set(len(trajectory))
    leaf.f_lock()
    return [leaf]


def runs_begun(trajectory: Any, name: str) -> int:
    """How many runs there were when environments other than the one called `name` began.

    0 if none of them noted it.
    """
    if not trajectory.f_contains("config.environment", shortcuts=False):
        return 0
    groups = trajectory.f_get("config.environment", shortcuts=False).f_get_children()
    leaves = [
        group.f_get(RUNS_BEGUN, shortcuts=False)
        for group_name, group in groups.items()
        if group_name != name
        and not group.v_is_leaf
        and group.f_contains(RUNS_BEGUN, shortcuts=False)
    ]
    for leaf in leaves:
        if leaf.f_is_empty():
            trajectory.f_load_item(leaf, load_data=constants.LOAD_DATA)
    return max((leaf.f_get() for leaf in leaves), default=0)


def note_expansion(trajectory: Any, name: str) -> None:
    """Note that post-processing enlarged the trajectory."""
    _add_flag(trajectory, name, "postproc_expand", "Whether post-processing added runs")


def note_resumption(trajectory: Any, name: str) -> None:
    """Note that runs were resumed after a crash."""
    _add_flag(trajectory, name, "resumed", "Whether a crashed experiment was resumed")


def _add_flag(trajectory: Any, name: str, flag: str, comment: str) -> None:
    full_name = f"environment.{name}.{flag}"
    if not trajectory.f_contains(f"config.{full_name}", shortcuts=False):
        _add_locked(trajectory, full_name, True, comment)


def note_times(trajectory: Any, name: str, start_timestamp: float) -> list[Any]:
    """Write when the runs of an environment began and ended; returns the changed leaves.

    The start stays what it was at the first call. Finish and run time are replaced by later
    calls, so that idle time between two calls counts as run time.
    """
    finish_timestamp = time.time()
    values = {
        "start_timestamp": (start_timestamp, "Beginning of the first run, epoch seconds"),
        "finish_timestamp": (finish_timestamp, "End of the last run, epoch seconds"),
        "runtime": (
            format_runtime(finish_timestamp - start_timestamp),
            "Time from the beginning of the first to the end of the last run",
        ),
    }
    changed = []
    for entry, (value, comment) in values.items():
        full_name = f"config.environment.{name}.{entry}"
        if not trajectory.f_contains(full_name, shortcuts=False):
            leaf = trajectory.f_add_config(f"environment.{name}.{entry}", value, comment=comment)
        else:
            leaf = trajectory.f_get(full_name, shortcuts=False)
            if leaf.f_get() == value:
                continue
            leaf.f_unlock()
            leaf.f_set(value)
        changed.append(leaf)
    return changed


def note_wildcards(trajectory: Any, name: str) -> None:
    """Write down the wildcard functions, so that names in the file can be explained later."""
    base = f"environment.{name}.wildcards"
    if trajectory.f_contains(f"config.{base}", shortcuts=False):
        return
    for number, (wildcards, function) in enumerate(trajectory.v_runs.wildcards.functions.items()):
        group = f"{base}.function_{number}"
        for position, wildcard in enumerate(wildcards):
            _add_locked(trajectory, f"{group}.wildcard_{position}", wildcard, "Wildcard symbol")
        _add_locked(
            trajectory,
            f"{group}.name",
            getattr(function, "__name__", type(function).__name__),
            "Name of the wildcard function",
        )
        if getattr(function, "__doc__", None):
            _add_locked(
                trajectory, f"{group}.doc", function.__doc__, "Docstring of the wildcard function"
            )
        source = _source(function)
        if source:
            _add_locked(
                trajectory, f"{group}.source", source, "Source code of the wildcard function"
            )


def _add_locked(trajectory: Any, name: str, value: Any, comment: str) -> None:
    trajectory.f_add_config(name, value, comment=comment).f_lock()


def _source(function: Any) -> str:
    import inspect

    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        # Functions made in an interactive session, builtins and callable objects have none.
        return ""
