"""Adding leaves and groups."""

from __future__ import annotations

import logging

import pytest

from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.adding import add_from_storage
from pypet_trajectory.tree.branch_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.nodes import KnowsTrajectory

ADDERS = {
    "parameters": ("f_add_parameter", "f_apar", "f_add_parameter_group", ParameterGroup),
    "config": ("f_add_config", "f_aconf", "f_add_config_group", ConfigGroup),
    "derived_parameters": (
        "f_add_derived_parameter",
        "f_adpar",
        "f_add_derived_parameter_group",
        DerivedParameterGroup,
    ),
    "results": ("f_add_result", "f_ares", "f_add_result_group", ResultGroup),
}


class MyGroup(ResultGroup):
    __slots__ = ()


class MyResult(Result, KnowsTrajectory):
    """A leaf that wants to see its trajectory."""

    def __init__(self, full_name, trajectory, *args, **kwargs):
        super().__init__(full_name, *args, **kwargs)
        self.f_set(of=trajectory.v_name)


# --------------------------------------------------------------------------- what and where


@pytest.mark.parametrize("branch", ADDERS)
def test_the_adders_of_a_branch_put_its_name_in_front(traj: Trajectory, branch: str):
    add, short, add_group, group_class = ADDERS[branch]
    assert getattr(traj, add)("g.x", 1).v_full_name == f"{branch}.g.x"
    assert getattr(traj, short)("y", 1).v_full_name == f"{branch}.y"
    group = getattr(traj, add_group)("h", comment="why")
    assert group.v_full_name == f"{branch}.h"
    assert group.v_comment == "why"
    assert {type(traj.f_get(name)) for name in (branch, f"{branch}.g", f"{branch}.h")} == {
        group_class
    }
    assert_invariants(traj.v_index)


@pytest.mark.parametrize("branch", ADDERS)
@pytest.mark.parametrize("short", [False, True])
def test_a_name_that_begins_with_the_branch_gets_no_second_prefix(
    traj: Trajectory, branch: str, short: bool
):
    abbreviations = {
        "parameters": "par",
        "config": "conf",
        "derived_parameters": "dpar",
        "results": "res",
    }
    prefix = abbreviations[branch] if short else branch
    add, _, add_group, _ = ADDERS[branch]
    assert getattr(traj, add)(f"{prefix}.x", 1).v_full_name == f"{branch}.x"
    assert getattr(traj, add_group)(f"{prefix}.g").v_full_name == f"{branch}.g"


def test_the_name_of_another_branch_is_an_ordinary_name(traj: Trajectory):
    assert traj.f_add_config("results.q", 1).v_full_name == "config.results.q"


def test_groups_below_the_root_put_nothing_in_front(traj: Trajectory):
    assert traj.par.f_add_parameter("parameters.x", 1).v_full_name == "parameters.parameters.x"


def test_a_group_has_the_adders_of_its_own_family_only(traj: Trajectory):
    with pytest.raises(AttributeError):
        _ = traj.par.f_add_result


@pytest.mark.parametrize(
    ("name", "leaf_class", "group_class"),
    [
        ("parameters.g.q", Parameter, ParameterGroup),
        ("config.g.q", Parameter, ConfigGroup),
        ("derived_parameters.g.q", Parameter, DerivedParameterGroup),
        ("results.g.q", Result, ResultGroup),
        ("g.q", Result, NNGroupNode),
    ],
)
def test_generic_additions_take_their_class_from_the_place(
    traj: Trajectory, name: str, leaf_class: type, group_class: type
):
    assert type(traj.f_add_leaf(name, 3)) is leaf_class
    assert type(traj.f_get(name).v_name) is str
    assert type(traj.f_get(name.rpartition(".")[0])) is group_class
    assert type(traj.f_add_group(f"{name}2")) is group_class


def test_standard_classes_can_be_chosen(traj: Trajectory):
    traj.v_standard_result = PickleResult
    assert type(traj.f_add_result("x", 1)) is PickleResult


def test_arguments_behind_the_name_go_to_the_constructor(traj: Trajectory):
    parameter = traj.f_add_parameter("x", 1, "text")
    assert (parameter.f_get(), parameter.v_comment) == (1, "text")
    assert traj.f_add_result("x", 1, "text").f_to_dict() == {"x": 1, "x_1": "text"}


