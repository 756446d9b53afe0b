"""The effort of a merge grows with the number of runs, not faster.

Effort is counted, not timed: how many functions of Python are called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from pypet_trajectory import InMemoryStorageService, StorageService, Trajectory


def make(name: str, runs: int, first: int, service: StorageService) -> Trajectory:
    """A stored trajectory with one result for each run."""
    traj = Trajectory(name, storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("y", 0.0)
    traj.f_explore({"x": range(first, first + runs), "y": [float(i) for i in range(runs)]})
    for idx in range(runs):
        traj.f_add_result(f"runs.run_{idx:08d}.z", idx)
    traj.f_store()
    return traj


def calls_of(action: Callable[[], object]) -> int:
    """How many functions written in Python are called."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def calls_per_run(runs: int, remove_duplicates: bool) -> float:
    """Merge two trajectories of so many runs, half of which share their `x`."""
    service = InMemoryStorageService()
    one, two = make("one", runs, 0, service), make("two", runs, runs // 2, service)
    calls = calls_of(lambda: one.f_merge(two, backup=False, remove_duplicates=remove_duplicates))
    assert len(one) == 2 * runs
    one.f_load_skeleton()
    one.v_auto_load = True
    assert one.results.runs[2 * runs - 1].z == runs - 1
    return calls / runs


@pytest.mark.parametrize("remove_duplicates", [False, True])
def test_twice_as_many_runs_take_twice_the_effort(remove_duplicates: bool):
    few, many = calls_per_run(200, remove_duplicates), calls_per_run(800, remove_duplicates)
    assert many < 1.1 * few


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_twenty_thousand_runs_take_no_more_effort_each():
    assert calls_per_run(20_000, False) < 1.1 * calls_per_run(500, False)
