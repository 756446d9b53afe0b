"""Going through a tree."""

from __future__ import annotations

import pytest

from pypet_trajectory.trajectory import Trajectory


@pytest.fixture
def mixed(traj: Trajectory) -> Trajectory:
    """Groups and leaves mixed on one level, and a link."""
    traj.f_add_result("a.x", 1)
    traj.f_add_result("b", 1)
    traj.f_add_result("c.y", 1)
    traj.f_add_result("d", 1)
    traj.f_add_parameter("g.p", 1)
    traj.res.f_add_link("l", traj.f_get("parameters.g"))
    return traj


def test_with_links_children_come_in_order_of_adding(mixed: Trajectory, names_below):
    assert names_below(mixed.res) == [
        "results.a",
        "results.b",
        "results.c",
        "results.d",
        "parameters.g",
        "results.a.x",
        "results.c.y",
        "parameters.g.p",
    ]


def test_without_links_groups_come_before_leaves(mixed: Trajectory, names_below):
    assert names_below(mixed.res, with_links=False) == [
        "results.a",
        "results.c",
        "results.b",
        "results.d",
        "results.a.x",
        "results.c.y",
    ]


def test_a_linked_node_is_yielded_once(mixed: Trajectory, names_below):
    names = names_below(mixed)
    assert len(names) == len(set(names)) == 10


def test_iterating_a_group_yields_children_or_everything(mixed: Trajectory, names_below):
    assert [node.v_name for node in mixed.res] == ["a", "b", "c", "d", "g"]
    mixed.v_iter_recursive = True
    assert [node.v_full_name for node in mixed.res] == names_below(mixed.res)


@pytest.mark.parametrize(("depth", "count"), [(0, 0), (1, 5), (2, 8), (None, 8)])
def test_max_depth_is_relative_and_inclusive(mixed: Trajectory, names_below, depth, count):
    assert len(names_below(mixed.res, max_depth=depth)) == count


def test_not_recursive_means_children_only(mixed: Trajectory, names_below):
    assert len(names_below(mixed.res, recursive=False)) == 5
    assert names_below(mixed.res, recursive=False, max_depth=0) == []


def test_a_predicate_leaves_out_everything_below(mixed: Trajectory, names_below):
    names = names_below(mixed.res, predicate=lambda node: node.v_name not in ("a", "g"))
    assert names == ["results.b", "results.c", "results.d", "results.c.y"]


def test_leaves_can_be_had_alone(mixed: Trajectory):
    assert [leaf.v_name for leaf in mixed.f_iter_leaves()] == ["b", "d", "x", "y", "p"]
    assert [leaf.v_name for leaf in mixed.res.f_iter_leaves(with_links=False)] == [
        "b",
        "d",
        "x",
        "y",
    ]


def test_runs_as_predicate_keep_these_runs_and_what_belongs_to_none(
    explored: Trajectory, names_below
):
    for run in ("r_0", "r_1", "r_2", "r_A"):
        explored.f_add_result(f"{run}.z", 1)
    expected = ["results", "results.run_00000001", "results.run_ALL"]
    for runs in (["run_00000001"], (1,), {1}, [1, -1], [1, "run_ALL"]):
        names = names_below(explored, predicate=runs)
        assert [name for name in names if name.startswith("results")][:3] == expected
        assert "results.run_00000000" not in names
        assert "results.run_00000001.z" in names
        assert "results.run_ALL.z" in names
        assert "parameters.x" in names


def test_an_unknown_run_index_is_a_key_error(explored: Trajectory):
    with pytest.raises(KeyError):
        explored.f_iter_nodes(predicate=[99])


def test_counts_and_dictionaries_of_direct_children(mixed: Trajectory):
    results = mixed.res
    assert (results.f_children(), results.f_groups(), results.f_leaves()) == (5, 2, 2)
    assert list(results.f_get_children()) == ["a", "b", "c", "d", "l"]
    assert list(results.f_get_groups()) == ["a", "c"]
    assert list(results.f_get_leaves()) == ["b", "d"]
    assert results.f_has_leaves()
    assert results.f_has_groups()
    assert results.f_has_children()


@pytest.mark.parametrize("kind", ["children", "groups", "leaves", "links"])
def test_live_dictionaries_follow_the_tree_and_copies_do_not(traj: Trajectory, kind: str):
    group = traj.f_add_result_group("g")
    live = getattr(group, f"f_get_{kind}")(copy=False)
    copy = getattr(group, f"f_get_{kind}")()
    group.f_add_group("group")
    group.f_add_leaf("leaf", 1)
    group.f_add_link("link", group.f_get("leaf"))
    assert live is getattr(group, f"f_get_{kind}")(copy=False)
    assert live
    assert not copy
