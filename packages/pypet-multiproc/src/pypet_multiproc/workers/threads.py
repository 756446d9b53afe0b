"""Keeping numerical libraries from starting more threads than there are cores.

Each worker of a pool would otherwise use all cores for its linear algebra, and eight workers on
eight cores would run sixty-four threads: the most frequent cause of slow pools. Libraries that are
loaded already are told through threadpoolctl; those loaded later read environment variables.
A user's own setting of such a variable is respected.
"""

from __future__ import annotations

import os
from typing import Any

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
