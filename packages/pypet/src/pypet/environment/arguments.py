"""What an environment is given, checked before anything is created.

:class:`EnvironmentArguments` holds every argument of ``Environment(...)`` under its own name
and with the values that follow from others filled in. Checking has no side effects: whoever
misuses the constructor finds no folder, no log file, no commit and no half-made trajectory.
Pypet 0.7 made its checks in the order of :data:`RULES`, which decides what is reported if
several things are wrong at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pypet.environment.packages import DISTRIBUTIONS, optional_package
from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError, PypetValueError

#: Wrap modes in which the network carries locks or data.
NETWORK_WRAP_MODES = ("NETLOCK", "NETQUEUE")
#: Wrap modes that work where workers share no memory and perhaps no host.
SCOOP_WRAP_MODES = ("LOCAL", "NONE", "NETLOCK", "NETQUEUE")
WRAP_MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE", "NONE")
ERROR_RULES = ("raise", "continue")


class EnvironmentArgumentError(PypetValueError):
    """An argument of the environment has a value, or keeps company, that cannot be."""


class UnknownWrapModeError(EnvironmentArgumentError, PypetRuntimeError):
    """There is no such wrap mode; pypet 0.7 said so with a RuntimeError once runs began."""


class EnvironmentArgumentTypeError(PypetTypeError):
    """An argument of the environment is of a type that cannot be used."""


@dataclass(frozen=True)
class EnvironmentArguments:
    """Arguments of an environment, one field each; see :class:`Environment` for meanings."""

    trajectory: Any
    add_time: bool
    comment: str
    dynamic_imports: Any
    wildcard_functions: Any
    automatic_storing: bool
    log_config: Any
    log_stdout: Any
    report_progress: Any
    multiproc: bool
    ncores: int
    use_scoop: bool
    use_pool: bool
    freeze_input: bool
    timeout: float | None
    cpu_cap: float
    memory_cap: Any
    swap_cap: float
    niceness: int | None
    wrap_mode: str
    queue_maxsize: int
    port: Any
    gc_interval: int | None
    clean_up_runs: bool
    immediate_postproc: bool
    resumable: bool
    resume_folder: str | None
    delete_resume: bool
    storage_service: Any
    git_repository: str | None
    git_message: str
    git_fail: bool
    sumatra_project: str | None
    sumatra_reason: str
    sumatra_label: str | None
    do_single_runs: bool
    graceful_exit: bool
    lazy_debug: bool
    on_run_error: str | None
    retries: int
    run_timeout: float | None
    start_method: str | None
    executor: Any
    limit_threads: bool

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> EnvironmentArguments:
        """Check arguments and fill in what follows from them.

        Parameters
        ----------
        given : mapping
            Argument names to values; names that are no fields are ignored.

        Raises
        ------
        EnvironmentArgumentError, EnvironmentArgumentTypeError
            At the first rule that is broken; both also are the built-in error of their name.
        """
        values = {field.name: given[field.name] for field in fields(cls)}
        if values["wrap_mode"] is None:
            values["wrap_mode"] = constants.WRAP_MODE_NONE
        values["memory_cap"] = _cap_and_estimate(values["memory_cap"])
        arguments = cls(**values)
        for rule in RULES:
            rule(arguments)
        return arguments._resolved()

    def _resolved(self) -> EnvironmentArguments:
        """With counts and folders in place of the values that stand for "you choose"."""
        ncores = self.ncores
        if ncores == 0:
            ncores = optional_package("psutil").cpu_count()
        queue_maxsize = 2 * ncores if self.queue_maxsize == -1 else self.queue_maxsize
        resume_folder = self.resume_folder
        if self.resumable and resume_folder is None:
            resume_folder = os.path.join(os.getcwd(), "resume")
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values.update(ncores=ncores, queue_maxsize=queue_maxsize, resume_folder=resume_folder)
        return EnvironmentArguments(**values)


def _cap_and_estimate(memory_cap: Any) -> tuple[Any, float]:
    """``memory_cap`` as a pair: the cap and the expected size of a process in MB."""
    if not isinstance(memory_cap, (tuple, list)):
        return memory_cap, 0.0
    if len(memory_cap) == 1:
        return memory_cap[0], 0.0
    if len(memory_cap) != 2:
        raise EnvironmentArgumentError(
            "memory_cap is a percentage or a pair (percentage, MB per process), "
            f"but {memory_cap!r} has {len(memory_cap)} entries. Pass for instance (90.0, 500)."
        )
    return memory_cap[0], memory_cap[1]


# ------------------------------------------------------------------------------------ rules


def _refuse_if(broken: Any, message: str) -> None:
    if broken:
        raise EnvironmentArgumentError(message)


def _refuse_without(package: str, purpose: str) -> None:
    if optional_package(package) is None:
        raise EnvironmentArgumentError(
            f"{purpose} needs the package {DISTRIBUTIONS[package]}, which is not installed. "
            f"Install it with: pip install {DISTRIBUTIONS[package]}"
        )


def _check_git(a: EnvironmentArguments) -> None:
    if a.git_repository is not None:
        _refuse_without("git", f"git_repository={a.git_repository!r}")


def _check_dill(a: EnvironmentArguments) -> None:
    if a.resumable:
        _refuse_without("dill", "resumable=True")


def _check_sumatra(a: EnvironmentArguments) -> None:
    if a.sumatra_project is not None:
        _refuse_without("load_project", f"sumatra_project={a.sumatra_project!r}")
    if a.sumatra_label is not None:
        from pypet_vcs.sumatra import check_label

        check_label(a.sumatra_label)


def _check_zmq(a: EnvironmentArguments) -> None:
    if a.wrap_mode in NETWORK_WRAP_MODES:
        _refuse_without("zmq", f"wrap_mode={a.wrap_mode!r}")


def _check_pool_and_scoop(a: EnvironmentArguments) -> None:
    way = "use_pool" if a.use_pool else "use_scoop" if a.use_scoop else "executor"
    _refuse_if(
        a.immediate_postproc and (a.use_pool or a.use_scoop or a.executor is not None),
        f"immediate_postproc=True works with one process per run only, but {way} is set. "
        "Leave out one of the two.",
    )
    _refuse_if(
        a.use_pool and a.use_scoop,
        "use_pool=True and use_scoop=True exclude one another. Choose one way to run.",
    )
    if a.use_scoop:
        _refuse_without("scoop", "use_scoop=True")


def _check_resuming(a: EnvironmentArguments) -> None:
    _refuse_if(
        a.resumable and not a.automatic_storing,
        "resumable=True needs automatic_storing=True, for a run counts as done once it is "
        "stored, but automatic_storing is False.",
    )


def _check_scoop_wrapping(a: EnvironmentArguments) -> None:
    _refuse_if(
        a.use_scoop and a.wrap_mode not in SCOOP_WRAP_MODES,
        f"use_scoop=True needs a wrap mode out of {SCOOP_WRAP_MODES}, but wrap_mode is "
        f"{a.wrap_mode!r}. With a home directory shared by all hosts choose 'NETLOCK', "
        "else 'LOCAL' or 'NETQUEUE'.",
    )


def _check_niceness(a: EnvironmentArguments) -> None:
    if a.niceness is None:
        return
    if not isinstance(a.niceness, int):
        raise EnvironmentArgumentTypeError(
            f"niceness is a whole number or None, but is {a.niceness!r}."
        )
    if not hasattr(os, "nice"):
        _refuse_without("psutil", "niceness on a system without os.nice")


def _check_freezing(a: EnvironmentArguments) -> None:
    _refuse_if(
        a.freeze_input and not (a.use_pool or a.use_scoop or a.executor is not None),
        "freeze_input=True needs workers that live longer than one run, but neither use_pool, "
        "use_scoop nor executor is set. Set use_pool=True or leave freeze_input out.",
    )


def _check_caps(a: EnvironmentArguments) -> None:
    caps = {"cpu_cap": a.cpu_cap, "memory_cap": a.memory_cap[0], "swap_cap": a.swap_cap}
    for name, cap in caps.items():
        _check_number(name, cap)
        _refuse_if(
            not 0.0 < cap <= 100.0,
            f"{name} is a percentage above 0 and up to 100 (100 switches it off), but is {cap!r}.",
        )
    _check_number("memory_cap[1]", a.memory_cap[1])
    _refuse_if(
        a.memory_cap[1] < 0,
        f"The expected size of a process in memory_cap is in MB and not negative, but is "
        f"{a.memory_cap[1]!r}.",
    )
    if any(cap < 100.0 for cap in caps.values()):
        _refuse_without("psutil", "A cap below 100")


def _check_number(name: str, value: Any) -> None:
    if not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        raise EnvironmentArgumentTypeError(f"{name} is a number, but is {value!r}.")


def _check_ncores(a: EnvironmentArguments) -> None:
    if not hasattr(a.ncores, "__index__"):
        raise EnvironmentArgumentTypeError(f"ncores is a whole number, but is {a.ncores!r}.")
    _refuse_if(
        a.ncores < 0,
        f"ncores is the number of processes, or 0 for all cores, but is {a.ncores!r}.",
    )
    if a.ncores == 0:
        _refuse_without("psutil", "ncores=0 (all cores)")


def _check_port(a: EnvironmentArguments) -> None:
    if a.port is None:
        return
    _refuse_if(
        a.wrap_mode not in NETWORK_WRAP_MODES,
        f"port is for the wrap modes {NETWORK_WRAP_MODES}, but wrap_mode is {a.wrap_mode!r} "
        f"and port is {a.port!r}. Leave port out or change the wrap mode.",
    )
    is_range = isinstance(a.port, (tuple, list)) and len(a.port) == 2
    if not (isinstance(a.port, (int, str)) or is_range):
        raise EnvironmentArgumentTypeError(
            "port is a number, a pair (lowest, highest) or an address such as "
            f"'tcp://127.0.0.1:7777', but is {a.port!r}."
        )


def _check_signals(a: EnvironmentArguments) -> None:
    _refuse_if(
        a.use_scoop and a.graceful_exit,
        "graceful_exit=True cannot stop workers of SCOOP, but use_scoop is set. "
        "Leave out one of the two.",
    )


def _check_wrap_mode(a: EnvironmentArguments) -> None:
    if a.wrap_mode not in WRAP_MODES:
        raise UnknownWrapModeError(
            f"wrap_mode is one of {WRAP_MODES} or None, but is {a.wrap_mode!r}."
        )


def _check_counts(a: EnvironmentArguments) -> None:
    _refuse_if(
        a.queue_maxsize < -1,
        f"queue_maxsize is a number of messages, 0 for no limit or -1 for twice the number of "
        f"processes, but is {a.queue_maxsize!r}.",
    )
    _refuse_if(
        a.gc_interval is not None and a.gc_interval < 1,
        f"gc_interval is a number of runs or messages from 1 on, or None for never, but is "
        f"{a.gc_interval!r}.",
    )
    for name in ("timeout", "run_timeout"):
        seconds = getattr(a, name)
        _refuse_if(
            seconds is not None and seconds <= 0,
            f"{name} is a time in seconds above 0, or None for no limit, but is {seconds!r}.",
        )


def _check_failures(a: EnvironmentArguments) -> None:
    _refuse_if(
        a.on_run_error is not None and a.on_run_error not in ERROR_RULES,
        f"on_run_error is one of {ERROR_RULES} or None, but is {a.on_run_error!r}.",
    )
    _refuse_if(
        not hasattr(a.retries, "__index__") or a.retries < 0,
        f"retries says how often a failed run is tried again, 0 or more, but is {a.retries!r}.",
    )


def _check_start_method(a: EnvironmentArguments) -> None:
    if a.start_method is None:
        return
    import multiprocessing

    known = multiprocessing.get_all_start_methods()
    _refuse_if(
        a.start_method not in known,
        f"start_method is one of {known} on this system or None, but is {a.start_method!r}.",
    )
    _refuse_if(
        a.wrap_mode == constants.WRAP_MODE_PIPE and a.start_method != "fork",
        f"wrap_mode 'PIPE' relies on forking, but start_method is {a.start_method!r}. "
        "Choose 'QUEUE' or 'LOCAL' instead.",
    )


def _check_executor(a: EnvironmentArguments) -> None:
    if a.executor is None:
        return
    _refuse_if(
        a.use_pool or a.use_scoop,
        "executor brings its own workers and excludes use_pool and use_scoop. "
        "Leave out one of the two.",
    )
    _refuse_if(not a.multiproc, "executor needs multiproc=True, but multiproc is False.")
    if not (callable(getattr(a.executor, "submit", None)) or callable(a.executor)):
        raise EnvironmentArgumentTypeError(
            "executor is an object with the interface of concurrent.futures.Executor or a "
            f"function that makes one, but is {a.executor!r}, which has no submit()."
        )


def _check_storage_service(a: EnvironmentArguments) -> None:
    service = a.storage_service
    if service is None or isinstance(service, (bool, str, type)):
        return
    if not (callable(getattr(service, "store", None)) and callable(getattr(service, "load", None))):
        raise EnvironmentArgumentTypeError(
            "storage_service is a storage service, its class or the dotted path of that, True "
            f"for HDF5 files or None, but is {service!r}, which cannot store and load."
        )


#: In the order in which problems are reported.
RULES: tuple[Callable[[EnvironmentArguments], None], ...] = (
    _check_git,
    _check_dill,
    _check_sumatra,
    _check_zmq,
    _check_pool_and_scoop,
    _check_resuming,
    _check_scoop_wrapping,
    _check_niceness,
    _check_freezing,
    _check_caps,
    _check_ncores,
    _check_port,
    _check_signals,
    _check_wrap_mode,
    _check_counts,
    _check_failures,
    _check_start_method,
    _check_executor,
    _check_storage_service,
)
