"""Pickling and copying trees and parts of them."""

from __future__ import annotations

import copy
import pickle

import pytest

from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.branch_groups import ResultGroup
from pypet_trajectory.tree.groups import NNGroupNode


class Keeper(Result):
    """A leaf that holds on to a node of its own tree."""

    __slots__ = ("_node",)


@pytest.fixture
def tree(traj: Trajectory) -> Trajectory:
    traj.f_add_parameter("a.b.x", 1, comment="why")
    traj.f_add_result("g.y", [1, 2])
    traj.res.f_add_link("l", traj.f_get("parameters.a"))
    traj.f_get("parameters.a").f_set_annotations(by="me")
    return traj


def check(twin: Trajectory, original: Trajectory) -> None:
    assert twin is not original
    assert_invariants(twin.v_index)
    names = [node.v_full_name for node in original.f_iter_nodes()]
    assert [node.v_full_name for node in twin.f_iter_nodes()] == names
    assert all(node not in original for node in twin.f_iter_nodes())
    assert twin.res.l is twin.f_get("parameters.a")
    assert twin.res.l.v_annotations.by == "me"
    assert twin.b.x == 1
    twin.f_add_result("new", 1)
    assert "new" not in original
    assert_invariants(original.v_index)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_tree_pickles_with_every_protocol(tree: Trajectory, protocol: int):
    check(pickle.loads(pickle.dumps(tree, protocol)), tree)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_group_pickles_with_its_whole_tree(tree: Trajectory, protocol: int):
    group = pickle.loads(pickle.dumps(tree.f_get("parameters.a.b"), protocol))
    assert group.v_full_name == "parameters.a.b"
    assert group.v_root.f_get("parameters.a.b") is group
    check(group.v_root, tree)


def test_a_leaf_pickles_alone(tree: Trajectory):
    leaf = tree.f_get("results.g.y")
    dump = pickle.dumps(leaf)
    tree.f_add_result("other", "x" * 10_000)
    assert len(pickle.dumps(leaf)) == len(dump) < 1000
    twin = pickle.loads(dump)
    assert (twin.v_full_name, twin.v_depth, twin.f_get()) == ("results.g.y", 3, [1, 2])


@pytest.mark.parametrize("copying", [copy.copy, copy.deepcopy])
def test_copying_a_group_copies_the_tree(tree: Trajectory, copying):
    group = copying(tree.f_get("parameters.a.b"))
    assert group.v_full_name == "parameters.a.b"
    check(group.v_root, tree)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_group_without_a_tree_can_be_copied(protocol: int):
    group = ResultGroup("a.g", comment="why")
    for twin in (
        pickle.loads(pickle.dumps(group, protocol)),
        copy.copy(group),
        copy.deepcopy(group),
    ):
        assert type(twin) is ResultGroup
        assert (twin.v_full_name, twin.v_comment, twin.v_root) == ("a.g", "why", None)
        assert Trajectory("T").f_get("results").f_add_group(twin).f_children() == 0


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_leaves_that_refer_to_their_tree_survive(traj: Trajectory, protocol: int):
    leaf = traj.f_add_result(Keeper, "g.keeper", 1)
    object.__setattr__(leaf, "_node", traj.f_get("results.g"))
    twin = pickle.loads(pickle.dumps(traj, protocol))
    assert twin.f_get("keeper")._node is twin.f_get("results.g")
    alone = pickle.loads(pickle.dumps(leaf, protocol))
    assert alone._node.f_get("keeper") is alone
    assert_invariants(alone._node.v_index)


def test_groups_without_children_share_nothing_that_can_change(traj: Trajectory):
    first, second = NNGroupNode("a"), NNGroupNode("b")
    assert first.v_children is second.v_children
    with pytest.raises(TypeError):
        first.v_children["x"] = 1
    assert pickle.loads(pickle.dumps(first)).v_children is first.v_children


@pytest.mark.timeout(60)
def test_a_tree_hundreds_of_groups_deep_pickles(traj: Trajectory):
    name = ".".join("a" * 800)
    traj.f_add_result(name, 1)
    twin = pickle.loads(pickle.dumps(traj))
    assert twin.f_get(f"results.{name}").v_depth == 801


def test_pickling_leaves_out_answers_to_earlier_searches(tree: Trajectory):
    size = len(pickle.dumps(tree))
    assert tree.x == 1
    assert tree.y == [1, 2]
    assert abs(len(pickle.dumps(tree)) - size) < 20  # the parameter is locked now
