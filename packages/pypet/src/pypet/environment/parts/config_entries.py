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
from dataclasses import dataclass
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.parts.identity import Identity
from pypet_trajectory import constants
from pypet_trajectory.runs.table import format_runtime

GROUP_COMMENT = "One group for each environment that ran this trajectory"
RUNS_BEGUN = "runs_begun"


@dataclass(frozen=True)
class Entry:
    """One value to write down."""

    name: str
    value: Any
    comment: str


def entries_for(
    arguments: EnvironmentArguments, identity: Identity, trajectory: Any, url: str | None
) -> Iterator[Entry]:
    """All entries that are known when an environment has been built."""
    if arguments.do_single_runs:
        yield from _ways_to_run(arguments, url)
    yield Entry("trajectory.name", trajectory.v_name, "Name of the trajectory")
    yield Entry(
        "trajectory.timestamp", trajectory.v_timestamp, "Creation of the trajectory, epoch seconds"
    )
    yield Entry("timestamp", identity.timestamp, "Creation of the environment, epoch seconds")
    yield Entry("hexsha", identity.hexsha, "SHA-1 that identifies the environment")
    yield Entry(
        "automatic_storing",
        arguments.automatic_storing,
        "Whether runs and trajectory are stored without being asked",
    )
    script = main_script()
    if script is not None:
        yield Entry("script", script, "Main script that was executed")
    for package, version in installed_versions().items():
        yield Entry(f"versions.{package}", version, "Version in use; N/A if not installed")


def _ways_to_run(a: EnvironmentArguments, url: str | None) -> Iterator[Entry]:
    yield Entry("multiproc", a.multiproc, "Whether runs are spread over processes")
    if a.multiproc:
        yield from _multiprocessing(a, url)
    yield Entry("clean_up_runs", a.clean_up_runs, "Whether run data leaves memory after a run")
    yield Entry("resumable", a.resumable, "Whether files for resuming are written")
    yield Entry("graceful_exit", a.graceful_exit, "Whether the first SIGINT lets runs finish")


def _multiprocessing(a: EnvironmentArguments, url: str | None) -> Iterator[Entry]:
    yield Entry("use_pool", a.use_pool, "Whether a fixed pool of processes computes the runs")
    yield Entry("use_scoop", a.use_scoop, "Whether SCOOP distributes the runs")
    if a.niceness is not None:
        yield Entry("niceness", a.niceness, "Least niceness of the processes")
    if a.use_pool:
        yield Entry(
            "freeze_input", a.freeze_input, "Whether workers reuse one trajectory for all runs"
        )
    elif not a.use_scoop:
        yield Entry("cpu_cap", a.cpu_cap, "CPU usage in percent above which no run is started")
        yield Entry(
            "memory_cap",
            (a.memory_cap[0], a.memory_cap[1]),
            "RAM usage in percent above which no run is started; expected MB per process or 0",
        )
        yield Entry("swap_cap", a.swap_cap, "Swap usage in percent above which no run is started")
        yield Entry(
            "immediate_postprocessing",
            a.immediate_postproc,
            "Whether post-processing begins while the last runs are computed",
        )
    yield Entry("ncores", a.ncores, "Number of processes")
    yield Entry("wrap_mode", a.wrap_mode, "How data of concurrent runs reaches the storage")
    if a.wrap_mode in (constants.WRAP_MODE_QUEUE, constants.WRAP_MODE_PIPE):
        yield Entry("queue_maxsize", a.queue_maxsize, "Messages waiting at most; 0 for no limit")
    if a.wrap_mode == constants.WRAP_MODE_NETLOCK and url is not None:
        yield Entry("url", url, "Address of the lock server")
    if a.wrap_mode == constants.WRAP_MODE_NETLOCK or a.use_scoop:
        yield Entry(
            "timeout",
            -1.0 if a.timeout is None else a.timeout,
            "Seconds after which a lock or a run is given up; -1.0 for never",
        )
    if a.gc_interval is not None and a.wrap_mode in (
        constants.WRAP_MODE_LOCAL,
        constants.WRAP_MODE_QUEUE,
        constants.WRAP_MODE_PIPE,
    ):
        yield Entry("gc_interval", a.gc_interval, "Runs or messages between garbage collections")


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


def add_entries(trajectory: Any, name: str, entries: Iterator[Entry]) -> None:
    """Add `entries` below the group of the environment called `name` and lock them."""
    base = f"environment.{name}"
    for entry in entries:
        full_name = f"{base}.{entry.name}"
        _add_locked(trajectory, full_name, entry.value, entry.comment)
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
