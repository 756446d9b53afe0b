"""A trajectory as a data frame: one row per run."""

import sys

import numpy as np
import pytest

from pypet_trajectory import Trajectory
from pypet_trajectory.api.service import StorageService

pd = pytest.importorskip("pandas")


def test_each_run_is_a_row_with_its_parameters(traj):
    frame = traj.f_to_dataframe()
    assert frame.index.name == "run"
    assert list(frame["x"]) == [1, 1, 1, 2, 2, 2]
    assert (frame["x"].dtype, frame["y"].dtype) == (np.int64, np.float64)
    assert "fixed" not in frame


def test_run_information_tells_status_and_times(traj):
    traj.f_expand({"x": [3], "y": [0.0]})
    frame = traj.f_to_dataframe()
    assert list(frame["name"])[:2] == ["run_00000000", "run_00000001"]
    assert list(frame["status"])[-2:] == ["completed", "open"]
    assert list(frame["completed"])[-2:] == [True, False]
    assert (frame["runtime"].iloc[:6] >= 0).all()
    assert np.isnan(frame["runtime"].iloc[6])
    assert "status" not in traj.f_to_dataframe(run_information=False)


def test_results_become_columns_of_their_type(traj):
    frame = traj.f_to_dataframe(results=["z", "many"], run_information=False)
    assert list(frame.columns) == ["x", "y", "z", "many.a", "many.b"]
    assert frame["z"].dtype == np.int64
    assert list(frame["z"]) == [0, 10, 20, 30, 40, 50]
    assert list(frame["many.b"]) == ["b0", "b1", "b2", "b3", "b4", "b5"]


def test_missing_runs_are_na(traj):
    frame = traj.f_to_dataframe("odd")
    assert frame["odd"].dtype == "Int64"
    assert list(frame["odd"].isna()) == [True, False] * 3
    assert frame["odd"].dropna().tolist() == [1, 3, 5]


def test_arrays_and_groups_become_objects(traj):
    frame = traj.f_to_dataframe(["sub"])
    assert frame["sub.array"].dtype == object
    assert frame["sub.array"][2].tolist() == [2.0, 2.0, 2.0]


def test_further_parameters_can_be_asked_for(traj):
    traj.f_get("fixed").f_unlock()
    frame = traj.f_to_dataframe(parameters="fixed")
    assert list(frame["fixed"]) == ["text"] * 6
    assert not traj.f_get("fixed").v_locked


def test_names_that_clash_are_told_apart():
    traj = Trajectory("T")
    for name in ("a.x", "b.x", "status"):
        traj.f_add_parameter(name, 0)
    traj.f_explore({"a.x": [1], "b.x": [2], "status": [3]})
    frame = traj.f_to_dataframe()
    assert frame["parameters.a.x"][0] == 1
    assert frame["parameters.b.x"][0] == 2
    assert (frame["status"][0], frame["run.status"][0]) == (3, "open")


def test_results_are_no_parameters(traj):
    with pytest.raises(TypeError, match="results="):
        traj.f_to_dataframe(parameters="results.runs.run_00000000.z")


def test_what_is_not_in_memory_is_loaded_and_let_go_again(traj, service):
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_results=1)
    frame = loaded.f_to_dataframe(["z", "odd"], auto_load=True)
    assert list(frame["z"]) == [0, 10, 20, 30, 40, 50]
    assert loaded.f_get("results.runs.run_00000003.z").f_is_empty()


def skeleton_free(service):
    """The trajectory with its run table and the names of what it explored, and nothing else."""
    traj = Trajectory("T", storage_service=service)
    traj.f_load(load_data=0)
    return traj


def test_explored_values_that_are_not_in_memory_are_loaded(traj, service, caplog):
    traj.f_store()
    for modes in ({"load_data": 1}, {"load_data": 0}):
        loaded = Trajectory("T", storage_service=service)
        loaded.f_load(**modes)
        assert "x" not in loaded.f_to_dataframe()
        assert "`parameters.x`" in caplog.text
        frame = loaded.f_to_dataframe(auto_load=True)
        assert list(frame["x"]) == [1, 1, 1, 2, 2, 2]
        assert list(frame["y"]) == [0.0, 0.5, 1.0] * 2


def test_a_copy_that_lost_its_ranges_reads_them_from_the_store(traj, service):
    traj.f_store()
    copied = traj.f_copy()
    frame = copied.f_to_dataframe(auto_load=True)
    assert list(frame["x"]) == [1, 1, 1, 2, 2, 2]
    assert not copied.f_get("x").f_has_range()