def test_a_class_may_come_before_the_name(traj: Trajectory):
    assert type(traj.f_add_result(PickleResult, "x", 1)) is PickleResult
    assert type(traj.f_add_result_group(MyGroup, "g")) is MyGroup


@pytest.mark.parametrize("keyword", ["name", "full_name"])
def test_the_name_may_be_a_keyword(traj: Trajectory, keyword: str):
    result = traj.f_add_result(**{keyword: "x", "k": 3})
    assert result.v_full_name == "results.x"
    assert result.f_get("k") == 3


@pytest.mark.parametrize("args", [(), (33, 3), (None,)])
def test_an_addition_without_a_name_is_refused(traj: Trajectory, args: tuple):
    with pytest.raises(ValueError, match="needs a name"):
        traj.f_add_result(*args)


def test_leaf_classes_may_ask_for_the_trajectory(traj: Trajectory):
    assert traj.f_add_result(MyResult, "x", k=2).f_to_dict() == {"k": 2, "of": "T"}


def test_a_parameter_needs_no_value(traj: Trajectory):
    assert traj.f_add_parameter("x").f_is_empty()


def test_leaf_classes_are_not_compared_with_the_branch(traj: Trajectory):
    traj.par.f_add_leaf(Result, "x", 1)
    assert list(traj._parameters) == ["parameters.x"]
    assert not traj._results


# -------------------------------------------------------------------------------- instances


def test_an_instance_is_inserted_under_its_own_name(traj: Trajectory):
    parameter = Parameter("a.b.x", 1)
    assert traj.f_add_parameter(parameter) is parameter
    assert parameter.v_full_name == "parameters.a.b.x"
    assert (parameter.v_depth, parameter.v_branch, parameter.v_is_root) == (4, "parameters", False)


def test_a_removed_instance_can_be_added_again(traj: Trajectory):
    parameter = traj.f_add_parameter("a.x", 1)
    traj.f_remove_item(parameter)
    assert traj.f_add_parameter(parameter).v_full_name == "parameters.a.x"


def test_an_instance_takes_no_further_arguments(traj: Trajectory):
    with pytest.raises(ValueError, match="already constructed"):
        traj.f_add_parameter(Parameter("x", 1), comment="late")


def test_an_instance_in_the_tree_cannot_be_added_elsewhere(traj: Trajectory):
    leaf = traj.f_add_result("a", 1)
    with pytest.raises(AttributeError, match="in the tree already"):
        traj.res.f_add_leaf(leaf)  # would become results.results.a
    assert leaf.v_full_name == "results.a"
    assert_invariants(traj.v_index)


def test_leaf_adders_refuse_groups_and_group_adders_leaves(traj: Trajectory):
    with pytest.raises(TypeError, match="leaf"):
        traj.f_add_result(ResultGroup("g"))
    with pytest.raises(TypeError, match="group"):
        traj.f_add_result_group(Result("r", 1))
    with pytest.raises(TypeError, match="group"):
        traj.f_add_result_group(PickleResult, "r")
    with pytest.raises(TypeError, match="leaf"):
        traj.f_add_result(ResultGroup, "r")
    assert "r" not in traj.res


@pytest.mark.parametrize(
    ("group", "place"),
    [
        (NNGroupNode, "parameters"),
        (ResultGroup, "parameters"),
        (ParameterGroup, ""),
        (ConfigGroup, "results"),
    ],
)
def test_standard_groups_belong_into_their_branch(traj: Trajectory, group: type, place: str):
    parent = traj.f_get(place) if place else traj
    with pytest.raises(TypeError, match="cannot be added"):
        parent.f_add_group(group("g"))
    assert "g" not in parent


def test_subclasses_of_standard_groups_may_go_anywhere(traj: Trajectory):
    for parent in (traj, traj.par, traj.res):
        assert parent.f_add_group(MyGroup("g")) is parent.f_get("g")
    assert_invariants(traj.v_index)


def test_a_group_of_another_tree_is_refused(traj: Trajectory):
    group = Trajectory("other").f_add_result_group("g")
    with pytest.raises(TypeError, match="other"):
        traj.f_add_result_group(group)


# ---------------------------------------------------------------------- what is in the way


