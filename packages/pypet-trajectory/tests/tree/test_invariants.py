"""`assert_invariants` notices what it is there for."""

from __future__ import annotations

import pytest

from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.nodes import rename, set_place


def lose_a_leaf(traj):
    traj._results.pop("results.g.x")


def lose_a_short_name(traj):
    traj.v_index.names.discard(traj.f_get("results.g.x"))


def forget_a_child(traj):
    del traj.f_get("results.g").v_children.leaves["x"]


def rename_behind_the_back(traj):
    rename(traj.f_get("results.g.x"), "results.g.y")


def let_a_link_dangle(traj):
    traj.v_index.add_link(traj.res, "l", Result("nowhere", 1))


def miscount_links(traj):
    traj.v_index.link_names["l"] += 1


def remember_wrongly(traj):
    traj.v_index.answers["", "x"] = traj.res


def misplace_a_node(traj):
    set_place(traj.f_get("results.g.x"), 7, "results", "trajectory")


def keep_a_new_node(traj):
    traj.v_runs.new_nodes["results", "gone"] = (traj.res, Result("results.gone", 1))


FAULTS = [
    lose_a_leaf,
    lose_a_short_name,
    forget_a_child,
    rename_behind_the_back,
    let_a_link_dangle,
    miscount_links,
    remember_wrongly,
    misplace_a_node,
    keep_a_new_node,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(traj: Trajectory, fault):
    traj.f_add_result("g.x", 1)
    traj.res.f_add_link("l", traj.f_get("results.g"))
    assert_invariants(traj.v_index)
    fault(traj)
    with pytest.raises(AssertionError):
        assert_invariants(traj.v_index)
