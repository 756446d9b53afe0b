"""What arguments of an environment mean together: ranges, contradictions, packages they need.

Each rule is a function of all arguments that raises or does not, and has no other effect. Pypet
0.7 made its checks in the order of :data:`RULES`, which decides what is reported if several are
broken at once. Arguments are of the right types here, see :mod:`pypet.environment.arguments.types`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pypet.environment.arguments.misuse import (
    EnvironmentArgumentTypeError,
    UnknownWrapModeError,
    refuse_if,
    refuse_without,
    shown,
)
from pypet.suggestions import did_you_mean

if TYPE_CHECKING:
    from pypet.environment.arguments import EnvironmentArguments

#: Wrap modes in which the network carries locks or data.
NETWORK_WRAP_MODES = ("NETLOCK", "NETQUEUE")
#: Wrap modes that work where workers share no memory and perhaps no host.
SCOOP_WRAP_MODES = ("LOCAL", "NONE", "NETLOCK", "NETQUEUE")
WRAP_MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE", "NONE")
ERROR_RULES = ("raise", "continue")


def _check_git(a: EnvironmentArguments) -> None:
    if a.git_repository is not None:
        refuse_without("git", f"git_repository={a.git_repository!r}")


def _check_dill(a: EnvironmentArguments) -> None:
    if a.resumable:
        refuse_without("dill", "resumable=True")


def _check_sumatra(a: EnvironmentArguments) -> None:
    if a.sumatra_project is not None:
        refuse_without("load_project", f"sumatra_project={a.sumatra_project!r}")
        from pypet_vcs.sumatra import check_project

        check_project(a.sumatra_project)
    if a.sumatra_label is not None:
        from pypet_vcs.sumatra import check_label

        check_label(a.sumatra_label)


def _check_zmq(a: EnvironmentArguments) -> None:
    if a.wrap_mode in NETWORK_WRAP_MODES:
        refuse_without("zmq", f"wrap_mode={a.wrap_mode!r}")


def _check_pool_and_scoop(a: EnvironmentArguments) -> None:
    way = "use_pool" if a.use_pool else "use_scoop" if a.use_scoop else "executor"
    refuse_if(
        a.immediate_postproc and (a.use_pool or a.use_scoop or a.executor is not None),
        f"immediate_postproc=True works with one process per run only, but {way} is set. "
        "Leave out one of the two.",
    )
    refuse_if(
        a.use_pool and a.use_scoop,
        "use_pool=True and use_scoop=True exclude one another. Choose one way to run.",
    )
    if a.use_scoop:
        refuse_without("scoop", "use_scoop=True")


def _check_resuming(a: EnvironmentArguments) -> None:
    refuse_if(
        a.resumable and not a.automatic_storing,
        "resumable=True needs automatic_storing=True, for a run counts as done once it is "
        "stored, but automatic_storing is False.",
    )


def _check_scoop_wrapping(a: EnvironmentArguments) -> None:
    refuse_if(
        a.use_scoop and a.wrap_mode not in SCOOP_WRAP_MODES,
        f"use_scoop=True needs a wrap mode out of {SCOOP_WRAP_MODES}, but wrap_mode is "
        f"{a.wrap_mode!r}. With a home directory shared by all hosts choose 'NETLOCK', "
        "else 'LOCAL' or 'NETQUEUE'.",
    )


def _check_niceness(a: EnvironmentArguments) -> None:
    if a.niceness is None:
        return
    if not hasattr(os, "nice"):
        refuse_without("psutil", "niceness on a system without os.nice")
        return
    refuse_if(
        not -20 <= a.niceness < 20,
        "niceness must be between -20 and 19, which is the lowest priority, but is "
        f"{a.niceness!r}.",
    )


def _check_freezing(a: EnvironmentArguments) -> None:
    refuse_if(
        a.freeze_input and not (a.use_pool or a.use_scoop or a.executor is not None),
        "freeze_input=True needs workers that live longer than one run, but neither use_pool, "
        "use_scoop nor executor is set. Set use_pool=True or leave freeze_input out.",
    )


def _check_caps(a: EnvironmentArguments) -> None:
    caps = {"cpu_cap": a.cpu_cap, "memory_cap": a.memory_cap[0], "swap_cap": a.swap_cap}
    for name, cap in caps.items():
        refuse_if(
            not 0.0 < cap <= 100.0,
            f"{name} is a percentage above 0 and up to 100 (100 switches it off), but is {cap!r}.",
        )
    refuse_if(
        not a.memory_cap[1] >= 0,
        "The expected size of a process in memory_cap is in MB and not negative, but is "
        f"{a.memory_cap[1]!r}.",
    )
    if any(cap < 100.0 for cap in caps.values()):
        refuse_without("psutil", "A cap below 100")


def _check_ncores(a: EnvironmentArguments) -> None:
    refuse_if(
        a.ncores < 0,
        f"ncores is the number of processes, or 0 for all cores, but is {a.ncores!r}.",
    )
    if a.ncores == 0:
        refuse_without("psutil", "ncores=0 (all cores)")


def _check_port(a: EnvironmentArguments) -> None:
    if a.port is None:
        return
    refuse_if(
        a.wrap_mode not in NETWORK_WRAP_MODES,
        f"port is for the wrap modes {NETWORK_WRAP_MODES}, but wrap_mode is {a.wrap_mode!r} "
        f"and port is {a.port!r}. Leave port out or change the wrap mode.",
    )
    is_range = isinstance(a.port, (tuple, list)) and len(a.port) == 2
    if isinstance(a.port, bool) or not (isinstance(a.port, (int, str)) or is_range):
        raise EnvironmentArgumentTypeError(
            "port is a number, a pair (lowest, highest) or an address such as "
            f"'tcp://127.0.0.1:7777', but is {shown(a.port)}."
        )
    from pypet_net.addresses import candidate_urls

    candidate_urls(a.port)


def _check_signals(a: EnvironmentArguments) -> None:
    refuse_if(
        a.use_scoop and a.graceful_exit,
        "graceful_exit=True cannot stop workers of SCOOP, but use_scoop is set. "
        "Leave out one of the two.",
    )


def _check_wrap_mode(a: EnvironmentArguments) -> None:
    if a.wrap_mode not in WRAP_MODES:
        raise UnknownWrapModeError(
            f"wrap_mode is one of {WRAP_MODES} or None, but is {shown(a.wrap_mode)}."
            f"{did_you_mean(str(a.wrap_mode).upper(), WRAP_MODES)}"
        )


def _check_counts(a: EnvironmentArguments) -> None:
    refuse_if(
        a.queue_maxsize < -1,
        f"queue_maxsize is a number of messages, 0 for no limit or -1 for twice the number of "
        f"processes, but is {a.queue_maxsize!r}.",
    )
    refuse_if(
        a.gc_interval is not None and a.gc_interval < 1,
        f"gc_interval is a number of runs or messages from 1 on, or None for never, but is "
        f"{a.gc_interval!r}.",
    )
    for name in ("timeout", "run_timeout"):
        seconds = getattr(a, name)
        refuse_if(
            seconds is not None and not 0 < seconds < math.inf,
            f"{name} is a time in seconds above 0, or None for no limit, but is {seconds!r}.",
        )


def _check_failures(a: EnvironmentArguments) -> None:
    refuse_if(
        a.on_run_error is not None and a.on_run_error not in ERROR_RULES,
        f"on_run_error is one of {ERROR_RULES} or None, but is {shown(a.on_run_error)}.",
    )
    refuse_if(
        a.retries < 0,
        f"retries says how often a failed run is tried again, 0 or more, but is {a.retries!r}.",
    )


def _check_start_method(a: EnvironmentArguments) -> None:
    if a.start_method is None:
        return
    import multiprocessing

    known = multiprocessing.get_all_start_methods()
    refuse_if(
        a.start_method not in known,
        f"start_method is one of {known} on this system or None, but is {shown(a.start_method)}.",
    )


def _check_executor(a: EnvironmentArguments) -> None:
    if a.executor is None:
        return
    refuse_if(
        a.use_pool or a.use_scoop,
        "executor brings its own workers and excludes use_pool and use_scoop. "
        "Leave out one of the two.",
    )
    refuse_if(not a.multiproc, "executor needs multiproc=True, but multiproc is False.")
    if not (callable(getattr(a.executor, "submit", None)) or callable(a.executor)):
        raise EnvironmentArgumentTypeError(
            "executor is an object with the interface of concurrent.futures.Executor or a "
            f"function that makes one, but is {shown(a.executor)}, which has no submit()."
        )


def _check_storage_service(a: EnvironmentArguments) -> None:
    service = a.storage_service
    if service is None or isinstance(service, (bool, str)):
        return
    if not (callable(getattr(service, "store", None)) and callable(getattr(service, "load", None))):
        raise EnvironmentArgumentTypeError(
            "storage_service is a storage service, its class or the dotted path of that, True "
            f"for HDF5 files or None, but is {shown(service)}, which cannot store and load."
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
