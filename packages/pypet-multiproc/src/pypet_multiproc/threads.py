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


def find_libraries() -> Any:
    """The numerical libraries loaded so far; forked children reuse the finding."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def limit_threads(number: int, libraries: Any = None) -> None:
    """Let numerical libraries use at most `number` threads in this process from now on.

    Parameters
    ----------
    number : int
        Threads per library.
    libraries : threadpoolctl.ThreadpoolController, optional
        What :func:`find_libraries` found before this process was forked.
    """
    for variable in VARIABLES:
        os.environ.setdefault(variable, str(number))
    if any(os.environ[variable] != str(number) for variable in VARIABLES):
        return
    if libraries is None:
        libraries = find_libraries()
    libraries.limit(limits=number)
