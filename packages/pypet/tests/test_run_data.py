"""What is prepared for runs stays there; what failed tries left goes."""

from __future__ import annotations

import pytest

from pypet import Environment, load_trajectory

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
