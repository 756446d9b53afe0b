"""Links."""

from __future__ import annotations

import pytest

from pypet_trajectory.exceptions import NotUniqueNodeError
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.links import add_link_from_storage


def test_a_link_takes_the_name_of_its_node_unless_told_otherwise(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    assert traj.res.f_add_link(leaf) is leaf
    assert traj.res.f_add_link("q", leaf) is leaf
    assert traj.res.f_get_links() == {"p": leaf, "q": leaf}
    assert_invariants(traj.v_index)


def test_a_link_by_name_is_looked_up_from_the_root_with_shortcuts(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b.p", 1)
    assert traj.res.f_add_link("q", "p") is leaf
    with pytest.raises(AttributeError):
        traj.res.f_add_link("r", "nothing")


def test_names_of_links_are_dotted_and_translated(explored: Trajectory):
    leaf = explored.f_get("x")
    explored.v_idx = 2
    explored.res.f_add_link("a.$", leaf)
    assert explored.f_get("results.a.run_00000002") is leaf
    explored.f_get("results.a").f_remove_link("$")
    assert not explored.f_get("results.a").f_has_links()
    assert_invariants(explored.v_index)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("q",), "something to point to"),
        (("q", 3), "must point to a node"),
        (("_q", "p"), "underscore"),
        (("", "p"), "at least one character"),
        (("parameters", "p"), "kept for the"),
        (("res", "p"), "kept for the"),
    ],
)
def test_links_that_make_no_sense_are_value_errors(traj: Trajectory, args: tuple, reason: str):
    traj.f_add_parameter("p", 1)
    with pytest.raises(ValueError, match=reason):
        traj.f_add_link(*args)
    assert not traj.f_has_links()


def test_only_nodes_of_this_tree_can_be_linked_to(traj: Trajectory):
    other = Trajectory("other").f_add_parameter("p", 1)
    for target in (traj, Parameter("x", 1), other):
        with pytest.raises(ValueError):
            traj.f_add_link("q", target)


def test_the_node_comes_second(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    with pytest.raises(ValueError, match="comes first"):
        traj.f_add_link(leaf, "q")


def test_a_taken_name_is_refused(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    traj.res.f_add_link("q", leaf)
    for name in ("q", "q.r"):
        with pytest.raises(AttributeError, match="link"):
            traj.res.f_add_link(name, leaf)


def test_links_count_as_children_but_not_as_leaves_or_groups(traj: Trajectory):
    leaf = traj.f_add_parameter("g.p", 1)
    traj.res.f_add_link("leaf", leaf)
    traj.res.f_add_link("group", traj.f_get("parameters.g"))
    results = traj.res
    assert (results.f_children(), results.f_links()) == (2, 2)
    assert (results.f_groups(), results.f_leaves()) == (0, 0)
    assert results.f_has_children()
    assert results.f_has_links()
    assert not results.f_has_groups()
    assert not results.f_has_leaves()


def test_the_real_name_is_kept_behind_a_link(traj: Trajectory):
    traj.f_add_parameter("g.p", 1)
    traj.res.f_add_link("l", traj.f_get("parameters.g"))
    assert traj.res.l.f_get("p").v_full_name == "parameters.g.p"


def test_links_are_followed_unless_switched_off(traj: Trajectory):
    leaf = traj.f_add_parameter("g.p", 1)
    traj.res.f_add_link("l", traj.f_get("parameters.g"))
    assert traj.res.f_get("l.p") is leaf
    assert traj.res.f_get("l.p", shortcuts=False) is leaf
    assert traj.res.p == 1
    for options in ({"with_links": False}, {"with_links": False, "shortcuts": False}):
        with pytest.raises(AttributeError):
            traj.res.f_get("l.p", **options)
        with pytest.raises(AttributeError):
            traj.res.f_get("l", **options)
    traj.v_with_links = False
    assert "l" not in traj.res
    with pytest.raises(AttributeError):
        _ = traj.res.p


def test_a_link_and_its_node_at_the_same_depth_are_two(traj: Trajectory):
    traj.f_add_parameter_group("test.test3")
    traj.f_add_parameter_group("test2")
    traj.test2.f_add_link(traj.test3)
    with pytest.raises(NotUniqueNodeError):
        _ = traj.test3


def test_what_hangs_below_two_ways_to_the_same_group_is_one(traj: Trajectory):
    traj.f_add_parameter("test.test3.y", 1)
    traj.f_add_parameter_group("test2")
    traj.test2.f_add_link(traj.test3)
    assert traj.y == 1


def test_cycles_are_legal(traj: Trajectory, names_below):
    traj.f_add_parameter_group("test")
    traj.f_add_parameter_group("test2")
    traj.par.test.f_add_link("c1", traj.test2)
    traj.test2.f_add_link("c2", traj.test)
    traj.par.test.f_add_link("me", traj.par.test)
    assert traj.par.test.c1.c2.c1.c2.me is traj.par.test
    assert names_below(traj) == ["parameters", "parameters.test", "parameters.test2"]
    assert names_below(traj.par.test) == ["parameters.test2"]
    with pytest.raises(AttributeError):
        _ = traj.par.test.nothing


def test_removing_a_link_leaves_the_node(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    traj.res.f_add_link("l", leaf)
    traj.res.f_remove_link("l")
    assert leaf in traj
    assert not traj._linked_by
    with pytest.raises(ValueError, match="no link"):
        traj.res.f_remove_link("l")
    assert_invariants(traj.v_index)


def test_removing_a_node_removes_all_links_to_it(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    for name in ("a", "b.c"):
        traj.res.f_add_link(name, leaf)
    traj.f_remove_item(leaf)
    assert not traj._linked_by
    assert not traj.v_index.link_names
    assert traj.res.f_children() == 1
    assert_invariants(traj.v_index)


def test_removing_a_group_removes_its_links_from_the_registers(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    traj.res.f_add_link("g.l", leaf)
    traj.res.g.f_remove()
    assert not traj._linked_by
    assert_invariants(traj.v_index)


def test_links_added_during_a_run_are_noted(in_run: Trajectory):
    leaf = in_run.f_get("x")
    in_run.res.f_add_link("l", leaf)
    assert list(in_run.v_runs.new_links) == [("results", "l")]
    in_run.res.f_remove_link("l")
    assert not in_run.v_runs.new_links


def test_a_run_cannot_make_groups_of_parameters_for_a_link(in_run: Trajectory):
    in_run.par.f_add_link("l", in_run.f_get("x"))
    with pytest.raises(TypeError, match="single run"):
        in_run.par.f_add_link("g.l", in_run.f_get("x"))


def test_a_stored_link_that_is_there_already_is_left_alone(traj: Trajectory):
    first, second = traj.f_add_parameter("p", 1), traj.f_add_parameter("q", 1)
    for _ in range(2):
        add_link_from_storage(traj.res, "l", first)
    assert traj.res.f_get_links() == {"l": first}
    with pytest.raises(AttributeError, match="points to"):
        add_link_from_storage(traj.res, "l", second)
    assert_invariants(traj.v_index)
