"""Settings are properties with and without prefix, and some cannot change during a run."""

import pytest

from pypet_trajectory import ArrayParameter, PickleResult, Trajectory
from pypet_trajectory.trajectory import lifecycle

SWITCHES = {
    "v_fast_access": True,
    "v_shortcuts": True,
    "v_with_links": True,
    "v_auto_load": False,
    "v_iter_recursive": False,
    "v_no_clobber": False,
    "v_auto_run_prepend": True,
    "v_full_copy": False,
}


@pytest.mark.parametrize(("name", "default"), SWITCHES.items())
def test_switches_have_their_defaults_and_keep_truth_values(name, default):
    traj = Trajectory("T")
    assert getattr(traj, name) is default
    setattr(traj, name, 0 if default else "yes")
    assert getattr(traj, name) is not default


def test_several_properties_can_be_set_with_and_without_prefix():
    traj = Trajectory("T")
    traj.f_set_properties(v_max_depth=3, fast_access=False)
    assert (traj.v_max_depth, traj.v_fast_access) == (3, False)


@pytest.mark.parametrize("name", ["v_name", "name", "v_nonsense", "nonsense", "f_get"])
def test_properties_that_are_unknown_or_read_only_are_refused(name):
    with pytest.raises(AttributeError):
        Trajectory("T").f_set_properties(**{name: 1})


def test_an_unknown_property_cannot_be_set_as_attribute():
    with pytest.raises(AttributeError):
        Trajectory("T").v_nonsense = 1


def test_standard_classes_are_used_for_what_is_added():
    traj = Trajectory("T")
    traj.v_standard_parameter = ArrayParameter
    traj.v_standard_result = PickleResult
    assert type(traj.f_add_parameter("x", 1)) is ArrayParameter
    assert type(traj.f_add_result("z", 1)) is PickleResult


def test_full_copy_reaches_explored_parameters_whenever_it_is_set():
    traj = Trajectory("T")
    x, y = traj.f_add_parameter("x", 1), traj.f_add_parameter("y", 1)
    traj.f_explore({"x": [1, 2]})
    traj.v_full_copy = True
    traj.f_explore({"y": [1, 2]})
    assert x.v_full_copy
    assert y.v_full_copy


def test_properties_can_be_read_without_prefix():
    traj = Trajectory("T")
    traj.vars.fast_access = False
    assert traj.vars.fast_access is False
    assert traj.func.get_run_names() == ["run_00000000"]


def test_presets_win_over_what_is_given_on_adding():
    traj = Trajectory("T")
    traj.f_preset_parameter("a.b", 5)
    traj.f_preset_config("parameters.c", 6)
    parameter = traj.f_add_parameter("a.b", 1)
    assert (parameter.f_get(), parameter.f_get_default()) == (5, 5)
    assert traj.f_add_config("parameters.c", 1).f_get() == 6


def test_presetting_what_exists_is_refused():
    traj = Trajectory("T")
    traj.f_add_parameter("a.b", 1)
    with pytest.raises(ValueError, match=r"parameters\.a\.b"):
        traj.f_preset_parameter("a.b", 2)


def test_what_is_locked_before_the_first_run_are_parameters_with_values():
    traj = Trajectory("T")
    x, empty = traj.f_add_parameter("x", 1), traj.f_add_parameter("empty")
    derived, config = traj.f_add_derived_parameter("d", 1), traj.f_add_config("c", 1)
    lifecycle.prepare_experiment(traj)
    assert [p.v_locked for p in (x, empty, derived, config)] == [True, False, True, False]


def test_presets_left_over_stop_an_experiment():
    traj = Trajectory("T")
    traj.f_preset_parameter("typo", 5)
    with pytest.raises(RuntimeError, match=r"parameters\.typo"):
        lifecycle.prepare_experiment(traj)


def test_if_one_property_is_unknown_none_is_set():
    traj = Trajectory("T")
    with pytest.raises(AttributeError, match="v_foo"):
        traj.f_set_properties(fast_access=False, foo=1)
    assert traj.v_fast_access
