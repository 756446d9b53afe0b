"""A snapshot is pickled once and restored for each run, each time fresh."""

import pickle

import numpy as np
import pytest

from pypet_trajectory import (
    BaseParameter,
    NNGroupNode,
    Parameter,
    PickleResult,
    Result,
    Trajectory,
)
from pypet_trajectory.trajectory.lifecycle import finalize_run, start_run
from pypet_trajectory.trajectory.snapshot import Snapshot


def make_trajectory():
    traj = Trajectory("T", comment="frozen")
    traj.f_add_parameter("x", 0, comment="an x")
    traj.f_add_parameter("net.w", np.zeros(3))
    traj.f_add_parameter("names", ["a", "b"])
    traj.f_add_config("seed", 7)
    traj.f_add_result("before", [1, 2])
    traj.results.f_add_link("shortcut", traj.f_get("x"))
    traj.f_explore({"x": [5, 6, 7], "net.w": [np.full(3, float(i)) for i in range(3)]})
    return traj


@pytest.fixture(params=[False, True], ids=["fresh", "pickled"])
def snapshot(request):
    taken = Snapshot.take(make_trajectory())
    return pickle.loads(pickle.dumps(taken)) if request.param else taken


def test_a_restored_trajectory_is_at_its_run_and_not_in_it(snapshot):
    traj = snapshot.restore(1)
    assert (traj.v_idx, traj.v_crun, traj.v_is_run, len(traj)) == (1, "run_00000001", False, 3)
    assert traj.x == 6
    assert list(traj.net.w) == [1.0, 1.0, 1.0]
    assert traj.v_comment == "frozen"
    assert traj.f_get("x").v_comment == "an x"


def test_everything_that_was_in_the_tree_is_there(snapshot):
    original, traj = make_trajectory(), snapshot.restore(0)
    assert list(traj.f_to_dict()) == list(original.f_to_dict())
    assert traj.results.shortcut == 5
    assert traj.results.f_get_links()["shortcut"] is traj.f_get("parameters.x")
    assert traj.seed == 7
    assert traj.before == [1, 2]


def test_without_full_copy_a_run_sees_no_range_and_its_own_row_only(snapshot):
    traj = snapshot.restore(2)
    assert traj.f_get("x").v_explored
    assert not traj.f_get("x").f_has_range()
    assert list(traj.f_get_run_information()) == ["run_00000002"]
    assert list(traj.v_exploration.parameters) == ["parameters.x", "parameters.net.w"]


def test_with_full_copy_a_run_sees_everything():
    traj = make_trajectory()
    traj.v_full_copy = True
    restored = Snapshot.take(traj).restore(2)
    assert restored.f_get("x").f_get_range() == [5, 6, 7]
    assert len(restored.f_get_run_information()) == 3
    assert restored.v_full_copy
    start_run(restored)
    assert list(restored.f_find_idx("x", lambda x: x > 5)) == [1, 2]


def mutate(traj):
    start_run(traj)
    traj.f_add_result("z", 1)
    traj.results.before.append(3)
    traj.names.append("c")
    traj.net.w[:] = -1
    seed = traj.f_get("seed")
    seed.f_unlock()
    seed.f_set(8)
    seed.v_comment = "changed"
    seed.f_set_annotations(note="changed")
    traj.f_get("x").f_unlock()
    traj.results.f_remove_link("shortcut")
    traj.config.v_annotations.note = "changed"
    traj.v_fast_access = False
    traj._mine = 1
    traj.f_add_wildcard_functions({"$new": lambda idx: f"new_{idx}"})
    finalize_run(traj)


def test_nothing_a_run_does_shows_in_the_next_restore(snapshot):
    mutate(snapshot.restore(1))
    traj = snapshot.restore(1)
    assert list(traj.net.w) == [1.0, 1.0, 1.0]
    assert traj.names == ["a", "b"]
    assert traj.before == [1, 2]
    assert (traj.seed, traj.f_get("seed").v_comment) == (7, "")
    assert traj.f_get("seed").v_annotations.f_is_empty()
    assert traj.config.v_annotations.f_is_empty()
    assert traj.v_fast_access
    assert not hasattr(traj, "_mine")
    assert not traj.f_is_wildcard("$new")
    assert "shortcut" in traj.results
    assert "z" not in traj
    assert traj.f_get_run_information(1)["completed"] == 0
    assert traj.f_get("x").v_locked


