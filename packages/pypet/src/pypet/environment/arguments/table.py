"""The arguments of an environment, one row each: all that is known of them is said here.

A row says what an argument is about, its default, what it may be, when it is without effect and
what is written down about it. Checking has no side effects: a caller that misuses the constructor
finds no folder, no log file, no commit and no half-made trajectory. First each argument must be of
its own kind, then all of them must fit together. Arguments that are set and have no effect are no
errors, because scripts switch between ways to run by one argument, but the log says so; pypet 0.7
took them silently. To add an argument, add a row, and the argument to the signature of
:class:`~pypet.Environment`, which is written out for those who read it.
"""

# ruff: noqa: RUF009 (rows are fields)

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pypet.environment.arguments import rules as r
from pypet.environment.arguments.kinds import (
    NUMBER,
    PATH,
    SECONDS,
    SWITCH,
    TEXT,
    WHOLE_NUMBER,
    Kind,
    cap_and_estimate,
    limited,
)
from pypet.environment.arguments.packages import optional_package
from pypet_trajectory import constants

#: What stores a trajectory if nothing is said: a name, for PyTables takes time to import.
DEFAULT_SERVICE = "pypet.HDF5StorageService"

#: Wrap modes with a place where garbage can be collected.
_COLLECTING = ("LOCAL", "QUEUE", "PIPE", "NETQUEUE")


@dataclass(frozen=True)
class Entry:
    """What is written down about an argument below ``config.environment.<name>``."""

    #: When it is, if runs are done at all; always, if there is no condition.
    when: Callable[[EnvironmentArguments], Any] | None = None
    #: Name in the trajectory, if it is not that of the argument.
    name: str = ""
    #: Comment in the trajectory, if it is not what the row says.
    comment: str = ""
    #: What stands for ``None``.
    instead_of_none: Any = None


@dataclass(frozen=True)
class Row:
    """One argument."""

    #: What it is about, in one line.
    about: str
    #: What it may be by itself; if ``None``, something else checks it.
    kind: Kind | None
    #: What it means together with others, with packages and with the system; of which values of its
    #: kind it may have a further kind says.
    checks: tuple[Kind | Callable[[EnvironmentArguments], None], ...] = ()
    #: Brings what callers write into the one form that everything else gets.
    convert: Callable[[Any], Any] | None = None
    #: The value, in place of one that stands for "you choose".
    choose: Callable[[EnvironmentArguments], Any] | None = None
    #: When it is without effect, and what the log says then if it is set.
    idle: tuple[Callable[[EnvironmentArguments], Any], str] | None = None
    #: What is written down about it.
    entry: Entry | None = None


def _row(default: Any, about: str, kind: Kind | None = None, *checks: Any, **columns: Any) -> Any:
    return field(default=default, metadata={"row": Row(about, kind, checks, **columns)})


def _fixed_processes(a: EnvironmentArguments) -> bool:
    return a.uses_processes and bool(a.worker_argument)


_SECONDS = SECONDS.or_none()
_TIME = limited("is a time in seconds above 0, or None for no limit", lambda s: 0 < s < math.inf)
_METHODS = multiprocessing.get_all_start_methods()
_ERROR_RULES = ("raise", "continue")
_IDLE_CAP = (
    "has no effect: a process is started for each run only if neither use_pool, use_scoop nor "
    "executor is set."
)
_NO_GIT = (lambda a: a.git_repository is None, "has no effect without git_repository.")
_NO_SUMATRA = (lambda a: a.sumatra_project is None, "has no effect without sumatra_project.")
_RUNS = Entry(lambda a: True)
_PROCESSES = Entry(lambda a: a.multiproc)
_PROCESS_PER_RUN = Entry(lambda a: a.multiproc and not (a.use_pool or a.use_scoop))