@pytest.mark.parametrize("name", ["a.b.c", "a.b", "a"])
def test_a_name_can_be_used_once_only(traj: Trajectory, name: str):
    traj.f_add_parameter("a.b.c", 3)
    with pytest.raises(AttributeError, match=f"parameters.{name}"):
        traj.f_add_parameter(name, 1)
    assert traj.f_get("a.b.c").f_get() == 3


def test_nothing_can_be_added_below_a_leaf(traj: Trajectory):
    traj.f_add_parameter("a.b", 3)
    with pytest.raises(AttributeError, match="leaf"):
        traj.f_add_parameter("a.b.c.d", 1)


@pytest.mark.parametrize("no_clobber", [False, True])
@pytest.mark.parametrize("name", ["link", "link.new"])
def test_names_of_additions_do_not_lead_through_links(
    traj: Trajectory, name: str, no_clobber: bool
):
    traj.v_no_clobber = no_clobber
    group = traj.f_add_result_group("g")
    traj.res.f_add_link("link", group)
    with pytest.raises(AttributeError, match="link"):
        traj.f_add_result(name, 1)


def test_additions_through_the_linked_node_itself_are_fine(traj: Trajectory):
    traj.res.f_add_link("link", traj.f_add_result_group("g"))
    assert traj.link.f_add_group("new").v_full_name == "results.g.new"


@pytest.mark.parametrize(
    ("adder", "name"),
    [
        ("f_add_config", "conf"),
        ("f_add_parameter", "parameters"),
        ("f_add_result", "res"),
        ("f_add_leaf", "dpar"),
    ],
)
def test_no_leaf_takes_the_place_of_a_branch(traj: Trajectory, adder: str, name: str):
    with pytest.raises(ValueError, match=name):
        getattr(traj, adder)(name, 1)
    assert not traj.f_has_children()


def test_no_clobber_returns_the_existing_node_and_logs(traj: Trajectory, caplog):
    first = traj.f_add_parameter("x", 1)
    traj.v_no_clobber = True
    with caplog.at_level(logging.WARNING):
        assert traj.f_add_parameter("x", 2) is first
        assert traj.f_add_parameter_group("x") is first
    assert "parameters.x" in caplog.text
    assert first.f_get() == 1


def test_a_path_that_is_blocked_leaves_no_groups_behind(traj: Trajectory):
    traj.f_add_result("a.leaf", 1)
    with pytest.raises(AttributeError):
        traj.f_add_result("a.leaf.b.c", 1)
    assert list(traj._all_groups) == ["results", "results.a"]


def test_groups_on_the_way_stay_if_the_constructor_fails(traj: Trajectory):
    with pytest.raises(TypeError):
        traj.f_add_parameter("a.b.c", object())
    assert "a.b" in traj.par
    assert not traj._parameters
    assert_invariants(traj.v_index)


def test_a_failing_preset_leaves_instance_and_tree_alone(traj: Trajectory):
    traj.f_preset_parameter("a.x", 5)
    parameter = Parameter("a.x", 1)
    parameter.f_lock()
    with pytest.raises(TypeError):
        traj.f_add_parameter(parameter)
    assert parameter.v_full_name == "a.x"
    assert not traj._parameters
    assert traj.f_add_parameter("a.x", 2).f_get() == 2  # the preset is used up


# -------------------------------------------------------------------------------- in runs


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("z", "results.runs.run_00000001.z"),
        ("g.z", "results.runs.run_00000001.g.z"),
        ("$.z", "results.run_00000001.z"),
        ("g.$.z", "results.g.run_00000001.z"),
        ("$set.$.z", "results.run_set_00000.run_00000001.z"),
        ("$set.z", "results.runs.run_00000001.run_set_00000.z"),
        ("runs.z", "results.runs.run_00000001.runs.z"),
        ("results.z", "results.z"),
        ("g.run_ALL.z", "results.g.run_ALL.z"),
        ("g.r_A.z", "results.g.run_ALL.z"),
        ("r_99.q", "results.runs.run_00000001.run_00000099.q"),
    ],
)
def test_results_of_a_run_go_below_its_name(in_run: Trajectory, name: str, full_name: str):
    assert in_run.f_add_result(name, 1).v_full_name == full_name


def test_derived_parameters_of_a_run_go_below_its_name(in_run: Trajectory):
    assert (
        in_run.f_add_derived_parameter("z", 1).v_full_name
        == "derived_parameters.runs.run_00000001.z"
    )


