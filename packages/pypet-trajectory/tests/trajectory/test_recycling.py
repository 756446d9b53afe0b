"""A trajectory is used again only if nobody can tell it from a new one."""

import gc
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pypet_trajectory import (
    NNGroupNode,
    Parameter,
    PickleResult,
    Result,
    Trajectory,
)
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory.lifecycle import abandon_run, finalize_run, start_run
from pypet_trajectory.trajectory.snapshot import Snapshot


def make_trajectory():
    traj = Trajectory("T", comment="frozen")
    traj.f_add_parameter("x", 0, comment="an x")
    traj.f_add_parameter("net.w", np.zeros(3))
    traj.f_add_parameter("net.names", ["a", "b"])
    traj.f_add_parameter("one", 1)
    traj.f_add_config("seed", 7, comment="a seed")
    traj.f_add_result("before", [1, 2])
    traj.f_add_result("anything", a={"deep": [1]}, b=np.arange(3))
    traj.f_get("before").f_set_annotations(note="kept")
    traj.f_explore({"x": [5, 6, 7], "net.w": [np.full(3, float(i)) for i in range(3)]})
    return traj


@pytest.fixture
def snapshot():
    return Snapshot.take(make_trajectory())


def described(traj):
    """Everything a user can see of a trajectory."""
    leaves = {
        name: (
            type(leaf).__name__,
            leaf.v_comment,
            leaf.v_stored,
            leaf.f_ann_to_str(),
            leaf.v_is_parameter and leaf.v_locked,
            str(leaf),
        )
        for name, leaf in traj.f_to_dict().items()
    }
    groups = {
        name: (
            type(group).__name__,
            group.v_comment,
            group.v_stored,
            group.f_ann_to_str(),
            list(group.f_get_children()),
        )
        for name, group in traj._all_groups.items()
    }
    state = {
        name: value for name, value in vars(traj).items() if name not in ("_runs", "_exploration")
    }
    runs = traj.v_runs.__getstate__()
    del runs["_table"], runs["wildcards"]
    return (
        leaves,
        groups,
        state,
        runs,
        traj.f_get_run_information(),
        traj.f_get_wildcards(),
        traj.v_comment,
        traj.f_ann_to_str(),
        list(traj.v_exploration.parameters),
        list(traj._run_parent_groups),
        list(traj._linked_by),
    )


def run_and_forget(snapshot, change):
    """One run that changes something; returns which object its trajectory was."""
    traj = snapshot.restore(1)
    start_run(traj)
    change(traj)
    finalize_run(traj)
    return id(traj)


def set_value(traj, name, value):
    parameter = traj.f_get(name)
    parameter.f_unlock()
    parameter.f_set(value)


