"""A run that is executed again replaces what an earlier try stored, in every way to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet import Environment, Trajectory, load_trajectory
from tests.integration.experiments import explored

pytestmark = pytest.mark.timeout(60)

#: Each wrap mode is there with one of the ways to run, the other combinations are soaked.
_POOLED = ("LOCK", "LOCAL", "NETQUEUE")
_WAYS = [
    pytest.param({}, id="serial"),
    *(
        pytest.param(
            {"multiproc": True, "ncores": 2, "use_pool": use_pool, "wrap_mode": mode},
            id=f"{mode}-{'pool' if use_pool else 'process per run'}",
            marks=() if use_pool == (mode in _POOLED) else pytest.mark.soak,
        )
        for use_pool in (True, False)
        for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE")
    ),
]

every_way = pytest.mark.parametrize("settings", _WAYS)


def stores_and_then_fails(traj: Trajectory, fail: bool) -> None:
    """A run that stores on the way, another value each time, and fails at first."""
    assert traj.f_get("derived_parameters.prepared.crun").f_get() == traj.v_idx
    traj.f_add_result("part", "first try" if fail else "second try")
    traj.f_store_item("part")
    traj.f_add_result("automatic", not fail)
    if fail:
        traj.f_add_result("$set.$.first_try_alone", 1)
        traj.f_store()
        raise ValueError("the first try is bound to fail")


def fails_until_there_is(traj: Trajectory, file: Path) -> None:
    """A run that fails until a file exists, which it makes."""
    fail = not file.exists()
    file.touch()
    stores_and_then_fails(traj, fail)


def with_prepared_data(env: Environment) -> Environment:
    """The environment with something for each run to read."""
    for _ in env.trajectory.f_iter_runs():
        env.trajectory.f_add_derived_parameter("prepared.$", env.trajectory.v_idx)
    return env


def stored_by_runs(name: str, file: Path) -> dict[str, object]:
    """Values of all leaves that belong to runs."""
    traj = load_trajectory(name=name, filename=str(file), load_data=2)
    return {
        leaf.v_full_name: leaf.f_get()
        for leaf in traj.f_iter_leaves()
        if leaf.v_run_branch != "trajectory"
    }


def complete(runs: int) -> dict[str, object]:
    """What there is when nothing but the last try of each run is kept."""
    values: dict[str, object] = {}
    for idx in range(runs):
        run = f"run_{idx:08d}"
        values[f"derived_parameters.prepared.{run}"] = idx
        values[f"results.runs.{run}.part"] = "second try"
        values[f"results.runs.{run}.automatic"] = True
    return values


@every_way
def test_calling_run_again_replaces_what_failed_runs_stored(
    settings: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "again.hdf5"
    env = with_prepared_data(explored("again", file, 2, on_run_error="continue", **settings))
    assert env.run(stores_and_then_fails, True) == []
    assert env.run(stores_and_then_fails, False) == [(0, None), (1, None)]
    assert stored_by_runs("again", file) == complete(2)


@every_way
def test_a_run_that_is_tried_again_at_once_leaves_nothing_of_the_first_try(
    settings: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "retried.hdf5"
    env = with_prepared_data(explored("retried", file, 1, retries=1, **settings))
    assert env.run(fails_until_there_is, tmp_path / "tried") == [(0, None)]
    assert stored_by_runs("retried", file) == complete(1)


@pytest.mark.parametrize("load_data", [0, 2])
def test_failed_runs_of_a_loaded_trajectory_leave_nothing_either(
    load_data: int, tmp_path: Path
) -> None:
    file = tmp_path / "loaded.hdf5"
    env = with_prepared_data(explored("loaded", file, 2, on_run_error="continue"))
    env.run(stores_and_then_fails, True)
    traj = load_trajectory(
        name="loaded", filename=str(file), load_parameters=2, load_results=load_data,
        load_derived_parameters=2,
    )  # fmt: skip
    env = Environment(traj, log_config=None, report_progress=False)
    assert env.run(stores_and_then_fails, False) == [(0, None), (1, None)]
    assert stored_by_runs("loaded", file) == complete(2)
