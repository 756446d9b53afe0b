"""Limits that a process sets itself: its priority, threads, garbage, and the time of a run.

Each worker of a pool would use all cores for its linear algebra, and eight workers on eight cores
would run sixty-four threads: the most frequent cause of slow pools. Libraries that are loaded
already are told through threadpoolctl; those loaded later read environment variables. A user's own
setting of such a variable is respected.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pypet_multiproc.model.failures import RunTimeoutError


def apply_niceness(niceness: int | None) -> None:
    """Make this process at least `niceness` nice; ``None`` leaves it alone.

    A system that refuses is reported on stderr and costs nothing else, for a run at the wrong
    priority is still a run.
    """
    if niceness is None:
        return
    try:
        if hasattr(os, "nice"):
            current = os.nice(0)
            if niceness > current:
                os.nice(niceness - current)
        else:
            import psutil

            psutil.Process().nice(niceness)
    except Exception as exc:
        sys.stderr.write(f"Could not set the niceness of process {os.getpid()}: {exc}\n")


#: Read by OpenMP, OpenBLAS, MKL, BLIS, Accelerate and numexpr when they are loaded.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def available_cores() -> int:
    """Number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def threads_per_worker(workers: int) -> int:
    """Cores divided by workers, at least 1."""
    return max(1, available_cores() // max(1, workers))


def user_has_chosen() -> bool:
    """Whether the environment says how many threads libraries may use."""
    return any(variable in os.environ for variable in VARIABLES)


def limit_threads(number: int) -> None:
    """Let numerical libraries use at most `number` threads in this process from now on."""
    if user_has_chosen():
        return
    _loaded_libraries().limit(limits=number)
    for variable in VARIABLES:
        os.environ[variable] = str(number)


class InheritedLimit:
    """Lets processes that are forked while it is on inherit a limit.

    Telling libraries in each child would cost some milliseconds per child, for they first have to
    restart their threads there. So they are told once, here; this process mostly waits meanwhile,
    and afterwards they have as many threads here as before.

    Parameters
    ----------
    number : int or None
        Threads per library; ``None`` changes nothing.
    """

    def __init__(self, number: int | None) -> None:
        self._number = None if user_has_chosen() else number
        self._libraries = None if self._number is None else _loaded_libraries()
        self._limiter: Any = None

    def start(self) -> None:
        """Limit libraries in this process and its future children."""
        if self._libraries is not None:
            self._limiter = self._libraries.limit(limits=self._number)
            for variable in VARIABLES:
                os.environ[variable] = str(self._number)

    def stop(self) -> None:
        """Give libraries in this process back what they had."""
        if self._limiter is not None:
            self._limiter.restore_original_limits()
            self._limiter = None
            for variable in VARIABLES:
                os.environ.pop(variable, None)


def _loaded_libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`RunTimeoutError` in the body after so many seconds; ``None``: never.

    For runs in the main process and in executors, which cannot be killed from outside. It
    interrupts Python code and system calls in the main thread of POSIX systems; elsewhere, and for
    compiled code that never returns, only killing the process helps, as the backends with
    processes of their own do.
    """
    possible = (
        hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    )
    if seconds is None or not possible:
        yield
        return

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise RunTimeoutError(f"The run took longer than `run_timeout`, which is {seconds} s.")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


class GarbageInterval:
    """Collects garbage at every n-th operation, beginning with the first.

    Storing large results leaves cyclic garbage that Python would let grow for a while.

    Parameters
    ----------
    interval : int, optional
        The n; ``None`` means never.
    """

    def __init__(self, interval: int | None) -> None:
        self._interval = interval
        self._operations = 0

    def count(self) -> None:
        """Note one operation."""
        if self._interval:
            if self._operations % self._interval == 0:
                gc.collect()
            self._operations += 1
