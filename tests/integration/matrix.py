"""Start methods, ways to run and wrap modes, and which of their combinations are always tested.

All combinations belong to the long suite. Forking is cheap, so of those that fork many are in the
short one; a process that is started otherwise imports everything anew, so of these there are few.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import pytest

from pypet_multiproc.processes.children import default_start_method
from pypet_multiproc.testing import combinations

#: Ways to run in processes of ours, as arguments of an environment.
WAYS: Mapping[str, Mapping[str, Any]] = {
    "pool": {"multiproc": True, "ncores": 2, "use_pool": True},
    "frozen pool": {"multiproc": True, "ncores": 2, "use_pool": True, "freeze_input": True},
    "process per run": {"multiproc": True, "ncores": 2, "use_pool": False},
}
WRAP_MODES = ["LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE"]
#: PIPE can be handed to processes when they start only, which executors do themselves.
EXECUTOR_WRAP_MODES = ["LOCK", "QUEUE", "LOCAL", "NETLOCK", "NETQUEUE"]
_POSSIBLE = multiprocessing.get_all_start_methods()
DEFAULT = default_start_method()
OTHERS = [name for name in ("forkserver", "spawn") if name in _POSSIBLE and name != DEFAULT]


def every_combination(*, default_every: int, others_every: int) -> pytest.MarkDecorator:
    """Parameters ``start_method``, ``way`` and ``wrap_mode`` for all combinations.

    Parameters
    ----------
    default_every, others_every : int
        As `every` of :func:`pypet_multiproc.testing.combinations`, for the start method that is
        the default here and for the others.
    """
    ways = list(WAYS)
    return pytest.mark.parametrize(
        ("start_method", "way", "wrap_mode"),
        [
            *combinations([DEFAULT], ways, WRAP_MODES, every=default_every),
            *combinations(OTHERS, ways, WRAP_MODES, every=others_every),
        ],
    )


def settings_of(start_method: str, way: str, wrap_mode: str) -> dict[str, Any]:
    """Arguments of an environment."""
    return {"start_method": start_method, "wrap_mode": wrap_mode, **WAYS[way]}


def every_executor(*, default_every: int, others_every: int) -> pytest.MarkDecorator:
    """As :func:`every_combination`, for executors with processes that start in each way."""
    return pytest.mark.parametrize(
        ("start_method", "wrap_mode"),
        [
            *combinations([DEFAULT], EXECUTOR_WRAP_MODES, every=default_every),
            *combinations(OTHERS, EXECUTOR_WRAP_MODES, every=others_every),
        ],
    )


def executor_settings(start_method: str, wrap_mode: str) -> dict[str, Any]:
    """Arguments of an environment that runs in an executor."""
    context = multiprocessing.get_context(start_method)
    make = partial(ProcessPoolExecutor, 2, mp_context=context)
    return {"multiproc": True, "executor": make, "wrap_mode": wrap_mode}
