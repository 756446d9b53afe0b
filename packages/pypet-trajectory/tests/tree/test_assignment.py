"""``group.name = value``."""

from __future__ import annotations

import pytest

from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.branch_groups import ConfigGroup, ParameterGroup, ResultGroup


def test_a_value_goes_to_the_leaf_that_natural_naming_finds(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b.x", 1)
    traj.x = 2
    assert leaf.f_get() == 2
    leaf.f_unlock()
    traj["a.x"] = 3
    assert leaf.f_get() == 3


def test_nothing_comes_into_being_from_a_plain_value(traj: Trajectory):
    for assign in (
        lambda: setattr(traj, "new", 1),
        lambda: setattr(traj.par, "new", 1),
        lambda: traj.par.__setitem__("new", 1),
        lambda: setattr(traj, "v_new", 1),
        lambda: setattr(traj.par, "cls", Result),
    ):
        with pytest.raises(AttributeError):
            assign()
    assert not traj.f_to_dict()


def test_groups_take_no_values(traj: Trajectory):
    traj.f_add_result_group("g")
    with pytest.raises(AttributeError, match="group"):
        traj.g = 3


def test_a_result_takes_a_value_if_it_holds_exactly_its_own(traj: Trajectory):
    traj.res.r = Result("r", 3)
    traj.res.r = 4
    assert traj.res.r == 4
    traj.res.s = Result("s", k=3)
    with pytest.raises(AttributeError, match="exactly one"):
        traj.res.s = 4


def test_a_locked_parameter_stays_as_it_is(traj: Trajectory):
    traj.f_add_parameter("x", 1)
    assert traj.x == 1
    with pytest.raises(TypeError):
        traj.x = 2
    assert traj.x == 1


@pytest.mark.parametrize(
    ("name", "full_name"),
    [("", "parameters.c"), ("c", "parameters.c"), ("c.d.e", "parameters.c.d.e")],
)
def test_an_instance_is_added_if_its_name_fits(traj: Trajectory, name: str, full_name: str):
    parameter = Parameter(name, 1)
    traj.par.c = parameter
    assert parameter.v_full_name == full_name
    assert parameter in traj
    assert_invariants(traj.v_index)


@pytest.mark.parametrize("name", ["g", "cc", "b.c"])
def test_an_instance_whose_name_does_not_fit_is_refused_and_left_alone(traj: Trajectory, name: str):
    parameter = Parameter(name, 1)
    with pytest.raises(AttributeError, match="cannot be assigned"):
        traj.par.c = parameter
    assert (parameter.v_full_name, parameter.v_depth, parameter.v_branch) == (name, 0, None)


@pytest.mark.parametrize("no_clobber", [False, True])
def test_a_failed_assignment_leaves_the_instance_alone(traj: Trajectory, no_clobber: bool):
    traj.f_add_parameter("c", 1)
    traj.v_no_clobber = no_clobber
    for name in ("", "c"):
        parameter = Parameter(name, 2)
        if no_clobber:
            traj.par.c = parameter
        else:
            with pytest.raises(AttributeError, match="already is"):
                traj.par.c = parameter
        assert (parameter.v_full_name, parameter.v_depth) == (name, 0)
    assert traj.par.c == 1


def test_names_are_translated_before_they_are_compared(traj: Trajectory):
    traj.conf = ConfigGroup("")
    assert type(traj.f_get("config")) is ConfigGroup
    traj.res["$"] = ResultGroup("")
    assert "results.run_ALL" in traj
    traj.res[3] = ResultGroup("")
    assert "results.run_00000003" in traj


@pytest.mark.parametrize("key", ["$", "crun", "run_ALL", "r_A"])
@pytest.mark.parametrize("name", ["$", "crun.x", "run_ALL", "r_A.x"])
def test_an_instance_may_be_named_by_the_same_wildcard(traj: Trajectory, key: str, name: str):
    traj.f_add_result_group("g")
    traj.res.g[key] = Result(name, 1)
    assert list(traj.res.g.f_get_children()) == ["run_ALL"]


def test_a_group_in_the_wrong_branch_is_refused(traj: Trajectory):
    group = ParameterGroup("")
    with pytest.raises(TypeError):
        traj.res.g = group
    assert group.v_full_name == ""


def test_the_last_component_of_an_item_is_what_is_compared(traj: Trajectory):
    traj.f_add_parameter_group("a.b")
    traj.par["a.b.c"] = Parameter("c", 1)
    assert traj.f_get("parameters.a.b.c", shortcuts=False).f_get() == 1
    traj.f_add_parameter("leaf", 1)
    with pytest.raises(AttributeError, match="leaf"):
        traj["leaf.c"] = Parameter("c", 1)


def test_assigning_a_node_of_the_tree_adds_a_link(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    traj.res.mylink = leaf
    assert traj.res.f_get_links() == {"mylink": leaf}
    with pytest.raises(AttributeError, match="already is"):
        traj.res.mylink = leaf
    assert_invariants(traj.v_index)


def test_no_run_name_is_put_in_front(in_run: Trajectory):
    in_run.res.q = Result("q", 1)
    assert "results.q" in in_run


def test_members_of_the_group_are_not_overwritten(traj: Trajectory):
    for name in ("v_name", "f_get", "vars", "kids", "KNOWS_TRAJECTORY"):
        with pytest.raises(AttributeError):
            setattr(traj.par, name, 1)
        with pytest.raises(AttributeError):
            setattr(traj, name, 1)
    traj.par["v_comment"] = "set"
    assert traj.par.v_comment == "set"