def test_prefixes_of_a_run_depend_on_the_group_added_to(in_run: Trajectory):
    results = in_run.res
    assert results.f_add_result("a", 1).v_full_name == "results.runs.run_00000001.a"
    assert results.f_add_result_group("g").v_full_name == "results.runs.run_00000001.g"
    assert results.runs.f_add_result("b", 1).v_full_name == "results.runs.run_00000001.b"
    assert results.runs.run_1.f_add_result("c", 1).v_full_name == "results.runs.run_00000001.c"
    assert results.f_get("run_1.g").f_add_result("d", 1).v_location == "results.runs.run_00000001.g"


def test_the_group_of_all_runs_gets_no_prefix(in_run: Trajectory):
    assert in_run.res.f_add_result_group("runs").v_full_name == "results.runs"


def test_the_prefix_of_a_run_can_be_switched_off(in_run: Trajectory):
    in_run.v_auto_run_prepend = False
    assert in_run.f_add_result("z", 1).v_full_name == "results.z"


def test_outside_of_run_mode_only_wildcards_know_the_run(explored: Trajectory):
    explored.v_idx = 1
    assert explored.f_add_result("z", 1).v_full_name == "results.z"
    assert explored.f_add_result("$.z", 1).v_full_name == "results.run_00000001.z"


def test_generic_additions_get_no_run_prefix(in_run: Trajectory):
    assert in_run.f_add_leaf("q", 1).v_full_name == "q"
    assert in_run.res.f_add_group("q").v_full_name == "results.q"


@pytest.mark.parametrize(
    "add",
    [
        lambda traj: traj.par.f_add_parameter("p", 1),
        lambda traj: traj.f_add_leaf("parameters.p", 1),
        lambda traj: traj.f_add_group("config.p"),
        lambda traj: traj.par.f_add_group("p"),
        lambda traj: setattr(traj.par, "p", Parameter("p", 1)),
    ],
)
def test_a_run_cannot_add_parameters_and_configuration(in_run: Trajectory, add):
    with pytest.raises(TypeError, match="single run"):
        add(in_run)
    assert "parameters.p" not in in_run


def test_nodes_added_during_a_run_are_noted(in_run: Trajectory):
    in_run.f_add_result("$.z", 1)
    assert list(in_run.v_runs.new_nodes) == [
        ("", "results"),
        ("results", "run_00000001"),
        ("results.run_00000001", "z"),
    ]


def test_the_run_branch_is_the_nearest_run_known_when_adding(explored: Trajectory):
    assert explored.f_add_result("r_1.a.r_2.z", 1).v_run_branch == "run_00000002"
    assert explored.f_get("results.run_00000001.a").v_run_branch == "run_00000001"
    assert explored.f_add_result("r_A.z", 1).v_run_branch == "trajectory"
    assert explored.f_add_result("r_99.z", 1).v_run_branch == "trajectory"


# ------------------------------------------------------------------------------ from storage


def test_what_comes_from_storage_is_neither_translated_nor_checked(in_run: Trajectory):
    group = add_from_storage(in_run, ("parameters.$.par",), {}, leaf=False)
    leaf = add_from_storage(group, (Parameter, "_x"), {"comment": "c"}, leaf=True)
    assert leaf.v_full_name == "parameters.$.par._x"
    assert leaf.v_comment == "c"
    assert_invariants(in_run.v_index)


def test_what_comes_from_storage_must_not_exist(traj: Trajectory):
    traj.f_add_result("x", 1)
    with pytest.raises(AttributeError, match=r"results\.x"):
        add_from_storage(traj.res, ("x",), {}, leaf=True)


def test_a_loaded_parameter_becomes_the_explored_one(traj: Trajectory):
    traj.v_exploration.parameters["parameters.x"] = None
    parameter = add_from_storage(traj, (Parameter, "parameters.x"), {}, leaf=True)
    assert parameter.v_explored
    assert traj.f_get_explored_parameters() == {"parameters.x": parameter}


@pytest.mark.timeout(60)
def test_names_may_have_thousands_of_components(traj: Trajectory):
    name = ".".join("a" * 3000)
    leaf = traj.f_add_result(name, 1)
    assert leaf.v_depth == 3001
    assert traj.f_get(f"results.{name}") is leaf
    assert sum(1 for _ in traj.f_iter_nodes()) == 3001
    traj.f_remove()
    assert not traj._all_groups
