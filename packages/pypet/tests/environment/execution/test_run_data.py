"""What is prepared for runs stays there; what failed tries left goes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pypet import Environment, Trajectory, load_trajectory

pytestmark = pytest.mark.timeout(60)


def prepare(traj, start=0):
    """Give each run something to read."""
    for _ in traj.f_iter_runs(start=start):
        traj.f_add_derived_parameter("seeds.$", traj.v_idx * 100)
        traj.f_add_result("$.inputs.first", traj.v_idx * 10)


def read(traj, fail=False):
    value = traj.f_get("seeds.crun").f_get() + traj.f_get("crun.inputs.first").f_get()
    if fail:
        traj.f_add_result("left", value)
        traj.f_add_result("inputs.left", value)
        traj.f_store()
        raise ValueError("a bug")
    traj.f_add_result("sum", value)
    return value


def names_of_runs(filename="t.hdf5"):
    traj = load_trajectory("t", filename=filename, load_data=2)
    return {leaf.v_name for leaf in traj.f_iter_leaves() if leaf.v_run_branch != "trajectory"}


def quiet(traj):
    return Environment(traj, log_config=None, report_progress=False)


@pytest.mark.parametrize("way", [{}, {"multiproc": True, "ncores": 2}])
def test_what_is_prepared_for_runs_is_there_in_runs(explored, way):
    env = explored([1, 2], filename="t.hdf5", **way)
    prepare(env.trajectory)
    assert env.run(read) == [(0, 0), (1, 110)]


@pytest.mark.parametrize("stored", [False, True])
def test_what_is_prepared_stays_however_often_runs_fail(explored, stored):
    env = explored([1, 2], filename="t.hdf5", on_run_error="continue")
    prepare(env.trajectory)
    if stored:
        env.trajectory.f_store()
    for _ in range(2):
        assert env.run(read, fail=True) == []
    assert "left" in names_of_runs()
    assert env.run(read) == [(0, 0), (1, 110)]
    assert names_of_runs() == {"run_00000000", "run_00000001", "first", "sum"}


def test_names_of_prepared_data_are_written_down_once(explored):
    env = explored([1, 2], filename="t.hdf5", on_run_error="continue")
    prepare(env.trajectory)
    env.run(read, fail=True)
    env.run(read)
    group = env.trajectory.f_get(f"config.environment.{env.name}.prepared_for_runs")
    assert [leaf.f_get() for leaf in group.f_iter_leaves()] == [
        ["derived_parameters.seeds.$", "results.$.inputs.first"]
    ]
    other = explored([1])
    other.run(lambda traj: traj.f_add_result("z", 1))
    config = other.trajectory.f_get("config")
    assert not config.f_contains("prepared_for_runs", shortcuts=True)


def test_what_was_prepared_in_another_session_is_there_in_runs(explored):
    env = explored([1, 2], filename="t.hdf5")
    prepare(env.trajectory)
    env.trajectory.f_store()
    env = quiet(load_trajectory("t", filename="t.hdf5", load_data=2))
    assert env.run(read) == [(0, 0), (1, 110)]


def test_another_session_knows_what_was_prepared_and_what_is_left(explored):
    env = explored([1, 2], filename="t.hdf5", on_run_error="continue")
    prepare(env.trajectory)
    env.run(read, fail=True)
    traj = load_trajectory("t", filename="t.hdf5", load_parameters=0, load_results=2)
    traj.f_load_child("parameters", recursive=True)
    traj.f_load_child("derived_parameters", recursive=True)
    assert "environment" not in traj.config
    assert quiet(traj).run(read) == [(0, 0), (1, 110)]
    assert names_of_runs() == {"run_00000000", "run_00000001", "first", "sum"}


def test_runs_that_are_added_may_be_prepared_as_well(explored):
    env = explored([1], filename="t.hdf5")
    prepare(env.trajectory)

    def expand(traj, results):
        if len(traj) == 1:
            traj.f_expand({"x": [2, 3]})
            prepare(traj, start=1)

    env.add_postprocessing(expand)
    assert env.run(read) == [(0, 0), (1, 110), (2, 220)]


def test_runs_that_were_done_by_hand_do_not_cost_the_others_what_was_prepared(explored):
    env = explored([1, 2], filename="t.hdf5")
    prepare(env.trajectory)
    env.trajectory.f_store()
    env.trajectory.f_start_run(0)
    env.trajectory.f_finalize_run()
    assert env.run(read) == [(1, 110)]
    assert {"first", "sum"} < names_of_runs()


KILLED = """
import os, signal
from pypet import Environment

def job(traj):
    traj.f_add_result("z", 1)
    traj.f_add_derived_parameter("d", 1)
    traj.f_store()
    if traj.v_idx == {killed}:
        os.kill(os.getpid(), signal.SIGKILL)

env = Environment("t", filename="t.hdf5", log_config=None, report_progress=False)
env.traj.f_add_parameter("x", 0)
env.traj.f_explore({{"x": [1, 2, 3]}})
for name in env.traj.f_iter_runs():
    env.traj.f_add_derived_parameter("runs.$.input", 7)
env.traj.f_store()
env.run(job)
"""


@pytest.mark.parametrize("killed", [0, 1])
def test_what_a_killed_process_left_of_a_run_does_not_hinder_the_next_try(make_env, killed):
    script = [sys.executable, "-c", KILLED.format(killed=killed)]
    assert subprocess.run(script, timeout=50, check=False).returncode == -9
    traj = Trajectory("t", filename="t.hdf5", add_time=False)
    traj.f_load(load_parameters=2)
    # Runs that are added may be prepared by hand as well.
    traj.f_expand({"x": [4]})
    traj.v_crun = "run_00000003"
    traj.f_add_derived_parameter("runs.$.input", 7)
    traj.f_restore_default()
    traj.f_store()

    def job(traj):
        traj.f_load_item("derived_parameters.runs.crun.input")
        traj.f_add_result("z", 10 * traj.x + traj.derived_parameters.crun.input)
        traj.f_add_derived_parameter("d", traj.x)

    make_env(traj).run(job)
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    assert traj.f_is_completed()
    values = list(traj.f_get_from_runs("z", fast_access=True).values())
    assert values[killed:] == [17, 27, 37, 47][killed:]
