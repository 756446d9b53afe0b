"""What arguments of an environment mean together: contradictions, and packages they need.

Rows of the table name the rules that concern them. A rule raises or does not, and has no other
effect; arguments are of their kinds then.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypet.environment.arguments.kinds import (
    EnvironmentArgumentError,
    EnvironmentArgumentTypeError,
    UnknownWrapModeError,
    did_you_mean,
    shown,
)
from pypet.environment.arguments.packages import DISTRIBUTIONS, optional_package

if TYPE_CHECKING:
    from pypet.environment.arguments.table import EnvironmentArguments

#: Wrap modes in which the network carries locks or data.
NETWORK_WRAP_MODES = ("NETLOCK", "NETQUEUE")
#: Wrap modes that work where workers share no memory and perhaps no host.
SCOOP_WRAP_MODES = ("LOCAL", "NONE", "NETLOCK", "NETQUEUE")
WRAP_MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE", "NONE")


@dataclass(frozen=True)
class Rule:
    """A rule whose message needs nothing but the arguments."""

    #: Whether arguments break it.
    broken: Callable[[EnvironmentArguments], Any]
    #: What is said then; ``{a}`` are the arguments.
    message: str

    def __call__(self, a: EnvironmentArguments) -> None:
        """Raise an :class:`EnvironmentArgumentError` if it is broken."""
        if self.broken(a):
            raise EnvironmentArgumentError(self.message.format(a=a))


def needs(name: str, when: Callable[[EnvironmentArguments], Any], purpose: str) -> Rule:
    """The rule that a package must be installed for some purpose."""
    package = DISTRIBUTIONS.get(name, name)
    return Rule(
        lambda a: when(a) and optional_package(name) is None,
        f"{purpose} needs the package {package}, which is not installed. "
        f"Install it with: pip install {package}",
    )


GIT = needs("git", lambda a: a.git_repository is not None, "git_repository={a.git_repository!r}")
DILL = needs("dill", lambda a: a.resumable, "resumable=True")
SUMATRA = needs(
    "load_project",
    lambda a: a.sumatra_project is not None,
    "sumatra_project={a.sumatra_project!r}",
)


def sumatra_project_and_label(a: EnvironmentArguments) -> None:
    """Project and label are such that Sumatra takes them."""
    if a.sumatra_project is None and a.sumatra_label is None:
        return
    from pypet_vcs.sumatra import check_label, check_project

    if a.sumatra_project is not None:
        check_project(a.sumatra_project)
    if a.sumatra_label is not None:
        check_label(a.sumatra_label)


ZMQ = needs("zmq", lambda a: a.wrap_mode in NETWORK_WRAP_MODES, "wrap_mode={a.wrap_mode!r}")
IMMEDIATE = Rule(
    lambda a: a.immediate_postproc and a.worker_argument,
    "immediate_postproc=True works with one process per run only, but {a.worker_argument} is set. "
    "Leave out one of the two.",
)
ONE_WAY = Rule(
    lambda a: a.use_pool and a.use_scoop,
    "use_pool=True and use_scoop=True exclude one another. Choose one way to run.",
)
SCOOP = needs("scoop", lambda a: a.use_scoop, "use_scoop=True")
RESUMING = Rule(
    lambda a: a.resumable and not a.automatic_storing,
    "resumable=True needs automatic_storing=True, for a run counts as done once it is stored, but "
    "automatic_storing is False.",
)
SCOOP_WRAPPING = Rule(
    lambda a: a.use_scoop and a.wrap_mode not in SCOOP_WRAP_MODES,
    f"use_scoop=True needs a wrap mode out of {SCOOP_WRAP_MODES}, but wrap_mode is "
    "{a.wrap_mode!r}. With a home directory shared by all hosts choose 'NETLOCK', else 'LOCAL' or "
    "'NETQUEUE'.",
)
RENICING = needs(
    "psutil",
    lambda a: a.niceness is not None and not hasattr(os, "nice"),
    "niceness on a system without os.nice",
)
NICENESS = Rule(
    lambda a: a.niceness is not None and hasattr(os, "nice") and not -20 <= a.niceness < 20,
    "niceness must be between -20 and 19, which is the lowest priority, but is {a.niceness!r}.",
)
FREEZING = Rule(
    lambda a: a.freeze_input and not a.worker_argument,
    "freeze_input=True needs workers that live longer than one run, but neither use_pool, "
    "use_scoop nor executor is set. Set use_pool=True or leave freeze_input out.",
)
_CAP = " is a percentage above 0 and up to 100 (100 switches it off), but is "
CPU_CAP = Rule(lambda a: not 0.0 < a.cpu_cap <= 100.0, f"cpu_cap{_CAP}{{a.cpu_cap!r}}.")
MEMORY_CAP = Rule(
    lambda a: not 0.0 < a.memory_cap[0] <= 100.0, f"memory_cap{_CAP}{{a.memory_cap[0]!r}}."
)
SWAP_CAP = Rule(lambda a: not 0.0 < a.swap_cap <= 100.0, f"swap_cap{_CAP}{{a.swap_cap!r}}.")
ESTIMATE = Rule(
    lambda a: not a.memory_cap[1] >= 0,
    "The expected size of a process in memory_cap is in MB and not negative, but is "
    "{a.memory_cap[1]!r}.",
)
CAPS = needs(
    "psutil", lambda a: min(a.cpu_cap, a.memory_cap[0], a.swap_cap) < 100.0, "A cap below 100"
)
NCORES = Rule(
    lambda a: a.ncores < 0,
    "ncores is the number of processes, or 0 for all cores, but is {a.ncores!r}.",
)
ALL_CORES = needs("psutil", lambda a: a.ncores == 0, "ncores=0 (all cores)")
PORT = Rule(
    lambda a: a.port is not None and a.wrap_mode not in NETWORK_WRAP_MODES,
    f"port is for the wrap modes {NETWORK_WRAP_MODES}, but wrap_mode is {{a.wrap_mode!r}} and port "
    "is {a.port!r}. Leave port out or change the wrap mode.",
)


def port_is_one(a: EnvironmentArguments) -> None:
    """A port is a number, a range or an address."""
    is_range = isinstance(a.port, (tuple, list)) and len(a.port) == 2
    if isinstance(a.port, bool) or not (
        isinstance(a.port, (int, str)) or a.port is None or is_range
    ):
        raise EnvironmentArgumentTypeError(
            "port is a number, a pair (lowest, highest) or an address such as "
            f"'tcp://127.0.0.1:7777', but is {shown(a.port)}."
        )
    from pypet_net.addresses import candidate_urls

    candidate_urls(a.port)


SIGNALS = Rule(
    lambda a: a.use_scoop and a.graceful_exit,
    "graceful_exit=True cannot stop workers of SCOOP, but use_scoop is set. "
    "Leave out one of the two.",
)


def wrap_mode_is_one(a: EnvironmentArguments) -> None:
    """There is such a wrap mode."""
    if a.wrap_mode not in WRAP_MODES:
        raise UnknownWrapModeError(
            f"wrap_mode is one of {WRAP_MODES} or None, but is {shown(a.wrap_mode)}."
            f"{did_you_mean(str(a.wrap_mode).upper(), WRAP_MODES)}"
        )


QUEUE_MAXSIZE = Rule(
    lambda a: a.queue_maxsize < -1,
    "queue_maxsize is a number of messages, 0 for no limit or -1 for twice the number of "
    "processes, but is {a.queue_maxsize!r}.",
)
GC_INTERVAL = Rule(
    lambda a: a.gc_interval is not None and a.gc_interval < 1,
    "gc_interval is a number of runs or messages from 1 on, or None for never, but is "
    "{a.gc_interval!r}.",
)
EXECUTOR = Rule(
    lambda a: a.executor is not None and (a.use_pool or a.use_scoop),
    "executor brings its own workers and excludes use_pool and use_scoop. "
    "Leave out one of the two.",
)
EXECUTOR_PROCESSES = Rule(
    lambda a: a.executor is not None and not a.multiproc,
    "executor needs multiproc=True, but multiproc is False.",
)
#: What pypet 0.7 checked first, in its order, which decides what is reported if several rules are
#: broken at once; other rules follow in the order of the table.
CHECKED_FIRST: tuple[Callable[[EnvironmentArguments], None], ...] = (
    GIT, DILL, SUMATRA, sumatra_project_and_label, ZMQ, IMMEDIATE, ONE_WAY, SCOOP, RESUMING,
    SCOOP_WRAPPING, RENICING, NICENESS, FREEZING, CPU_CAP, MEMORY_CAP, SWAP_CAP, ESTIMATE, CAPS,
    NCORES, ALL_CORES, PORT, port_is_one, SIGNALS, wrap_mode_is_one, QUEUE_MAXSIZE, GC_INTERVAL,
)  # fmt: skip