def test_trajectories_restored_one_after_the_other_do_not_share_nodes(snapshot):
    one, two = snapshot.restore(0), snapshot.restore(1)
    assert one.f_get("x") is not two.f_get("x")
    assert (one.x, two.x) == (5, 6)
    one.f_get("seed").v_comment = "mine"
    assert two.f_get("seed").v_comment == ""


def test_taking_a_snapshot_does_not_change_the_trajectory():
    traj = make_trajectory()
    Snapshot.take(traj)
    assert traj.f_get("x").f_get_range() == [5, 6, 7]
    assert traj.v_idx == -1
    assert traj.x == 0


def test_what_happens_to_the_trajectory_later_does_not_show():
    traj = make_trajectory()
    taken = Snapshot.take(traj)
    traj.f_expand({"x": [8], "net.w": [np.ones(3)]})
    traj.f_add_config("late", 1)
    restored = taken.restore(2)
    assert len(restored) == 3
    assert "late" not in restored


def test_a_run_that_is_not_there_is_refused(snapshot):
    with pytest.raises(KeyError, match="3 runs"):
        snapshot.restore(3)


def test_the_storage_service_is_given_on_restoring(snapshot):
    assert snapshot.restore(0).v_storage_service is None
    service = object()
    assert snapshot.restore(0, storage_service=service).v_storage_service is service


def test_the_size_does_not_depend_on_the_number_of_runs():
    def size(runs):
        traj = Trajectory("T")
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": range(runs)})
        return Snapshot.take(traj).nbytes

    assert size(10) == size(10_000)


class OwnGroup(NNGroupNode):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._extra = ["a", "list"]


class OwnResult(Result):
    def __getstate__(self):
        state = super().__getstate__()
        state["_pickled"] = True
        return state

    def __setstate__(self, state):
        assert state.pop("_pickled")
        super().__setstate__(state)


class OwnParameter(Parameter):
    """A parameter that explores in a way of its own."""

    def __init__(self, full_name, data=None, comment=""):
        super().__init__(full_name, data, comment)
        self._note = {"a": 1}


class PlainListParameter(BaseParameter):
    """A parameter that keeps its range in a way of its own."""

    def __init__(self, full_name, data=None, comment=""):
        super().__init__(full_name, comment)
        self.value, self.initial, self.points = data, data, None

    def f_get(self):
        return self.value

    def f_get_default(self):
        return self.initial

    def f_is_empty(self):
        return self.value is None

    def f_has_range(self):
        return self.points is not None

    def f_get_range(self, copy=True):
        return self.points

    def f_get_range_length(self):
        return len(self.points)

    def f_supports_fast_access(self):
        return True

    def _explore(self, explore_iterable):
        self.points, self._explored = list(explore_iterable), True

    def _set_parameter_access(self, idx=0):
        self.value = self.points[idx]

    def _restore_default(self):
        self.value = self.initial

    def __getstate__(self):
        state = super().__getstate__()
        if not self.v_full_copy:
            state["points"] = None
        return state


def test_parameters_with_ranges_of_their_own_are_at_the_run():
    traj = Trajectory("T")
    parameter = traj.f_add_parameter(PlainListParameter, "p", 0)
    traj.f_explore({"p": [5, 6]})
    taken = Snapshot.take(traj)
    assert not parameter.v_full_copy
    assert [taken.restore(idx).p for idx in (1, 0)] == [6, 5]


class Whatever:
    pass


def test_custom_classes_are_restored():
    traj = Trajectory("T")
    traj.f_add_parameter(OwnParameter, "p", 1)
    traj.f_add_group(OwnGroup, "g")
    traj.f_add_leaf(OwnResult, "g.r", 3)
    traj.f_add_result(PickleResult, "q", Whatever())
    traj.f_explore({"p": [2, 3]})
    restored = Snapshot.take(traj).restore(1)
    assert restored.p == 3
    assert type(restored.f_get("p")) is OwnParameter
    assert restored.f_get("p")._note == {"a": 1}
    assert restored.g._extra == ["a", "list"]
    assert restored.g.f_get("r").v_is_leaf
    assert isinstance(restored.q, Whatever)


def test_a_result_that_refers_to_itself_is_restored():
    traj = Trajectory("T")
    result = traj.f_add_result(PickleResult, "q")
    result.f_set(me=result)
    restored = Snapshot.take(traj).restore(0)
    assert restored.f_get("q").me is restored.f_get("q")
