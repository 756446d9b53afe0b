"""What natural naming asks a storage service for, and when."""

from __future__ import annotations

import pytest

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.storage.memory import LazyStorageService
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.adding import add_from_storage


class Shelf(StorageService):
    """Keeps parameters and results of one item, and every call."""

    def __init__(self, **values):
        self.values = {name.replace("__", "."): value for name, value in values.items()}
        self.calls = []

    def store(self, msg, stuff_to_store, *args, **kwargs):
        self.calls.append((msg, stuff_to_store, *args, kwargs))

    def load(self, msg, stuff_to_load, *args, **kwargs):
        self.calls.append((msg, stuff_to_load, *args, kwargs))
        if msg == "TREE":
            path = args[0]
            full_name = f"{stuff_to_load.v_full_name}.{path}".lstrip(".")
            if full_name not in self.values:
                raise DataNotInStorageError(f"`{full_name}` is not on the shelf")
            cls = Parameter if full_name.startswith("parameters") else Result
            self.fill(add_from_storage(stuff_to_load, (cls, path), {}, leaf=True))
        elif msg == "LIST":
            for _, leaf, *_ in stuff_to_load:
                self.fill(leaf)

    def fill(self, leaf):
        if leaf.v_full_name not in self.values:
            raise DataNotInStorageError(f"`{leaf.v_full_name}` is not on the shelf")
        leaf._load({"data" if leaf.v_is_parameter else leaf.v_name: self.values[leaf.v_full_name]})


@pytest.fixture
def shelf(traj: Trajectory) -> Shelf:
    traj.v_storage_service = Shelf(results__x=5, results__g__y=6, results__runs__run_ALL__q=7)
    return traj.v_storage_service


def test_nothing_is_loaded_unless_asked_for(traj: Trajectory, shelf: Shelf):
    for missing in (lambda: traj.res.x, lambda: traj.f_get("res.x"), lambda: traj["res.x"]):
        with pytest.raises(AttributeError):
            missing()
    assert not shelf.calls


def test_auto_load_loads_what_is_missing(traj: Trajectory, shelf: Shelf):
    traj.v_auto_load = True
    assert traj.res.x == 5
    assert traj["results.g.y"] == 6
    message, group, path, keywords = shelf.calls[0]
    assert (message, group, path) == ("TREE", traj.res, "x")
    assert keywords == {
        "trajectory_name": "T",
        "recursive": False,
        "load_data": 2,
        "max_depth": None,
    }
    assert len(shelf.calls) == 2
    assert traj.res.x == 5
    assert len(shelf.calls) == 2


def test_f_get_loads_by_its_argument_only(traj: Trajectory, shelf: Shelf):
    traj.v_auto_load = True
    with pytest.raises(AttributeError):
        traj.f_get("res.x")
    assert traj.f_get("res.x", fast_access=True, auto_load=True) == 5


def test_what_is_not_stored_either_is_an_error_of_storage(traj: Trajectory, shelf: Shelf):
    traj.v_auto_load = True
    with pytest.raises(DataNotInStorageError):
        _ = traj.res.nothing
    with pytest.raises(DataNotInStorageError):
        hasattr(traj, "nothing")
    assert traj.f_get_default("res.nothing", 3, auto_load=True) == 3


def test_containment_never_loads(traj: Trajectory, shelf: Shelf):
    traj.v_auto_load = True
    assert "res.x" not in traj
    assert not shelf.calls


@pytest.mark.parametrize("name", ["_x", "__array__", "a..b", "a._b"])
def test_names_that_no_node_can_have_are_not_asked_for(traj: Trajectory, shelf: Shelf, name: str):
    traj.v_auto_load = True
    with pytest.raises(AttributeError):
        getattr(traj, name)
    with pytest.raises(AttributeError):
        traj.f_get(name, auto_load=True)
    assert not shelf.calls


def test_data_of_an_empty_leaf_is_loaded_through_shortcuts(traj: Trajectory, shelf: Shelf):
    leaf = traj.f_add_result("g.y")
    assert traj.y is leaf
    traj.v_auto_load = True
    assert traj.y == 6
    [(message, items, keywords)] = shelf.calls
    assert message == "LIST"
    assert items[0][:2] == ("LEAF", leaf)
    assert keywords == {"trajectory_name": "T"}


def test_loading_falls_back_to_the_dummy_run(explored: Trajectory):
    explored.v_storage_service = Shelf(results__runs__run_ALL__q=7)
    explored.v_idx = 1
    assert explored.f_get("res.runs.$.q", fast_access=True, auto_load=True) == 7
    assert [call[2] for call in explored.v_storage_service.calls] == [
        "results.runs.run_00000001.q",
        "results.runs.run_ALL.q",
    ]


def test_the_first_error_of_storage_is_the_one_reported(explored: Trajectory):
    explored.v_storage_service = Shelf()
    explored.v_idx = 1
    with pytest.raises(DataNotInStorageError, match="run_00000001"):
        explored.f_get("res.runs.$.q", auto_load=True)


def test_without_a_service_the_error_says_so(traj: Trajectory):
    traj.v_auto_load = True
    with pytest.raises(AttributeError, match="no storage service"):
        _ = traj.x
    for call in (traj.res.f_store, traj.res.f_load):
        with pytest.raises(AttributeError, match="no storage service"):
            call()


def test_a_service_that_loads_nothing_leaves_names_unknown(traj: Trajectory):
    traj.v_storage_service = LazyStorageService()
    traj.v_auto_load = True
    with pytest.raises(AttributeError):
        _ = traj.res.x


def test_groups_talk_to_the_service_in_four_ways(traj: Trajectory, shelf: Shelf):
    leaf = traj.f_add_result("h.z", 1)
    group = traj.res.h
    group.f_store(max_depth=0)
    traj.res.f_store_child("h.z", store_data=3)
    group.f_load(recursive=False, load_data=1)
    assert traj.res.f_load_child("x") is traj.f_get("results.x")
    name = {"trajectory_name": "T"}
    assert shelf.calls == [
        ("GROUP", group, {**name, "recursive": True, "store_data": 2, "max_depth": 0}),
        ("TREE", traj.res, "h.z", {**name, "recursive": False, "store_data": 3, "max_depth": None}),
        ("GROUP", group, {**name, "recursive": False, "load_data": 1, "max_depth": None}),
        ("TREE", traj.res, "x", {**name, "recursive": False, "load_data": 2, "max_depth": None}),
    ]
    assert leaf.v_full_name == "results.h.z"


def test_a_child_that_is_not_there_cannot_be_stored(traj: Trajectory, shelf: Shelf):
    traj.f_add_result("a.b", 1)
    with pytest.raises(ValueError, match="shortcuts"):
        traj.res.f_store_child("b")
    assert not shelf.calls


def test_completion_loads_one_level_and_forgives_everything(traj: Trajectory, shelf: Shelf):
    traj.f_add_result_group("g")
    traj.v_auto_load = True
    assert traj.f_dir_data() == ["results"]
    assert shelf.calls[0][0] == "GROUP"
    assert shelf.calls[0][-1]["load_data"] == 1
    traj.v_storage_service = None
    assert traj.res.f_dir_data() == ["g"]
