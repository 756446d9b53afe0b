"""Run information: dictionaries made on demand from the run table."""

import pickle

import pytest

from pypet_trajectory import Trajectory


@pytest.fixture
def traj():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [5, 6, 7]})
    return traj


def test_all_runs_come_by_name_in_order(traj):
    information = traj.f_get_run_information()
    assert list(information) == traj.f_get_run_names()
    assert [row["idx"] for row in information.values()] == [0, 1, 2]
    assert isinstance(information, dict)


def test_a_view_makes_rows_on_demand(traj):
    view = traj.f_get_run_information(copy=False)
    assert len(view) == 3
    assert "run_00000002" in view
    assert "run_00000003" not in view
    assert 2 not in view
    assert view["run_00000002"]["idx"] == 2


def test_one_run_may_be_named_or_numbered(traj):
    assert traj.f_get_run_information(1) == traj.f_get_run_information("run_00000001")
    assert set(traj.f_get_run_information(1)) == {
        "idx",
        "name",
        "timestamp",
        "time",
        "finish_timestamp",
        "runtime",
        "completed",
        "parameter_summary",
        "short_environment_hexsha",
    }


@pytest.mark.parametrize("run", [3, -1, "foo"])
def test_an_unknown_run_raises_key_error(traj, run):
    with pytest.raises(KeyError, match="run_00000002"):
        traj.f_get_run_information(run)


def test_a_pickled_trajectory_knows_its_own_run_and_the_length(traj):
    traj.v_idx = 1
    twin = pickle.loads(pickle.dumps(traj))
    assert (len(twin), twin.v_idx, twin.x) == (3, 1, 6)
    assert list(twin._run_information) == ["run_00000001"]
    assert not twin.f_get("x").f_has_range()
    with pytest.raises(KeyError, match="v_full_copy"):
        twin.f_get_run_information(0)


def test_a_pickle_with_full_copy_knows_everything(traj):
    traj.v_full_copy = True
    twin = pickle.loads(pickle.dumps(traj))
    assert len(twin.f_get_run_information()) == 3
    assert twin.f_get("x").f_get_range() == [5, 6, 7]


def test_names_follow_a_run_function_of_ones_own():
    traj = Trajectory(
        "T", wildcard_functions={("$", "crun"): lambda idx: "all" if idx < 0 else f"r{idx}"}
    )
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [5, 6, 7]})
    assert traj.f_get_run_names() == ["r0", "r1", "r2"]
    traj.f_set_crun("r2")
    assert traj.v_idx == 2
    assert traj.f_add_result("$.z", 1).v_full_name == "results.r2.z"
    traj.f_set_crun("all")
    assert traj.v_idx == -1


def test_a_million_runs_need_little_memory():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(1_000_000)})
    assert not traj.v_runs.table._columns
    assert traj.f_idx_to_run("run_00999999") == 999_999


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_of_runs_pickle_with_every_protocol(traj, protocol):
    names = pickle.loads(pickle.dumps(traj.v_runs.names, protocol))
    assert list(names) == traj.f_get_run_names()
