"""Exploring, expanding and shrinking: all of it or nothing."""

import numpy as np
import pytest

from pypet_trajectory import InMemoryStorageService, NotUniqueNodeError, Trajectory
from pypet_trajectory.exploration.algebra import axis, product


@pytest.fixture
def traj():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("g.y", 1.0)
    traj.f_add_result("r", 1)
    return traj


def test_exploring_makes_runs_and_locks(traj):
    traj.f_explore({"x": (i for i in range(3)), "g.y": [1.0, 2.0, 3.0]})
    assert len(traj) == 3
    assert traj.f_get("x").f_get_range() == [0, 1, 2]
    assert traj.f_get("x").v_locked
    assert list(traj.f_get_explored_parameters()) == ["parameters.x", "parameters.g.y"]
    assert traj.f_get_run_names() == ["run_00000000", "run_00000001", "run_00000002"]


def test_exploring_one_value_counts(traj):
    traj.f_explore({"x": [7]})
    assert len(traj) == 1
    assert traj.f_get("x").f_has_range()


def test_exploring_again_with_equal_length_is_allowed_before_runs(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_explore({"y": [1.0, 2.0]})
    assert len(traj.f_get_explored_parameters()) == 2


@pytest.mark.parametrize("name", ["g", "r", "y"])
def test_only_what_was_explored_can_be_expanded(traj, name):
    traj.f_explore({"x": [1, 2]})
    with pytest.raises(TypeError, match=r"exactly the parameters explored so far .*x"):
        traj.f_expand({name: [3]})
    assert len(traj) == 2


def test_a_parameter_is_expanded_once_per_call(traj):
    traj.f_explore({"x": [1, 2]})
    with pytest.raises(ValueError, match="twice"):
        traj.f_expand({"x": [3], "parameters.x": [4, 5]})
    assert traj.f_get("x").f_get_range() == [1, 2]


def test_a_single_value_cannot_be_explored(traj):
    with pytest.raises(TypeError, match=r"`x` takes an iterable.*\[5\]"):
        traj.f_explore({"y": [1.0], "x": 5})
    assert not traj.f_get_explored_parameters()


def test_a_locked_parameter_is_unlocked_for_exploring(traj):
    assert traj.x == 1
    traj.f_explore({"x": [1, 2]})
    assert len(traj) == 2


@pytest.mark.parametrize(
    ("build_dict", "error"),
    [
        ({"x": [1, 2], "y": [1.0]}, ValueError),
        ({"y": [1.0], "x": []}, ValueError),
        ({"y": [1.0], "x": ["a"]}, TypeError),
        ({"y": [1.0], "x": [1.0]}, TypeError),
        ({"y": [1.0], "nope": [1]}, AttributeError),
        ({"y": [1.0], "r": [1]}, ValueError),
        ({"y": [1.0], "parameters": [1]}, ValueError),
        ({"y": [1.0], "parameters.g.y": [1.0]}, TypeError),
        (3, TypeError),
    ],
)
def test_an_exploration_that_fails_changes_nothing(traj, build_dict, error):
    with pytest.raises(error):
        traj.f_explore(build_dict)
    assert len(traj) == 1
    assert traj.f_get_explored_parameters() == {}
    for name in ("x", "y"):
        parameter = traj.f_get(name)
        assert (parameter.v_locked, parameter.v_explored, parameter.f_has_range()) == (
            False,
            False,
            False,
        )


def test_a_failing_exploration_keeps_the_earlier_one(traj):
    traj.f_explore({"x": [1, 2]})
    with pytest.raises(ValueError, match="same number"):
        traj.f_explore({"y": [1.0]})
    assert len(traj) == 2
    assert traj.f_get("x").f_get_range() == [1, 2]
    assert not traj.f_get("y").v_locked


def test_an_ambiguous_name_is_refused(traj):
    traj.f_add_parameter("h.y", 1.0)
    with pytest.raises(NotUniqueNodeError):
        traj.f_explore({"y": [1.0]})


def test_exploring_nothing_does_nothing(traj):
    traj.f_explore({})
    assert len(traj) == 1


def test_derived_parameters_and_config_can_be_explored(traj):
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_config("c", 1)
    traj.f_explore({"d": [1, 2], "c": [3, 4]})
    traj.v_idx = 1
    assert (traj.d, traj.c) == (2, 4)


def test_numpy_arrays_explore_parameters_of_the_matching_python_type(traj):
    traj.f_explore({"y": np.linspace(0, 1, 3)})
    assert [type(value) for value in traj.f_get("y").f_get_range()] == [float] * 3


def test_explorations_of_the_algebra_are_accepted(traj):
    traj.f_explore(product(axis("x", [1, 2]), axis("g.y", [0.0, 1.0])))
    assert traj.f_get("x").f_get_range() == [1, 1, 2, 2]


def test_after_completed_runs_only_expanding_is_allowed(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_start_run(0)
    traj.f_finalize_run(store_meta_data=False)
    with pytest.raises(TypeError, match="f_expand"):
        traj.f_explore({"y": [1.0, 2.0]})


def test_expanding_appends_runs_and_keeps_what_is_known_of_old_ones(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_start_run(0)
    traj.f_finalize_run(store_meta_data=False)
    traj.f_expand({"x": [3, 4]})
    assert traj.f_get("x").f_get_range() == [1, 2, 3, 4]
    assert [traj.f_is_completed(idx) for idx in range(4)] == [1, 0, 0, 0]


def test_expanding_without_exploration_explores(traj):
    traj.f_expand({"x": [1, 2, 3]})
    assert len(traj) == 3


@pytest.mark.parametrize(
    ("build_dict", "error"),
    [
        ({"x": [1]}, TypeError),
        ({}, TypeError),
        ({"x": [1], "y": [1.0, 2.0]}, ValueError),
        ({"y": [1.0], "x": ["a"]}, TypeError),
    ],
)
def test_an_expansion_that_fails_changes_nothing(traj, build_dict, error):
    traj.f_explore({"x": [1, 2], "y": [1.0, 2.0]})
    with pytest.raises(error):
        traj.f_expand(build_dict)
    assert len(traj) == 2
    assert traj.f_get("x").f_get_range() == [1, 2]
    assert traj.f_get("y").f_get_range() == [1.0, 2.0]
    assert traj.f_get("y").v_locked


def test_existing_points_can_be_left_out_of_an_expansion(traj):
    traj.f_explore({"x": [1, 1, 2], "y": [1.0, 2.0, 1.0]})
    traj.f_expand({"x": [1, 2, 2, 2], "y": [2.0, 2.0, 2.0, 1.0]}, skip_existing=True)
    assert traj.f_get("x").f_get_range() == [1, 1, 2, 2]
    assert traj.f_get("y").f_get_range() == [1.0, 2.0, 1.0, 2.0]
    traj.f_expand({"x": [1], "y": [1.0]}, skip_existing=True)
    assert len(traj) == 4


def test_arrays_can_be_expanded_by_without_what_exists(traj):
    traj.f_explore({"x": np.arange(3), "y": np.linspace(0.0, 1.0, 3)})
    traj.f_expand({"x": np.array([1, 2, 5]), "y": np.array([0.5, 0.25, 0.5])}, skip_existing=True)
    assert traj.f_get("x").f_get_range() == [0, 1, 2, 2, 5]
    assert traj.f_get("y").f_get_range() == [0.0, 0.5, 1.0, 0.25, 0.5]
    with pytest.raises(TypeError, match="astype"):
        traj.f_expand({"x": np.array([1.0]), "y": np.array([0.5])}, skip_existing=True)


def test_expanding_a_stored_trajectory_reaches_the_store():
    service = InMemoryStorageService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    traj.f_expand({"x": [3]})
    assert not traj.f_get("x").v_stored
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load()
    assert (len(loaded), loaded.f_get("x").f_get_range()) == (3, [1, 2, 3])


def test_shrinking_returns_to_one_run(traj):
    traj.f_explore({"x": [1, 2]})
    traj.v_idx = 1
    traj.f_shrink()
    assert (len(traj), traj.v_idx, traj.x) == (1, -1, 1)
    assert not traj.f_get_explored_parameters()


def test_shrinking_a_stored_trajectory_needs_force():
    traj = Trajectory("T", storage_service=InMemoryStorageService())
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    with pytest.raises(TypeError, match="force"):
        traj.f_shrink()
    traj.f_shrink(force=True)
    assert len(traj) == 1


def test_removing_the_last_explored_parameter_returns_to_one_run(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_remove_item("x")
    assert (len(traj), traj.f_get_explored_parameters()) == (1, {})


def test_a_run_function_that_repeats_names_is_refused_and_nothing_changes():
    traj = Trajectory("T", wildcard_functions={("$", "crun"): lambda idx: f"r{idx // 2}"})
    traj.f_add_parameter("x", 1)
    with pytest.raises(RuntimeError, match="r0"):
        traj.f_explore({"x": [1, 2, 3]})
    assert (len(traj), traj.f_get("x").f_has_range()) == (1, False)


def test_a_run_function_that_names_the_dummy_like_a_run_is_refused():
    with pytest.raises(RuntimeError, match="-1"):
        Trajectory("T", wildcard_functions={("$", "crun"): lambda idx: "same"})