@dataclass(frozen=True)
class EnvironmentArguments:
    """Arguments of an environment, in the order in which they are written down."""

    # fmt: off
    trajectory: Any = _row("trajectory", "Name of a new trajectory, or an existing one")
    add_time: bool = _row(False, "Whether the time is appended to the name of a new one", SWITCH)
    comment: str = _row("", "Comment of a new trajectory", TEXT)
    dynamic_imports: Any = _row(None, "Classes of the user's own, for a new trajectory")
    wildcard_functions: Any = _row(None, "Wildcards to functions from run index to name")

    log_config: Any = _row("DEFAULT", "Logging configuration; None leaves logging alone")
    log_stdout: Any = _row(False, "Logger and level for what is printed")
    report_progress: Any = _row((5, "pypet", 20), "Steps in percent, logger and level of reports")

    multiproc: bool = _row(False, "Whether runs are spread over processes", SWITCH, entry=_RUNS)
    use_pool: bool = _row(
        False, "Whether a fixed pool of processes computes the runs", SWITCH,
        r.IMMEDIATE, r.ONE_WAY, r.FREEZING, entry=_PROCESSES,
    )
    use_scoop: bool = _row(
        False, "Whether SCOOP distributes the runs", SWITCH,
        r.IMMEDIATE, r.ONE_WAY, r.SCOOP, r.SCOOP_WRAPPING, r.FREEZING, r.SIGNALS,
        entry=_PROCESSES,
    )
    niceness: int | None = _row(
        None, "Least niceness of the processes", WHOLE_NUMBER.or_none(), r.RENICING, r.NICENESS,
        entry=Entry(lambda a: a.multiproc and a.niceness is not None),
    )
    freeze_input: bool = _row(
        False, "Whether workers reuse one trajectory for all runs", SWITCH, r.FREEZING,
        entry=Entry(lambda a: a.multiproc and a.use_pool),
    )
    cpu_cap: float = _row(
        100.0, "CPU usage in percent above which no run is started", NUMBER, r.CPU_CAP, r.CAPS,
        idle=(lambda a: a.cpu_cap < 100 and _fixed_processes(a), _IDLE_CAP),
        entry=_PROCESS_PER_RUN,
    )
    memory_cap: Any = _row(
        100.0, "RAM usage in percent above which no run is started; expected MB per process or 0",
        None, r.MEMORY_CAP, r.ESTIMATE, r.CAPS,
        convert=cap_and_estimate,
        idle=(lambda a: a.memory_cap[0] < 100 and _fixed_processes(a), _IDLE_CAP),
        entry=_PROCESS_PER_RUN,
    )
    swap_cap: float = _row(
        100.0, "Swap usage in percent above which no run is started", NUMBER, r.SWAP_CAP, r.CAPS,
        idle=(lambda a: a.swap_cap < 100 and _fixed_processes(a), _IDLE_CAP),
        entry=_PROCESS_PER_RUN,
    )
    immediate_postproc: bool = _row(
        False, "Whether post-processing begins while the last runs are computed", SWITCH,
        r.IMMEDIATE, entry=replace(_PROCESS_PER_RUN, name="immediate_postprocessing"),
    )
    ncores: int = _row(
        1, "Number of processes", WHOLE_NUMBER, r.NCORES, r.ALL_CORES,
        choose=lambda a: optional_package("psutil").cpu_count() if a.ncores == 0 else a.ncores,
        entry=_PROCESSES,
    )
    wrap_mode: str = _row(
        "LOCK", "How data of concurrent runs reaches the storage", None,
        r.ZMQ, r.SCOOP_WRAPPING, r.PORT, r.wrap_mode_is_one,
        convert=lambda mode: constants.WRAP_MODE_NONE if mode is None else mode,
        entry=_PROCESSES,
    )
    queue_maxsize: int = _row(
        -1, "Messages waiting at most; 0 for no limit", WHOLE_NUMBER, r.QUEUE_MAXSIZE,
        choose=lambda a: 2 * a.ncores if a.queue_maxsize == -1 else a.queue_maxsize,
        entry=Entry(lambda a: a.multiproc and a.wrap_mode in ("QUEUE", "PIPE")),
    )
    port: Any = _row(
        None, "Port, range of ports or address of the server of the network modes", None,
        r.PORT, r.port_is_one,
        entry=Entry(
            lambda a: a.multiproc and a.wrap_mode == "NETLOCK", "url", "Address of the lock server"
        ),
    )
    timeout: float | None = _row(
        None, "Seconds after which a lock or a run is given up; -1.0 for never", _SECONDS, _TIME,
        idle=(
            lambda a: a.uses_processes and a.wrap_mode != "NETLOCK" and not a.use_scoop,
            "has no effect with wrap_mode={a.wrap_mode!r}, only with NETLOCK and SCOOP; "
            "run_timeout limits runs in any mode.",
        ),
        entry=Entry(
            lambda a: a.multiproc and (a.wrap_mode == "NETLOCK" or a.use_scoop),
            instead_of_none=-1.0,
        ),
    )
    gc_interval: int | None = _row(
        None, "Runs or messages between garbage collections", WHOLE_NUMBER.or_none(), r.GC_INTERVAL,
        idle=(
            lambda a: a.uses_processes and a.wrap_mode not in _COLLECTING,
            f"has no effect with wrap_mode={{a.wrap_mode!r}}, only with {', '.join(_COLLECTING)}.",
        ),
        entry=Entry(
            lambda a: a.multiproc and a.gc_interval is not None and a.wrap_mode in _COLLECTING[:3]
        ),
    )
    clean_up_runs: bool = _row(
        True, "Whether run data leaves memory after a run", SWITCH, entry=_RUNS,
    )

    resumable: bool = _row(
        False, "Whether files for resuming are written", SWITCH, r.DILL, r.RESUMING, entry=_RUNS
    )
    resume_folder: str | None = _row(
        None, "Folder for these files, ./resume by default", PATH.or_none(),
        choose=lambda a: a.resume_folder or (os.path.abspath("resume") if a.resumable else None),
        idle=(lambda a: not a.resumable, "has no effect unless resumable=True."),
    )
    delete_resume: bool = _row(True, "Whether they are removed once all runs are done", SWITCH)

    graceful_exit: bool = _row(
        False, "Whether the first SIGINT lets runs finish", SWITCH, r.SIGNALS, entry=_RUNS
    )
    do_single_runs: bool = _row(True, "Whether runs will be executed", SWITCH)
    run_timeout: float | None = _row(
        None, "Seconds after which a run is ended and counts as failed", _SECONDS, _TIME
    )
    on_run_error: str | None = _row(
        None, "Whether an exception in a run is raised or recorded", None,
        limited(f"is one of {_ERROR_RULES} or None", lambda rule: rule in _ERROR_RULES),
    )
    retries: int = _row(
        0, "How often a failed run is tried again", WHOLE_NUMBER,
        limited("says how often a failed run is tried again, 0 or more", lambda n: n >= 0),
    )
    start_method: str | None = _row(
        None, "How processes are started", None,
        limited(f"is one of {_METHODS} on this system or None", lambda method: method in _METHODS),
    )
    executor: Any = _row(
        None, "What executes runs instead of processes of ours", None,
        r.IMMEDIATE, r.FREEZING, r.EXECUTOR, r.EXECUTOR_PROCESSES,
        Kind(
            "is an object with the interface of concurrent.futures.Executor or a function that "
            "makes one",
            lambda e: e is None or callable(getattr(e, "submit", None)) or callable(e),
            lacking=", which has no submit()",
        ),
    )
    limit_threads: bool = _row(True, "Whether libraries get no more threads than cores", SWITCH)

    git_repository: str | None = _row(
        None, "Folder with .git, whose changes are committed before runs", PATH.or_none(), r.GIT
    )
    git_message: str = _row("", "Beginning of the commit message", TEXT.or_none(), idle=_NO_GIT)
    git_fail: bool = _row(False, "Whether changes are errors instead", SWITCH, idle=_NO_GIT)
    sumatra_project: str | None = _row(
        None, "Folder of a Sumatra project, which records successful experiments", PATH.or_none(),
        r.SUMATRA, r.sumatra_project_and_label,
    )
    sumatra_reason: str = _row("", "Reason in the record", TEXT, idle=_NO_SUMATRA)
    sumatra_label: str | None = _row(
        None, "Label of the record", TEXT.or_none(), r.sumatra_project_and_label, idle=_NO_SUMATRA
    )

    storage_service: Any = _row(
        DEFAULT_SERVICE, "What stores the trajectory", None,
        Kind(
            "is a storage service, its class or the dotted path of that, True for HDF5 files or "
            "None",
            lambda service: service is None
            or isinstance(service, (bool, str))
            or all(callable(getattr(service, name, None)) for name in ("store", "load")),
            lacking=", which cannot store and load",
        ),
    )
    automatic_storing: bool = _row(
        True, "Whether runs and trajectory are stored without being asked", SWITCH, r.RESUMING,
        entry=Entry(),
    )
    lazy_debug: bool = _row(False, "Whether nothing is stored under the debugger pydevd", SWITCH)
    # fmt: on

    @property
    def worker_argument(self) -> str:
        """Which argument asks for workers that do many runs, ``''`` if none does."""
        if self.use_pool or self.use_scoop:
            return "use_pool" if self.use_pool else "use_scoop"
        return "" if self.executor is None else "executor"

    @property
    def uses_processes(self) -> bool:
        """Whether runs are done in several processes."""
        return self.multiproc and self.do_single_runs

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> EnvironmentArguments:
        """Check arguments and fill in what follows from them.

        Parameters
        ----------
        given : mapping
            Argument names to values, in the order in which their kinds are checked; names that
            are no arguments are ignored.

        Raises
        ------
        EnvironmentArgumentError, EnvironmentArgumentTypeError
            At the first rule that is broken; both also are the built-in error of their name.
        """
        values = {name: value for name, value in given.items() if name in ROWS}
        for name, value in values.items():
            kind = ROWS[name].kind
            if kind is not None:
                kind.check(name, value)
        arguments = cls(**values)
        for name, row in ROWS.items():
            if row.convert is not None:
                value = row.convert(getattr(arguments, name))
                arguments = replace(arguments, **{name: value})
        _check_rules(arguments)
        for name, row in ROWS.items():
            if row.choose is not None:
                arguments = replace(arguments, **{name: row.choose(arguments)})
        return arguments

    def idle(self) -> Iterator[str]:
        """What each argument that is set without effect would need, as sentences."""
        for name, row in ROWS.items():
            if row.idle is not None and getattr(self, name) and row.idle[0](self):
                yield f"{name} {row.idle[1].format(a=self)}"


#: The rows by the names of the arguments, as callers write them.
ROWS: Mapping[str, Row] = {
    argument.name: argument.metadata["row"] for argument in fields(EnvironmentArguments)
}


def _check_rules(a: EnvironmentArguments) -> None:
    """Check what goes beyond kinds."""
    for rule in r.CHECKED_FIRST:
        rule(a)
    for name, row in ROWS.items():
        for check in row.checks:
            if isinstance(check, Kind):
                check.check(name, getattr(a, name))
            elif check not in r.CHECKED_FIRST:
                check(a)
