"""Copies of trajectories, and parts of one inserted into another."""

import copy
import pickle

import pytest

from pypet_trajectory import NNGroupNode, Result, Trajectory


class OwnGroup(NNGroupNode):
    pass


@pytest.fixture
def traj():
    traj = Trajectory("T", comment="hi")
    traj.f_set_annotations(note="root")
    traj.f_add_parameter("x", 1, comment="an x").f_set_annotations(unit="ms")
    traj.f_add_parameter("y", 1)
    traj.f_add_group(OwnGroup, "own", comment="mine").f_set_annotations(note="group")
    traj.f_add_result("r", [1])
    traj.results.f_add_link("lx", traj.f_get("x"))
    traj.f_explore({"x": [1, 2]})
    traj.v_fast_access = False
    return traj


def test_a_copy_has_everything_but_ranges(traj):
    traj.v_idx = 1
    twin = copy.copy(traj)
    assert type(twin) is Trajectory
    assert (twin.v_name, twin.v_comment, len(twin), twin.v_idx) == ("T", "hi", 2, 1)
    assert twin.v_annotations.note == "root"
    assert twin.f_get("x").f_get() == 2
    assert twin.f_get("x").v_comment == "an x"
    assert twin.f_get("x").v_annotations.unit == "ms"
    assert not twin.f_get("x").f_has_range()
    assert twin.f_get("x").v_explored
    assert type(twin.own) is OwnGroup
    assert twin.own.v_annotations.note == "group"
    assert not twin.v_fast_access
    assert twin.f_get_explored_parameters() == {"parameters.x": twin.f_get("parameters.x")}


def test_a_copy_with_full_copy_has_ranges(traj):
    traj.v_full_copy = True
    assert traj.f_copy().f_get("x").f_get_range() == [1, 2]


def test_a_copy_is_a_tree_of_its_own(traj):
    twin = traj.f_copy()
    twin.f_add_result("new", 1)
    twin.f_get("x").v_comment = "other"
    twin.f_set_annotations(note="twin")
    twin.f_add_wildcard_functions({"$new": str})
    assert "new" not in traj
    assert traj.f_get("x").v_comment == "an x"
    assert traj.v_annotations.note == "root"
    assert not traj.f_is_wildcard("$new")
    assert twin.f_get("x") not in traj


def test_links_are_copied_if_asked_for(traj):
    assert traj.f_copy().results.f_get_links()["lx"].v_full_name == "parameters.x"
    assert not traj.f_copy(with_links=False)._linked_by


@pytest.mark.parametrize(
    ("copy_leaves", "x_is_shared", "r_is_shared"),
    [(True, False, False), (False, True, True), ("explored", False, True)],
)
def test_leaves_are_copied_or_shared(traj, copy_leaves, x_is_shared, r_is_shared):
    twin = traj.f_copy(copy_leaves=copy_leaves)
    assert (twin.f_get("x") is traj.f_get("x")) is x_is_shared
    assert (twin.f_get("r") is traj.f_get("r")) is r_is_shared


def test_another_way_of_copying_leaves_is_refused(traj):
    with pytest.raises(ValueError, match="nonsense"):
        traj.f_copy(copy_leaves="nonsense")


def test_a_copy_made_in_a_run_is_in_that_run(traj):
    traj.f_start_run(1)
    traj.f_add_result("z", 1)
    twin = traj.f_copy()
    assert twin.v_is_run
    assert list(twin.v_runs.new_nodes) == list(traj.v_runs.new_nodes)
    twin.f_finalize_run(store_meta_data=False)
    assert "z" not in twin
    assert "results.runs.run_00000001.z" in traj
    assert traj.f_get_run_information(1)["completed"] == 0


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_trajectories_pickle_with_every_protocol(traj, protocol):
    twin = pickle.loads(pickle.dumps(traj, protocol))
    assert list(twin.f_to_dict()) == list(traj.f_to_dict())
    assert twin.results.f_get_links()["lx"] is twin.f_get("parameters.x")
    twin.v_idx = -1
    twin.f_add_result("new", 1)
    assert twin.f_get_run_names() == traj.f_get_run_names()


def test_a_deep_copy_shares_no_nodes(traj):
    twin = copy.deepcopy(traj)
    assert twin.f_get("x") not in traj
    assert len(twin) == 2


def test_a_pickled_trajectory_keeps_its_wildcards():
    traj = Trajectory("T", wildcard_functions={("$own", "own"): str})
    assert pickle.loads(pickle.dumps(traj)).f_wildcard("$own", 3) == "3"


def test_parts_of_another_tree_can_be_inserted(traj):
    other = Trajectory("O")
    other.f_add_parameter("x", 9)
    other.f_add_parameter("g.z", 5)
    other.g.f_add_link("lx", other.f_get("x"))
    traj._copy_from(other.f_get("g"))
    assert traj.f_get("g.z").f_get() == 5
    assert traj.g.f_get_links()["lx"] is traj.f_get("parameters.x")
    assert traj.f_get("x").f_get_default() == 1


def test_what_exists_is_kept_or_overwritten(traj):
    other = Trajectory("O")
    other.f_add_result("r", 7, comment="new")
    other.results.v_comment = "theirs"
    traj._copy_from(other)
    assert traj.r.f_get() == [1]
    traj._copy_from(other, overwrite=True)
    assert traj.r.f_get() == 7
    assert traj.results.v_comment == "theirs"


def test_one_leaf_can_be_inserted_with_its_groups(traj):
    other = Trajectory("O")
    leaf = other.f_add_result("deep.er.q", 3)
    traj._copy_from(leaf)
    assert traj.deep.er.q.f_get() == 3
    assert traj.deep.er.q is not leaf
    assert isinstance(traj.deep.er.q, Result)
