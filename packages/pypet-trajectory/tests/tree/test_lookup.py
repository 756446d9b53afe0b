"""Natural naming, f_get and its relatives."""

from __future__ import annotations

import numpy as np
import pytest

from pypet_trajectory.exceptions import NodeNotFoundError, NotUniqueNodeError
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree import lookup

# --------------------------------------------------------------------------- ways to write


@pytest.mark.parametrize(
    "key", ["a.b.c", ["a", "b", "c"], ("a", "b.c"), "par.a.b.c", "parameters.a.b.c", "c", "a.c"]
)
def test_a_node_is_found_by_dotted_names_lists_and_shortcuts(traj: Trajectory, key):
    leaf = traj.f_add_parameter("a.b.c", 3)
    assert traj.f_get(key) is leaf
    assert traj[key] == 3
    assert key in traj


def test_a_list_passed_as_name_is_not_changed(traj: Trajectory):
    traj.f_add_parameter("a", 3)
    key = ["par", "a"]
    traj.f_get(key)
    assert key == ["par", "a"]


def test_integers_are_run_indices(explored: Trajectory):
    explored.f_add_result("r_2.z", 5)
    explored.f_add_result("r_A.z", 6)
    assert explored.res[2].z == explored.res[np.int64(2)].z == explored.res.f_get(2).z == 5
    assert explored.res[-1].z == 6
    assert 1 not in explored.res


@pytest.mark.parametrize("key", [None, 2.5, object(), {}, ["a", None]])
def test_keys_that_are_no_names_are_not_found(traj: Trajectory, key):
    with pytest.raises(AttributeError):
        traj.f_get(key)
    assert key not in traj
    assert traj.f_get_default(key, 9) == 9


@pytest.mark.parametrize("key", ["", [], "a.", ".a", "a..b", "_a", "a._b", "__array__"])
def test_names_that_no_node_can_have_are_not_found(traj: Trajectory, key):
    group = traj.f_add_result_group("a")
    with pytest.raises(AttributeError):
        group.f_get(key)
    assert key not in group


def test_the_empty_name_is_the_root_at_the_root(traj: Trajectory):
    assert traj.f_get("") is traj