def test_results_come_from_the_store_without_a_node_in_memory(traj, service):
    traj.f_store()
    loaded = skeleton_free(service)
    assert "z" not in loaded.f_to_dataframe("z")
    frame = loaded.f_to_dataframe(["z", "odd", "many", "sub"], auto_load=True)
    assert list(frame["z"]) == [0, 10, 20, 30, 40, 50]
    assert frame["odd"].isna().tolist() == [True, False] * 3
    assert list(frame["many.b"]) == ["b0", "b1", "b2", "b3", "b4", "b5"]
    assert frame["sub.array"][2].tolist() == [2.0, 2.0, 2.0]
    assert set(loaded.f_to_dict()) == {"parameters.x", "parameters.g.y"}


def test_what_is_in_memory_counts_before_what_is_in_the_store(traj, service):
    traj.f_store()
    loaded = skeleton_free(service)
    loaded.f_add_result("results.runs.run_00000002.z", 7)
    loaded.f_add_result("results.runs.run_00000001.sub.new", 8)
    frame = loaded.f_to_dataframe(["z", "sub"], auto_load=True)
    assert list(frame["z"]) == [0, 10, 7, 30, 40, 50]
    assert frame["sub.new"].dropna().tolist() == [8]
    assert frame["sub.array"].isna().sum() == 0


def test_links_of_runs_in_the_store_lead_to_what_is_in_memory(traj, service):
    traj.f_add_link("results.runs.run_00000002.same", traj.f_get("results.runs.run_00000001.odd"))
    traj.f_add_result("results.runs.run_00000001.same", 11)
    traj.f_store()
    loaded = skeleton_free(service)
    loaded.f_load_child("results.runs.run_00000001", recursive=True)
    same = loaded.f_to_dataframe("same", auto_load=True)["same"]
    assert same.dropna().to_dict() == {1: 11, 2: 1}


def test_an_explored_parameter_that_was_deleted_has_no_column(traj, service, caplog):
    traj.f_store()
    traj.f_delete_item("x")
    frame = skeleton_free(service).f_to_dataframe(auto_load=True)
    assert "x" not in frame
    assert list(frame["y"]) == [0.0, 0.5, 1.0] * 2
    assert "nor in the store" in caplog.text


def test_results_of_no_run_in_the_store_stand_in_for_runs_without_one(traj, service):
    traj.f_add_result("results.runs.run_ALL.odd", -1)
    traj.f_store()
    loaded = skeleton_free(service)
    assert list(loaded.f_to_dataframe("odd", auto_load=True)["odd"]) == [-1, 1, -1, 3, -1, 5]
    without = loaded.f_to_dataframe("odd", auto_load=True, include_default_run=False)["odd"]
    assert without.isna().tolist() == [True, False] * 3


def test_a_service_that_only_loads_nodes_serves_as_well(traj):
    class Plain(StorageService):
        def store(self, msg, stuff_to_store, *args, **kwargs):
            return inner.store(msg, stuff_to_store, *args, **kwargs)

        def load(self, msg, stuff_to_load, *args, **kwargs):
            return inner.load(msg, stuff_to_load, *args, **kwargs)

    inner = traj.v_storage_service
    traj.f_store()
    loaded = Trajectory("T", storage_service=Plain())
    loaded.f_load(load_results=1, max_depth=3)
    assert list(loaded.f_to_dataframe("z", auto_load=True)["z"]) == [0, 10, 20, 30, 40, 50]


def test_a_result_that_is_nowhere_is_reported(traj, caplog):
    assert "nowhere" not in traj.f_to_dataframe("nowhere")
    assert "nowhere" in caplog.text


def test_many_runs_need_no_loop_in_the_way():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(100_000)})
    frame = traj.f_to_dataframe()
    assert len(frame) == 100_000
    assert frame["x"].iloc[-1] == 99_999


def test_without_pandas_the_error_says_what_to_install(traj, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pypet-trajectory\[pandas\]"):
        traj.f_to_dataframe()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([1, None, 2**64 - 1], "UInt64"), ([1, 0, 2**64 - 1], "uint64"), ([-1, 0, 2**63], object)],
)
def test_whole_numbers_keep_all_their_digits(values, dtype):
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 2**63 + 1]})
    for idx, value in enumerate(values):
        if value is not None:
            traj.f_add_result(f"runs.run_{idx:08d}.seed", value)
    frame = traj.f_to_dataframe("seed")
    assert frame["x"].tolist() == [1, 2, 2**63 + 1]
    assert frame["seed"].dtype == dtype
    assert [frame["seed"][idx] for idx in (0, 2)] == [values[0], values[2]]