CHANGES = {
    "nothing": lambda traj: None,
    "reading locks": lambda traj: (traj.seed, traj.one, traj.x),
    "results": lambda traj: (traj.f_add_result("z", 1), traj.f_add_result("$set.$.q", 2)),
    "a result below an old group": lambda traj: traj.results.f_add_leaf("new", 1),
    "a value": lambda traj: set_value(traj, "seed", 8),
    "a value of equal number but another type": lambda traj: set_value(traj, "one", True),
    "an array in place": lambda traj: traj.net.w.__setitem__(slice(None), -1),
    "a list in place": lambda traj: traj.net.names.append("c"),
    "data of a result": lambda traj: traj.f_get("before").f_set(before=3, other=4),
    "deep data": lambda traj: traj.f_get("anything").a["deep"].append(2),
    "a comment": lambda traj: setattr(traj.f_get("seed"), "v_comment", "new"),
    "a group's comment": lambda traj: setattr(traj.net, "v_comment", "new"),
    "settings": lambda traj: traj.f_set_properties(fast_access=False, max_depth=1),
    "a standard class": lambda traj: setattr(traj, "v_standard_result", PickleResult),
    "a wildcard": lambda traj: traj.f_add_wildcard_functions({"$new": str}),
    "an attribute": lambda traj: setattr(traj, "_mine", 1),
    "a stored flag": lambda traj: setattr(traj.f_get("seed"), "_stored", True),
    "a logger": lambda traj: traj.f_get("seed")._set_logger("mine"),
    "annotations of the root": lambda traj: traj.f_set_annotations(note="new"),
    "annotations of a result": lambda traj: traj.f_get("anything").f_set_annotations(note="new"),
    "other annotations": lambda traj: traj.f_get("before").f_set_annotations(note="new"),
}
#: Where looking is not enough, a new one is made.
GIVEN_UP = {
    "annotations of a parameter": lambda traj: traj.f_get("seed").f_set_annotations(note="new"),
    "annotations of a group": lambda traj: traj.net.f_set_annotations(note="new"),
    "a link": lambda traj: (
        traj.f_add_leaf("kept", 1),
        traj.v_runs.new_nodes.clear(),
        traj.results.f_add_link("lx", traj.f_get("x")),
        traj.v_runs.new_links.clear(),
    ),
    "a node removed": lambda traj: traj.f_remove_item("seed"),
    "a node replaced": lambda traj: (
        traj.f_remove_item("before"),
        traj.f_add_result("results.before", [1, 2]),
    ),
    "a node that stays": lambda traj: (
        traj.f_add_result("stays", 1),
        traj.v_runs.new_nodes.clear(),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_recycled_trajectory_looks_like_a_new_one(snapshot, change):
    expected = described(pickle.loads(pickle.dumps(snapshot)).restore(2))
    identity = run_and_forget(snapshot, change)
    traj = snapshot.restore(2)
    assert id(traj) == identity
    assert described(traj) == expected
    assert list(traj.net.w) == [2.0, 2.0, 2.0]
    assert type(traj.f_get("one").f_get()) is int
    assert traj.f_get("anything").a == {"deep": [1]}
    assert traj.f_get("seed")._logger.name.endswith(".Parameter")
    assert_invariants(traj.v_index)


@pytest.mark.parametrize("change", GIVEN_UP.values(), ids=GIVEN_UP)
def test_in_doubt_a_new_one_is_made(snapshot, change):
    expected = described(pickle.loads(pickle.dumps(snapshot)).restore(2))
    traj = snapshot.restore(1)
    start_run(traj)
    change(traj)
    finalize_run(traj)
    old_spare = snapshot._spare[0]
    del traj
    traj = snapshot.restore(2)
    assert snapshot._spare[0] is not old_spare
    assert described(traj) == expected
    assert_invariants(traj.v_index)


HOLDERS = {
    "the trajectory": lambda traj: traj,
    "a group": lambda traj: traj.net,
    "a parameter": lambda traj: traj.f_get("seed"),
    "a result": lambda traj: traj.f_get("before"),
    "a method": lambda traj: traj.f_get("seed").f_get,
    "an iterator": lambda traj: iter(traj.net),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_what_somebody_holds_is_not_used_again(snapshot, hold):
    held = hold(snapshot.restore(0))
    first = snapshot._spare[0]._traj
    before = described(first)
    identity = id(first)
    del first
    one = snapshot.restore(1)
    assert id(one) != identity
    assert one.x == 6
    assert held is not None
    if hasattr(held, "v_root"):
        assert described(held.v_root) == before


def test_a_trajectory_in_use_is_not_touched(snapshot):
    traj = snapshot.restore(0)
    start_run(traj)
    traj.f_add_result("z", 1)
    snapshot.restore(1)
    assert len(traj.v_runs.new_nodes) == 3
    assert list(traj.v_exploration.parameters) == ["parameters.x", "parameters.net.w"]
    finalize_run(traj)
    assert "z" not in traj


def test_threads_get_trajectories_of_their_own(snapshot):
    def run(idx):
        traj = snapshot.restore(idx % 3)
        start_run(traj)
        traj.f_add_result("z", traj.x)
        value = traj.f_get("z").f_get()
        finalize_run(traj)
        return value

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(300))) == [5 + idx % 3 for idx in range(300)]


def test_two_trajectories_at_a_time_are_two(snapshot):
    one, two = snapshot.restore(0), snapshot.restore(1)
    assert one is not two
    assert (one.x, two.x) == (5, 6)
    assert one.f_get("seed") is not two.f_get("seed")


def test_an_abandoned_run_can_be_followed_by_another(snapshot):
    traj = snapshot.restore(0)
    identity = id(traj)
    start_run(traj)
    traj.f_add_result("z", 1)
    abandon_run(traj)
    del traj
    traj = snapshot.restore(1)
    assert id(traj) == identity
    assert "z" not in traj


def test_many_runs_use_one_trajectory(snapshot):
    identities = {run_and_forget(snapshot, CHANGES["results"]) for _ in range(20)}
    assert len(identities) == 1


def test_giving_up_is_for_good_after_some_tries(snapshot):
    held = [snapshot.restore(0) for _ in range(10)]
    assert not snapshot._spare
    assert len({id(traj) for traj in held}) == 10


class OwnParameter(Parameter):
    __slots__ = ("extra",)


class OwnGroup(NNGroupNode):
    pass


class OwnResult(Result):
    pass


UNKNOWN = {
    "a parameter class": lambda traj: traj.f_add_parameter(OwnParameter, "own", 1),
    "a group class": lambda traj: traj.f_add_group(OwnGroup, "own"),
    "a result class": lambda traj: traj.f_add_result(OwnResult, "own", 1),
    "a link": lambda traj: traj.f_add_link("own", traj.f_get("x")),
    "a node in data": lambda traj: traj.f_add_result(PickleResult, "own", node=traj.f_get("x")),
    "annotations of the root": lambda traj: traj.f_set_annotations(note="mine"),
}


@pytest.mark.parametrize("add", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_completely_is_not_used_again(add):
    traj = make_trajectory()
    add(traj)
    snapshot = Snapshot.take(traj)
    first = snapshot.restore(0)
    assert not snapshot._spare
    del first
    assert snapshot.restore(1).x == 6


def test_with_full_copy_trajectories_are_used_again_too():
    traj = make_trajectory()
    traj.v_full_copy = True
    snapshot = Snapshot.take(traj)
    identity = run_and_forget(snapshot, lambda traj: traj.f_get("x").f_get_range())
    again = snapshot.restore(2)
    assert id(again) == identity
    assert again.f_get("x").f_get_range() == [5, 6, 7]
    assert len(again.f_get_run_information()) == 3


def test_no_garbage_piles_up(snapshot):
    run_and_forget(snapshot, CHANGES["results"])
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        run_and_forget(snapshot, CHANGES["results"])
    gc.collect()
    assert len(gc.get_objects()) < before + 500
