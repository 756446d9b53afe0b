"""Leaves appear whole, failures harm nothing that was there, killed processes lose nothing."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import (
    HDF5StorageService,
    StorageContextManager,
    check_hdf5_file,
    repair_hdf5_file,
)
from pypet_trajectory.api.journal import Journal
from pypet_trajectory.exceptions import StorageFailedError
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.trajectory import Trajectory


class Unstorable:
    """Something no codec takes."""


def test_a_failing_new_leaf_leaves_nothing_behind(new, load):
    traj = new()
    traj.f_store()
    result = traj.f_add_result("bad", fine=1)
    result.f_to_dict(copy=False)["broken"] = [Unstorable()]
    with pytest.raises(TypeError, match="Unstorable"):
        traj.f_store_item(result)
    assert "bad" not in load()
    assert check_hdf5_file(traj.v_storage_service.filename) == []


def test_a_failing_addition_leaves_the_stored_leaf_as_it_was(new, load):
    traj = new()
    result = traj.f_add_result("r", good=[1, 2])
    traj.f_store()
    result.f_set(also=3)
    result.f_to_dict(copy=False)["broken"] = [Unstorable()]
    with pytest.raises(TypeError):
        traj.f_store_item(result)
    with pytest.raises(TypeError):
        traj.f_store_item(result, store_data=3)
    assert load().f_get("r").f_to_dict() == {"good": [1, 2]}


def test_overwriting_replaces_values_and_keeps_items_the_tree_does_not_have(new, load):
    traj = new()
    result = traj.f_add_result("r", a=1, b=2)
    traj.f_store()
    result.f_remove("b")
    result.f_set(a=np.arange(3), c="new")
    traj.f_store_item(result, store_data=3)
    again = load().f_get("r")
    assert (again.a.tolist(), again.b, again.c) == ([0, 1, 2], 2, "new")


def test_a_complete_item_that_was_not_renamed_is_read_and_taken_over(new, load, path):
    traj = new()
    traj.f_add_result("r", a=1)
    traj.f_store()
    with tables.open_file(path, "a") as file:
        file.move_node("/traj/results/r/a", newname="__pypet_unfinished__a")
    again = load()
    assert again.f_get("r").a == 1
    again.f_get("r").f_set(a=2)
    again.f_store_item("r", store_data=3)
    assert load().f_get("r").a == 2
    assert check_hdf5_file(path) == []


@pytest.fixture
def half_written(new, path):
    """A file with a leaf as pypet 0.7 leaves it when it is killed."""
    traj = new()
    traj.f_add_result("group.r", a=1, b="x")
    traj.f_add_parameter("p", 3)
    traj.f_store()
    with tables.open_file(path, "a") as file:
        for name in ("results/group/r", "parameters/p"):
            attrs = file.get_node(f"/traj/{name}")._v_attrs
            del attrs["SRVC_LEAF"]
            del attrs["SRVC_INIT_CLASS_NAME"]
    return path


def test_a_half_written_leaf_is_hidden(half_written, load):
    again = load()
    assert "r" not in again.results.group
    assert "parameters" not in again or "p" not in again.parameters


def test_storing_a_leaf_again_heals_a_half_written_one(half_written, load):
    again = load()
    again.f_add_result("group.r", b="new", c=2)
    again.f_store()
    assert load().f_get("results.group.r").f_to_dict() == {"a": 1, "b": "new", "c": 2}


def test_a_repaired_file_has_its_half_written_leaves_back(half_written, load):
    assert {problem.kind for problem in check_hdf5_file(half_written)} == {"half-written"}
    report = repair_hdf5_file(half_written)
    assert sorted(report.healed) == ["/traj/parameters/p", "/traj/results/group/r"]
    assert report.lost == ()
    again = Trajectory("q", storage_service=HDF5StorageService(report.filename))
    again.f_load(name="traj", load_data=2)
    assert again.f_get("results.group.r").f_to_dict() == {"a": 1, "b": "x"}
    assert again.p == 3
    assert check_hdf5_file(report.filename) == []


def test_repairing_rebuilds_a_lost_run_table(new, path):
    traj = new()
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3, 4]})
    traj.f_store()
    with tables.open_file(path, "a") as file:
        file.remove_node("/traj/overview/runs")
        file.remove_node("/traj/overview/info")
    assert check_hdf5_file(path)
    report = repair_hdf5_file(path)
    again = Trajectory("q", storage_service=HDF5StorageService(report.filename))
    again.f_load(name="traj", load_data=2)
    assert len(again) == 4


def test_an_unknown_class_is_loaded_as_plain_result_if_asked(new, load):
    class Strange(Result):
        pass

    traj = new()
    traj.f_add_result(Strange, "r", a=1)
    traj.f_store()
    with pytest.raises(ImportError, match="Strange"):
        load()
    assert load(unknown_classes="generic").f_get("r").a == 1


def test_nothing_lies_beside_a_closed_file(new, path):
    traj = new()
    traj.f_add_result("r", 1)
    traj.f_store()
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_a_full_disk_is_an_os_error_and_the_file_stays_good(new, load, monkeypatch):
    traj = new()
    traj.f_add_result("before", 1)
    traj.f_store()

    def no_space(journal, parts):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_parts", no_space)
        traj.f_add_result("r", 1)
        with pytest.raises(StorageFailedError, match="No space"), StorageContextManager(traj):
            traj.f_store()
    assert load().f_get("before").f_get() == 1
    assert check_hdf5_file(traj.v_storage_service.filename) == []