def test_full_names_are_understood_from_groups_as_well(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b", 1)
    assert traj.par.f_get("parameters.a.b") is leaf
    assert traj.par.a.f_get("parameters.a.b") is leaf
    assert traj.par.par is traj.par


def test_a_full_name_beats_an_equal_path_below(traj: Trajectory):
    inner = traj.f_add_result_group("results.c")
    traj.f_get("results").f_add_group("results")
    traj.f_get("results.results").f_add_group("c")
    assert traj.res.f_get("results.c") is inner


# ------------------------------------------------------------------------------ the search


def test_the_shallowest_node_wins(traj: Trajectory):
    traj.f_add_parameter("d0.d1.d2.f", 42)
    traj.f_add_parameter("d0.d1.f", 43)
    assert traj.f == 43


def test_two_nodes_at_the_same_depth_are_not_unique(traj: Trajectory):
    traj.f_add_parameter("u.v.t", 1)
    traj.f_add_parameter("u2.v.t", 2)
    with pytest.raises(NotUniqueNodeError) as caught:
        _ = traj.t
    assert "`parameters.u.v.t`" in str(caught.value)
    assert "`parameters.u2.v.t`" in str(caught.value)
    assert "t" not in traj
    assert not hasattr(traj, "t")
    assert traj.f_get_default("t", 9) == 9
    assert traj.u2.t == 2


def test_a_group_is_not_confused_with_one_whose_name_begins_alike(traj: Trajectory):
    traj.f_add_parameter_group("test")
    leaf = traj.f_add_parameter("test2.below", 1)
    assert "below" not in traj.test
    assert not traj.f_get("test").f_contains(leaf)
    with pytest.raises(AttributeError):
        _ = traj.test.below


def test_the_search_does_not_go_back(traj: Trajectory):
    traj.f_add_group("g1.aa")
    traj.f_add_parameter("g2.g3.aa.bb", 1)
    with pytest.raises(AttributeError):
        _ = traj["aa.bb"]


def test_a_group_is_not_below_itself(traj: Trajectory):
    group = traj.f_add_result_group("a.b")
    assert "b" not in group
    assert not group.f_contains(group)


def test_many_nodes_of_a_name_are_searched_level_by_level(traj: Trajectory):
    for i in range(lookup.MAX_CANDIDATES + 5):
        traj.f_add_result(f"runs.g{i}.z", i)
    assert traj.g7.z == 7
    with pytest.raises(NotUniqueNodeError):
        _ = traj.z
    traj.f_add_result("z", "shallow")
    assert traj.z == "shallow"


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_all_ways_to_search_agree(traj: Trajectory, links: bool, many: bool):
    traj.f_add_result("a.b.x", 1)
    traj.f_add_result("a.c.d.x", 2)
    traj.f_add_result("e.x.x", 3)
    if many:
        for i in range(lookup.MAX_CANDIDATES):
            traj.f_add_result(f"far.far.far.far.g{i}.x", i)
    if links:
        traj.res.f_add_link("other", traj.f_get("results.a.c"))
    assert traj.f_get("results.a").x == 1
    assert traj.f_get("results.a.c").x == 2
    assert traj.f_get("e.x").v_full_name == "results.e.x"
    assert traj.f_get("e.x.x").v_full_name == "results.e.x.x"
    assert traj.f_get("results.e").f_get("x").v_full_name == "results.e.x"


def test_without_shortcuts_every_component_is_a_direct_child(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b.c", 1)
    assert traj.f_get("par.a.b.c", shortcuts=False) is leaf
    assert traj.par.a.f_get("b.c", shortcuts=False) is leaf
    with pytest.raises(AttributeError):
        traj.f_get("a.c", shortcuts=False)
    traj.v_shortcuts = False
    with pytest.raises(AttributeError):
        _ = traj.c
    assert "c" not in traj


def test_data_items_of_leaves_are_not_searched(traj: Trajectory):
    traj.f_add_result("res1", item=3)
    assert "res1.item" not in traj
    with pytest.raises(AttributeError):
        _ = traj["res1.item"]


# ---------------------------------------------------------------------------------- depth


def test_max_depth_is_relative_and_inclusive(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b.c", 1)
    assert traj.f_get("c", max_depth=4) is leaf
    assert traj.par.a.f_get("c", max_depth=2) is leaf
    with pytest.raises(AttributeError):
        traj.f_get("c", max_depth=3)
    with pytest.raises(AttributeError):
        traj.par.a.f_get("c", max_depth=1)


def test_max_depth_counts_from_the_start_over_several_components(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b.c.d.e", 1)
    assert traj.f_get("b.e", max_depth=6) is leaf
    with pytest.raises(AttributeError):
        traj.f_get("b.e", max_depth=5)


def test_a_name_longer_than_max_depth_is_an_error_of_its_own(traj: Trajectory):
    with pytest.raises(ValueError, match="3 components"):
        traj.f_get("u.v.w", max_depth=2)
    with pytest.raises(AttributeError):
        traj.f_get("u.v.w", max_depth=2, shortcuts=False)
    with pytest.raises(ValueError, match="3 components"):
        traj.f_get_default("u.v.w", max_depth=2)


def test_containment_answers_no_where_the_name_is_too_long(traj: Trajectory):
    traj.f_add_result("a.b", 1)
    traj.v_max_depth = 1
    assert "results.a" not in traj
    assert not traj.f_contains("results.a", shortcuts=True, max_depth=1)


# ---------------------------------------------------------------------------- fast access


def test_natural_naming_returns_values_and_f_get_nodes(traj: Trajectory):
    leaf = traj.f_add_parameter("x", 3)
    assert (traj.x, traj["x"], traj.f_get_default("x")) == (3, 3, 3)
    assert traj.f_get("x") is leaf
    assert traj.f_get("x", fast_access=True) == 3
    assert traj.f_get_default("x", fast_access=False) is leaf
    traj.v_fast_access = False
    assert traj.x is leaf


def test_reading_by_fast_access_locks(traj: Trajectory):
    leaf = traj.f_add_parameter("x", 3)
    traj.f_get("x")
    assert not leaf.v_locked
    _ = traj.x
    assert leaf.v_locked


def test_leaves_without_one_value_come_as_themselves(traj: Trajectory):
    empty = traj.f_add_parameter("x")
    several = traj.f_add_result("y", 1, 2)
    assert traj.x is empty
    assert traj.y is several


def test_a_changed_setting_takes_effect_on_names_asked_for_before(traj: Trajectory):
    leaf = traj.f_add_parameter("a.b.x", 3)
    assert traj.x == 3
    traj.v_fast_access = False
    assert traj.x is leaf
    traj.v_max_depth = 2
    with pytest.raises(AttributeError):
        _ = traj.x
    traj.v_max_depth = None
    traj.v_shortcuts = False
    with pytest.raises(AttributeError):
        _ = traj.x


def test_a_changed_tree_takes_effect_on_names_asked_for_before(traj: Trajectory):
    traj.f_add_parameter("a.b.x", 3)
    assert traj.x == 3
    traj.f_add_parameter("x", 4)
    assert traj.x == 4
    traj.f_remove_item("parameters.x")
    assert traj.x == 3
    traj.f_remove_item("parameters.a.b.x")
    with pytest.raises(AttributeError):
        _ = traj.x


# -------------------------------------------------------------------------------- branches


@pytest.mark.parametrize("branch", ["parameters", "config", "derived_parameters", "results"])
def test_asking_for_a_branch_makes_it(traj: Trajectory, branch: str):
    assert branch in traj
    assert list(traj._all_groups) == [branch]
    assert traj.f_get(branch) is getattr(traj, branch)


@pytest.mark.parametrize("branch", ["config", "conf"])
def test_a_run_does_not_find_a_branch_it_may_not_make(in_run: Trajectory, branch: str):
    assert branch not in in_run
    assert not hasattr(in_run, branch)
    assert "config" not in in_run._all_groups


# ------------------------------------------------------------------------------- wildcards


@pytest.fixture
def with_results(explored: Trajectory) -> Trajectory:
    """Every run has ``z``, all runs together have ``q``; run 1 is set."""
    for i in range(3):
        explored.f_add_result(f"runs.run_{i}.z", i)
    explored.f_add_result("runs.run_ALL.q", 7)
    explored.v_idx = 1
    return explored


def test_wildcards_mean_the_current_run(with_results: Trajectory):
    assert with_results.crun.z == 1
    assert with_results["$.z"] == with_results["runs.$.z"] == 1
    assert with_results.res.runs[2].z == 2
    with_results.v_idx = 2
    assert with_results.crun.z == 2


def test_the_current_run_does_not_hide_the_others(with_results: Trajectory):
    with pytest.raises(NotUniqueNodeError):
        _ = with_results.z


def test_wildcards_fall_back_to_the_dummy_run_as_a_whole_name(with_results: Trajectory):
    assert with_results["runs.$.q"] == 7
    assert with_results.f_get_default("runs.crun.q") == 7
    assert "runs.$.q" in with_results
    with pytest.raises(AttributeError):
        _ = with_results.runs.crun.q


def test_a_wildcard_not_found_is_reported_with_the_run_name(with_results: Trajectory):
    with pytest.raises(AttributeError, match="run_00000001"):
        with_results.f_get("runs.$.nothing")
    with_results.v_idx = -1
    with pytest.raises(AttributeError, match="run_ALL"):
        with_results.f_get("runs.$.nothing")


def test_the_first_error_is_the_one_reported(with_results: Trajectory):
    with_results.f_add_result("a.$.w", 1)
    with_results.f_add_result("b.$.w", 1)
    with pytest.raises(NotUniqueNodeError, match="run_00000001"):
        with_results.f_get("$.w")


# ------------------------------------------------------------------------------ containment


def test_f_contains_takes_no_shortcuts_by_default(traj: Trajectory):
    traj.f_add_parameter("a.b", 1)
    assert not traj.f_contains("b")
    assert traj.f_contains("b", shortcuts=True)
    assert traj.f_contains("par.a.b")


def test_a_node_is_contained_if_it_is_that_very_object(traj: Trajectory):
    leaf = traj.f_add_result("a.b", 1)
    assert leaf in traj
    assert traj.f_contains(leaf)
    assert traj.res.f_contains(leaf, max_depth=2)
    assert not traj.res.f_contains(leaf, max_depth=1)
    assert Result("results.a.b", 1) not in traj
    assert traj not in traj
    assert leaf not in traj.par


def test_a_linked_node_is_contained_where_it_really_is(traj: Trajectory):
    leaf = traj.f_add_parameter("p", 1)
    traj.res.f_add_link("l", leaf)
    assert "l" in traj.res
    assert leaf not in traj.res


# -------------------------------------------------------------------------------- f_get_all


def test_f_get_all_finds_every_real_path_that_matches(traj: Trajectory):
    first = traj.f_add_result("a.b.c", 1)
    second = traj.f_add_result("a.x.b.c", 2)
    third = traj.f_add_result("xa.b.c", 3)
    traj.res.f_add_link("a2", traj.f_get("results.a"))
    assert traj.f_get_all("a.c") == [first, second]
    assert traj.f_get_all("c") == [first, second, third]
    assert traj.f_get_all("b.c", shortcuts=False) == [first, second, third]
    assert traj.f_get_all("a.b.c", shortcuts=False) == [first]
    assert traj.f_get("results.xa").f_get_all("c") == [third]
    assert traj.f_get_all("c", max_depth=4) == [first, third]
    assert traj.f_get_all("nothing") == []


def test_f_get_all_translates_wildcards(with_results: Trajectory):
    assert with_results.f_get_all("$.z") == [with_results.f_get("runs.run_1.z")]


def test_the_parent_of_a_group_is_the_group_above(traj: Trajectory):
    group = traj.f_add_result_group("a.b")
    assert group.f_get_parent() is traj.f_get("results.a")
    assert traj.res.f_get_parent() is traj
    with pytest.raises(TypeError, match="root"):
        traj.f_get_parent()


# ----------------------------------------------------------------------------------- errors


def test_an_error_suggests_near_names(traj: Trajectory):
    traj.f_add_parameter("network.neurons", 3)
    with pytest.raises(NodeNotFoundError, match="Did you mean `neurons`"):
        _ = traj.neuron
    with pytest.raises(NodeNotFoundError, match=r"`parameters\.network\.neurones`.*`neurons`"):
        traj.f_get("par.network.neurones")


def test_the_component_that_is_misspelt_is_the_one_that_gets_a_suggestion(traj: Trajectory):
    traj.f_add_parameter("network.neurons", 3)
    with pytest.raises(NodeNotFoundError, match=r"`netwrok\.neurons`.*mean `network`\?$"):
        traj.f_get("netwrok.neurons")
    with pytest.raises(NodeNotFoundError) as caught:
        traj.f_get("neurons.network")
    assert "mean" not in str(caught.value)  # both are there, but not below one another


def test_a_full_name_may_start_at_the_branch_it_leads_to(traj: Trajectory):
    leaf = traj.f_add_parameter("a.x", 3)
    assert traj.f_get("par.par.x") is leaf
    assert traj.par.f_get("par.par.x") is leaf
    assert "parameters.parameters" in traj
    other = traj.par.f_add_leaf("parameters.x", 4)
    assert traj.f_get("par.par.x") is other


def test_the_root_is_not_contained_in_itself_by_name_either(traj: Trajectory):
    assert traj.f_get("") is traj
    assert "" not in traj
    assert not traj.f_contains("", shortcuts=True)


def test_an_error_suggests_members_for_names_with_their_prefix(traj: Trajectory):
    with pytest.raises(AttributeError, match="f_add_parameter"):
        _ = traj.f_add_paramter
    with pytest.raises(AttributeError, match="v_comment"):
        _ = traj.v_coment


def test_old_keywords_are_swallowed_with_a_warning(traj: Trajectory):
    leaf = traj.f_add_parameter("x", 3)
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert traj.f_get("x", backwards_search=True) is leaf
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert traj.f_get_default("x", backwards_search=True) == 3
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert not traj.f_contains("x", backwards_search=True)


def test_loading_without_links_is_refused(traj: Trajectory):
    with pytest.raises(ValueError, match="with_links"):
        traj.f_get("x", auto_load=True, with_links=False)


def test_a_name_that_becomes_a_wildcard_is_looked_up_afresh(traj: Trajectory):
    plain, meant = traj.f_add_result("grp.z", 1), traj.f_add_result("group_ALL.z", 2)
    assert traj.f_get("grp.z") is plain
    traj.f_add_wildcard_functions({"grp": lambda idx: "group_ALL" if idx < 0 else f"group_{idx}"})
    assert traj.f_get("grp.z") is meant
