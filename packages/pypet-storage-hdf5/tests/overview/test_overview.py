"""The overview group: meta data, run table, tables for the eye, purged comments."""

from __future__ import annotations

import pytest
import tables

from pypet_storage_hdf5 import HDF5StorageService
from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.exceptions import VersionMismatchError
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.trajectory.lifecycle import finalize_run, start_run


def rows(path: str, table: str, trajectory: str = "traj") -> list[dict[str, object]]:
    with tables.open_file(path) as file:
        data = file.get_node(f"/{trajectory}/overview/{table}").read()
    return [
        {
            name: row[name].decode() if isinstance(row[name], bytes) else row[name].item()
            for name in data.dtype.names
        }
        for row in data
    ]


def has_table(path: str, table: str) -> bool:
    with tables.open_file(path) as file:
        return f"/traj/overview/{table}" in file


@pytest.fixture
def explored(new):
    traj = new(comment="meta")
    traj.f_add_parameter("group.x", 1, comment="the x")
    traj.f_explore({"x": [1, 2, 3]})
    return traj


@pytest.mark.claim(208)
def test_info_is_one_row(explored, path):
    explored.f_store()
    explored.f_store()
    (row,) = rows(path, "info")
    assert (row["name"], row["comment"], row["length"]) == ("traj", "meta", 3)


def test_a_long_comment_is_whole_although_info_cuts_it_between_two_characters(new, load, path):
    comment = "ü" * 40_000
    new(comment=comment).f_store()
    assert rows(path, "info")[0]["comment"] == "ü" * 254 + "..."
    assert load().v_comment == comment


@pytest.mark.claim(209)
def test_runs_has_one_row_per_run_and_nine_columns(explored, path):
    explored.f_store()
    table = rows(path, "runs")
    assert [row["name"] for row in table] == ["run_00000000", "run_00000001", "run_00000002"]
    assert list(table[0]) == [
        "idx",
        "name",
        "time",
        "timestamp",
        "finish_timestamp",
        "runtime",
        "parameter_summary",
        "short_environment_hexsha",
        "completed",
    ]


@pytest.mark.claim(209)
def test_rows_of_runs_that_were_done_have_a_summary_of_their_parameters(explored, path):
    explored.f_store()
    for idx in range(3):
        start_run(explored, idx)
        finalize_run(explored)
    explored.f_store()
    table = rows(path, "runs")
    assert [row["parameter_summary"] for row in table] == ["x: 1", "x: 2", "x: 3"]
    assert [row["completed"] for row in table] == [1, 1, 1]
    assert all(row["finish_timestamp"] >= row["timestamp"] > 1e9 for row in table)


def test_single_rows_and_failures_are_updated(explored, load, path):
    explored.f_store()
    failure = RunFailure("failed", "ZeroDivisionError", "oh", "Traceback …", 2, "host", 5.0)
    row = {**explored.v_runs.table.row(1), "name": "run_00000001", "completed": 1}
    other = {**explored.v_runs.table.row(2), "name": "run_00000002"}
    explored.v_storage_service.store_run_rows(RunRows("traj", {1: row, 2: other}, {2: failure}))
    table = load().v_runs.table
    assert [table.is_completed(idx) for idx in range(3)] == [False, True, False]
    assert table.failures == {2: failure}
    explored.v_storage_service.store_run_rows(RunRows("traj", {2: {**other, "completed": 1}}))
    assert load().v_runs.table.failures == {}
    assert not has_table(path, "run_failures")


