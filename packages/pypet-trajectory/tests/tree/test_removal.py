"""Removing nodes from memory."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory


@pytest.fixture
def deep(traj: Trajectory) -> Trajectory:
    traj.f_add_result("a.b.c", 1)
    traj.f_add_result("a.b.d", 2)
    traj.f_add_result("a.e", 3)
    traj.f_get("results.a").f_add_link("l", traj.f_get("results.a.b.c"))
    return traj


def test_a_leaf_leaves_all_registers(traj: Trajectory):
    leaf = traj.f_add_parameter("x", 1)
    traj.par.f_remove_child("x")
    assert leaf not in traj
    assert not traj._parameters
    assert not traj.v_index.leaves
    assert traj.par.f_leaves() == 0
    assert leaf.v_full_name == "parameters.x"
    assert_invariants(traj.v_index)


@pytest.mark.parametrize("name", ["xx", "a.b", "e"])
def test_only_direct_children_can_be_removed(deep: Trajectory, name: str):
    with pytest.raises(ValueError, match="no child"):
        deep.res.f_remove_child(name)


def test_a_group_with_children_is_removed_recursively_only(deep: Trajectory):
    group = deep.f_get("results.a")
    for remove in (
        lambda: deep.res.f_remove_child("a"),
        lambda: group.f_remove(recursive=False),
        lambda: deep.f_remove_item("results.a"),
    ):
        with pytest.raises(TypeError, match="recursive"):
            remove()
    deep.res.f_remove_child("a", recursive=True)
    assert not deep._results
    assert list(deep._all_groups) == ["results"]
    assert_invariants(deep.v_index)


def test_a_group_removes_itself(deep: Trajectory):
    deep.f_get("results.a").f_remove()
    assert list(deep._all_groups) == ["results"]
    assert_invariants(deep.v_index)


def test_removing_a_link_by_its_name_leaves_the_node(deep: Trajectory):
    deep.f_get("results.a").f_remove_child("l")
    assert "results.a.b.c" in deep
    assert not deep._linked_by


def test_wildcards_in_names_of_children_are_translated(explored: Trajectory):
    explored.v_idx = 1
    explored.f_add_result("$.z", 1)
    explored.res.f_remove_child("$", recursive=True)
    assert not explored._results


def test_a_predicate_decides_from_the_top_down(deep: Trajectory, names_below):
    asked = []

    def predicate(node) -> bool:
        asked.append(node.v_full_name)
        return node.v_name != "d"

    deep.res.f_remove_child("a", recursive=True, predicate=predicate)
    assert names_below(deep) == ["results", "results.a", "results.a.b", "results.a.b.d"]
    assert asked[0] == "results.a"
    assert not deep._linked_by
    assert_invariants(deep.v_index)


def test_what_a_predicate_refuses_keeps_everything_below(deep: Trajectory, names_below):
    deep.f_remove(predicate=lambda node: node.v_name != "b")
    assert names_below(deep) == [
        "results",
        "results.a",
        "results.a.b",
        "results.a.b.c",
        "results.a.b.d",
    ]


def test_a_predicate_may_refuse_a_single_leaf(traj: Trajectory):
    traj.f_add_result("x", 1)
    traj.res.f_remove_child("x", predicate=lambda node: False)
    assert "results.x" in traj


def test_the_root_removes_everything_below(deep: Trajectory):
    with pytest.raises(ValueError, match="recursive"):
        deep.f_remove(recursive=False)
    deep.f_remove()
    assert not deep.f_has_children()
    index = deep.v_index
    for register in (
        index.leaves,
        index.names,
        index.link_names,
        deep._all_groups,
        deep._linked_by,
        deep._results,
        deep._run_parent_groups,
    ):
        assert not register
    assert_invariants(index)


def test_branches_come_back_when_asked_for_again(deep: Trajectory):
    deep.f_remove()
    assert deep.results.f_children() == 0


def test_a_removed_group_knows_that_it_has_no_tree(deep: Trajectory):
    group = deep.f_get("results.a")
    group.f_remove()
    assert group.v_root is None
    with pytest.raises(TypeError, match="not in the tree"):
        group.f_add_group("x")
    with pytest.raises(AttributeError, match="not in the tree"):
        _ = group.x


def test_groups_that_had_runs_are_forgotten_when_removed(explored: Trajectory):
    explored.f_add_result("g.r_1.z", 1)
    assert list(explored._run_parent_groups) == ["results.g"]
    explored.f_remove_item("results.g", recursive=True)
    assert not explored._run_parent_groups


def test_removed_nodes_are_no_longer_new(in_run: Trajectory):
    in_run.f_add_result("$.z", 1)
    in_run.res.f_remove()
    assert not in_run.v_runs.new_nodes


def test_the_last_explored_parameter_takes_the_exploration_along(explored: Trajectory):
    explored.f_remove_item("parameters.x")
    assert len(explored) == 1
    assert not explored.v_exploration.parameters
    assert_invariants(explored.v_index)


def test_an_explored_parameter_of_a_stored_trajectory_stays_known(explored: Trajectory):
    explored._stored = True
    explored.f_remove_item("parameters.x")
    assert len(explored) == 3
    assert explored.v_exploration.parameters == {"parameters.x": None}
    assert_invariants(explored.v_index)


def test_a_run_that_frees_its_parameters_does_not_end_the_exploration(in_run: Trajectory):
    in_run.f_remove()
    assert len(in_run) == 3
    assert in_run.v_exploration.parameters == {"parameters.x": None}


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="counts references")
@pytest.mark.parametrize("name", ["results.a.b.c", "results.a.b", "results.a"])
def test_nothing_keeps_a_removed_node_alive(deep: Trajectory, name: str):
    node = deep.f_get(name)
    assert deep.c == 1
    assert node in (node, deep.f_get("results.a.b"))
    assert node.vars.name == node.v_name
    assert node.func.get_class_name() == type(node).__name__
    assert list(deep.f_iter_nodes())
    deep.f_remove_item(node, recursive=True)
    gc.collect()
    assert sys.getrefcount(node) <= 2  # the variable, and the argument in older Pythons


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="counts references")
def test_removed_nodes_are_freed_without_the_garbage_collector(deep: Trajectory):
    nodes = [weakref.ref(node) for node in deep.f_iter_nodes()]
    gc.disable()
    try:
        deep.f_remove()
        assert [node() for node in nodes] == [None] * len(nodes)
    finally:
        gc.enable()
