"""Groups and nodes as objects: properties, proxies, text, completion."""

from __future__ import annotations

import inspect
import sys

import pytest

from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.branch_groups import ParameterGroup, ResultGroup
from pypet_trajectory.tree.nodes import NNLeafNode, NNTreeNode


class Noted(Result):
    """A leaf class that keeps a property of its own."""

    def __init__(self, full_name, *args, **kwargs):
        super().__init__(full_name, *args, **kwargs)
        object.__setattr__(self, "v_my_property", 42)


def test_a_node_knows_its_place(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b", 1, comment="why")
    group = traj.f_get("parameters.a")
    assert (leaf.v_name, leaf.v_full_name, leaf.v_location) == (
        "b",
        "parameters.a.b",
        "parameters.a",
    )
    assert (leaf.v_depth, leaf.v_branch, leaf.v_run_branch) == (3, "parameters", "trajectory")
    assert (leaf.v_is_leaf, leaf.v_is_group, leaf.v_is_root, leaf.v_stored) == (
        True,
        False,
        False,
        False,
    )
    assert (group.v_is_leaf, group.v_is_group, group.v_root) == (False, True, traj)
    assert (traj.v_depth, traj.v_branch, traj.v_location, traj.v_root) == (0, None, "", traj)
    assert leaf.v_comment == "why"
    assert leaf.f_get_class_name() == "Parameter"


def test_a_node_outside_of_a_tree_has_depth_zero():
    leaf = Parameter("a.b", 1)
    assert (leaf.v_depth, leaf.v_branch, leaf.v_is_root) == (0, None, True)
    assert (leaf.v_name, leaf.v_location) == ("b", "a")
    assert (ParameterGroup("").v_name, ParameterGroup("").v_location) == (None, "")


def test_comments_are_text(traj: Trajectory):
    group = traj.f_add_result_group("g")
    group.v_comment = 3
    assert group.v_comment == "3"


def test_a_plain_leaf_has_no_attributes_of_its_own():
    with pytest.raises(AttributeError):
        Parameter("x", 1).anything = 3
    assert not hasattr(Parameter("x", 1), "__dict__")
    assert not hasattr(ResultGroup("x"), "__dict__")


def test_a_leaf_class_must_fill_the_contract():
    class Half(NNLeafNode):
        pass

    leaf = Half("a.b", "", False)
    for method in (leaf.f_is_empty, leaf.f_empty, leaf._store, lambda: leaf._load({})):
        with pytest.raises(NotImplementedError, match=r"Half.*`a\.b`"):
            method()
    assert leaf._store_flags() == leaf._load_flags() == {}
    assert (leaf.f_val_to_str(), leaf.f_supports_fast_access()) == ("", False)
    assert (str(leaf), repr(leaf)) == ("a.b", "<a.b>")


# -------------------------------------------------------------------------------- proxies


def test_vars_and_func_leave_out_the_prefix(traj: Trajectory):
    leaf = traj.f_add_parameter("x", 1)
    assert leaf.vars.full_name == "parameters.x"
    assert leaf.func.get() == 1
    leaf.vars.comment = "new"
    assert leaf.v_comment == "new"
    assert traj.vars.idx == -1
    assert traj.func.get("x") is leaf


def test_proxies_know_members_only(traj: Trajectory):
    result = traj.f_add_result("x", item=1)
    for read in (
        lambda: result.vars.item,
        lambda: result.vars.nothing,
        lambda: result.func.nothing,
        lambda: traj.vars.results,
    ):
        with pytest.raises(AttributeError, match="no member"):
            read()
    with pytest.raises(AttributeError, match="no member"):
        result.vars.nothing = 3
    with pytest.raises(AttributeError):
        result.vars.name = "new"
    with pytest.raises(AttributeError):
        result.func.get = 3


def test_a_child_called_like_a_property_does_not_hide_it(traj: Trajectory):
    traj.f_add_result_group("idx")
    assert traj.vars.idx == -1


def test_vars_knows_what_an_instance_keeps():
    leaf = Noted("x", 1)
    assert leaf.vars.my_property == 42
    assert "my_property" in dir(leaf.vars)


def test_completion_of_proxies_is_that_of_the_node_without_prefix():
    leaf = Parameter("x", 1)
    for proxy, prefix in ((leaf.vars, "v_"), (leaf.func, "f_")):
        assert dir(proxy) == sorted(
            name.removeprefix(prefix) for name in dir(leaf) if name.startswith(prefix)
        )


def test_kids_are_direct_children_and_nodes(traj: Trajectory):
    leaf = traj.f_add_parameter("a.x", 1)
    traj.par.f_add_link("l", leaf)
    assert traj.par.kids.l is leaf
    assert traj.kids.parameters.kids.a.kids.x is leaf
    assert dir(traj.par.kids) == ["a", "l"]
    for read in (lambda: traj.kids.x, lambda: traj.kids.results):
        with pytest.raises(AttributeError, match="direct"):
            read()
    with pytest.raises(AttributeError, match="cannot be set"):
        traj.kids.new = 3


# ---------------------------------------------------------------------------- text, dir


def test_the_text_of_a_group_names_class_place_comment_and_children(traj: Trajectory):
    traj.f_add_result("g.x", 1)
    traj.res.g.v_comment = "why"
    shown = "(x: <class 'pypet.parameter.Result'>)"  # where scripts import it from
    assert str(traj.res.g) == f"ResultGroup results.g (`why`): {shown}"
    assert "(g: <class 'pypet.naturalnaming.ResultGroup'>)" in str(traj.res)
    assert repr(traj.res.g) == f"<{traj.res.g}>"
    assert str(ParameterGroup("a.b")) == "ParameterGroup a.b: "


def test_the_text_of_a_group_names_classes_of_users_as_python_does(traj: Trajectory):
    class Mine(Result):
        pass

    traj.f_add_result(Mine, "x", 1)
    assert str(traj.res) == f"ResultGroup results: (x: {Mine})"


@pytest.mark.parametrize(("children", "dots"), [(5, False), (6, True), (9, True)])
def test_six_children_are_shown_at_most(traj: Trajectory, children: int, dots: bool):
    group = traj.f_add_result_group("g")
    for i in range(children):
        group.f_add_leaf(f"x{i}", i)
    assert str(group).count("(x") == min(children, 6)
    assert str(group).endswith(", ...") is dots


def test_completion_lists_the_children(traj: Trajectory):
    leaf = traj.f_add_result("alpha", 1)
    traj.res.f_add_link("beta", leaf)
    names = dir(traj.res)
    assert {"alpha", "beta", "f_add_result", "v_name", "kids"} <= set(names)
    assert "f_add_parameter" not in names
    assert "results" in dir(traj)
    assert traj.res.f_dir_data() == ["alpha", "beta"]


def test_notebooks_complete_the_keys_of_items(traj: Trajectory):
    leaf = traj.f_add_result("alpha", 1, item=2)
    leaf.v_annotations.note = 3
    assert traj.res._ipython_key_completions_() == ["alpha"]
    assert leaf._ipython_key_completions_() == ["alpha", "item"]
    assert leaf.v_annotations._ipython_key_completions_() == ["note"]
    assert "note" in dir(leaf.v_annotations)
    assert ResultGroup("g")._ipython_key_completions_() == []


def test_completion_under_a_debugger_leaves_out_children(traj: Trajectory, monkeypatch):
    traj.f_add_result("alpha", 1)
    monkeypatch.setitem(sys.modules, "pydevd", object())
    assert "alpha" not in dir(traj.res)


def test_classes_of_groups_show_the_arguments_of_their_constructor():
    class WithMore(ResultGroup):
        def __init__(self, full_name="", trajectory=None, comment="", more=3):
            super().__init__(full_name, trajectory, comment)

    assert list(inspect.signature(ResultGroup).parameters) == ["full_name", "trajectory", "comment"]
    assert list(inspect.signature(WithMore).parameters)[-1] == "more"
    assert next(iter(inspect.signature(Trajectory).parameters)) == "name"


def test_groups_are_true_even_without_children(traj: Trajectory):
    assert traj.f_add_result_group("g")
    with pytest.raises(TypeError):
        len(traj.res)


def test_nodes_are_compared_by_identity():
    assert Parameter("x", 1) != Parameter("x", 1)
    assert ResultGroup("x") != ResultGroup("x")


def test_every_class_of_nodes_is_a_tree_node(traj: Trajectory):
    assert all(isinstance(node, NNTreeNode) for node in (traj, traj.res, Parameter("x", 1)))