@pytest.mark.claim(210)
def test_explorations_names_explored_parameters_also_if_they_change(new, path):
    traj = new()
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("y", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    assert rows(path, "explorations") == [{"explorations": "parameters.x"}]


@pytest.mark.claim(211)
@pytest.mark.claim(212)
@pytest.mark.claim(216)
def test_parameters_have_rows_with_value_comment_and_range(explored, path):
    explored.f_store()
    assert rows(path, "parameters_overview") == [
        {"location": "parameters.group", "name": "x", "value": "1", "comment": "the x"}
    ]
    assert rows(path, "explored_parameters_overview") == [
        {
            "location": "parameters.group",
            "name": "x",
            "value": "1",
            "comment": "the x",
            "length": 3,
            "range": "1, 2, 3",
        }
    ]
    config = {row["name"]: row for row in rows(path, "config_overview")}
    assert (config["complevel"]["value"], config["complevel"]["location"]) == ("9", "config.hdf5")
    assert config["complib"]["comment"] == explored.f_get("config.hdf5.complib").v_comment


@pytest.mark.claim(113)
@pytest.mark.claim(114)
@pytest.mark.claim(115)
@pytest.mark.claim(213)
@pytest.mark.parametrize(
    ("settings", "present", "absent"),
    [
        (
            {},
            [
                "results_summary",
                "derived_parameters_summary",
                "config_overview",
                "parameters_overview",
                "explored_parameters_overview",
            ],
            ["results_overview", "derived_parameters_overview"],
        ),
        ({"large_overview_tables": True}, ["results_overview", "derived_parameters_overview"], []),
        (
            {"small_overview_tables": False},
            ["results_summary"],
            ["config_overview", "parameters_overview", "explored_parameters_overview"],
        ),
        (
            {"summary_tables": False, "purge_duplicate_comments": False},
            ["config_overview"],
            ["results_summary", "derived_parameters_summary"],
        ),
    ],
)
def test_overview_tables_exist_as_asked_for(new, path, settings, present, absent):
    new(**settings).f_store()
    assert [has_table(path, name) for name in present] == [True] * len(present)
    assert [has_table(path, name) for name in absent] == [False] * len(absent)


@pytest.mark.claim(217)
def test_overview_tables_stop_at_a_thousand_rows(new, path):
    traj = new(large_overview_tables=True)
    for number in range(1005):
        traj.f_add_result(f"r{number}", number, comment=f"number {number}")
    traj.f_store()
    assert len(rows(path, "results_overview")) == 1000
    assert len(rows(path, "results_summary")) == 1005


@pytest.mark.claim(218)
def test_deleting_leaves_the_tables_alone(new, path):
    traj = new()
    traj.f_add_result("r", 1, comment="short-lived")
    traj.f_store()
    traj.f_delete_item("r")
    assert [row["name"] for row in rows(path, "results_summary")] == ["r"]


@pytest.mark.claim(112)
@pytest.mark.claim(214)
@pytest.mark.claim(215)
@pytest.mark.claim(220)
@pytest.mark.claim(221)
@pytest.mark.claim(222)
@pytest.mark.claim(225)
def test_equal_comments_are_stored_once_but_those_of_groups_always(new, load, path):
    traj = new()
    for number, comment in enumerate(["Mostly harmless!", "Mostly harmless!", "other"]):
        group = traj.f_add_result_group(f"run{number}", comment="a run")
        group.f_add_result("z", number, comment=comment)
        traj.f_add_derived_parameter(f"d{number}.y", number, comment="derived")
        traj.f_store()
    again = load()
    assert [again.f_get(f"results.run{n}.z").v_comment for n in range(3)] == [
        "Mostly harmless!",
        "",
        "other",
    ]
    assert [again.f_get(f"results.run{n}").v_comment for n in range(3)] == ["a run"] * 3
    summary = rows(path, "results_summary")
    assert [(row["name"], row["value"], row["comment"]) for row in summary] == [
        ("z", "z=0", "Mostly harmless!"),
        ("z", "z=2", "other"),
    ]
    assert len(rows(path, "derived_parameters_summary")) == 1


def test_all_comments_are_stored_without_purging(new, load):
    traj = new(purge_duplicate_comments=False)
    traj.f_add_result("a", 1, comment="same")
    traj.f_add_result("b", 1, comment="same")
    traj.f_store()
    again = load()
    assert [again.f_get(name).v_comment for name in ("a", "b")] == ["same", "same"]


def test_runs_have_the_names_that_the_trajectory_gives_them(new, load, path):
    traj = Trajectory("traj", wildcard_functions={("$", "crun"): lambda idx: f"try_{idx}"})
    traj.v_storage_service = HDF5StorageService(path, trajectory=traj)
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    assert [row["name"] for row in rows(path, "runs")] == ["try_0", "try_1"]
    assert load().v_runs.table.names == ["try_0", "try_1"]


def test_a_format_of_the_future_is_refused(new, load, path):
    new().f_store()
    with tables.open_file(path, "a") as file:
        file.get_node("/traj/overview")._v_attrs.PYPET_FORMAT = 99
    with pytest.raises(VersionMismatchError, match="99"):
        load()
