"""Which names are admissible and what abbreviations stand for."""

from __future__ import annotations

import pytest

from pypet_trajectory.exceptions import InvalidNameError
from pypet_trajectory.naming import names
from pypet_trajectory.naming.wildcards import WildcardFunctions
from pypet_trajectory.trajectory import Trajectory


@pytest.mark.parametrize(
    "name",
    ["", ".", "a..b", "a.", "_a", "a._b", "ä", "a b", "a/b", "a\n", "$nothing", "a.$b", "\ud800"],
)
def test_a_name_that_is_not_admissible_is_refused_with_its_full_name(traj: Trajectory, name: str):
    with pytest.raises(ValueError) as caught:
        traj.f_add_result(name)
    assert isinstance(caught.value, InvalidNameError)
    assert repr(f"results.{name}") in str(caught.value)
    assert not traj._results


@pytest.mark.parametrize("name", ["a", "1a-b", "-", "A_", "x" * 127, f"{'x' * 200}.a"])
def test_letters_digits_underscores_and_hyphens_are_admissible(traj: Trajectory, name: str):
    assert traj.f_add_result(name, 1).v_full_name == f"results.{name}"


def test_the_last_component_has_at_most_127_characters(traj: Trajectory):
    with pytest.raises(ValueError, match="128 characters"):
        traj.f_add_result("x" * 128)


@pytest.mark.parametrize("name", ["overview", "overview.x"])
@pytest.mark.parametrize("adder", ["f_add_result", "f_add_parameter", "f_add_leaf", "f_add_group"])
def test_overview_is_refused_at_the_root(traj: Trajectory, adder: str, name: str):
    with pytest.raises(ValueError, match="reserved"):
        getattr(traj, adder)(name)


def test_overview_is_admissible_below_other_groups(traj: Trajectory):
    assert traj.results.f_add_result("overview", 1).v_full_name == "results.overview"
    assert traj.f_add_result("x.overview", 1).v_full_name == "results.x.overview"


def test_a_link_at_the_root_cannot_be_called_overview(traj: Trajectory):
    leaf = traj.f_add_result("a", 1)
    with pytest.raises(ValueError, match="reserved"):
        traj.f_add_link("overview", leaf)


@pytest.mark.parametrize("name", ["f_get", "v_idx", "vars", "func", "kids", "for", "not"])
def test_members_and_keywords_are_accepted_with_a_warning(traj: Trajectory, name: str):
    with pytest.warns(SyntaxWarning, match=name):
        leaf = traj.f_add_result(name, 1)
    assert traj.f_get(f"results.{name}") is leaf


def test_every_keyword_in_a_name_gives_a_warning_of_its_own(traj: Trajectory):
    with pytest.warns(SyntaxWarning) as caught:
        traj.f_add_result("not.for.continue", 1)
    assert len(caught) == 3


def test_a_warning_points_to_the_line_that_chose_the_name(traj: Trajectory):
    with pytest.warns(SyntaxWarning) as caught:
        traj.f_add_result("for", 1)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["for", "f_get"])
def test_a_trajectory_may_be_called_like_a_keyword_or_a_member_with_a_warning(name: str):
    with pytest.warns(SyntaxWarning, match=name) as caught:
        assert Trajectory(name).v_name == name
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["data", "get", "name", "value"])
def test_other_common_words_are_free(traj: Trajectory, name: str, recwarn):
    traj.f_add_result(name, 1)
    assert not recwarn


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("par", "parameters"),
        ("conf", "config"),
        ("dpar", "derived_parameters"),
        ("res", "results"),
        ("r_5", "run_00000005"),
        ("run_5", "run_00000005"),
        ("run_00000005", "run_00000005"),
        ("r_A", "run_ALL"),
        ("run_A", "run_ALL"),
        ("rts_4042", "run_set_00004"),
        ("runtoset_4042", "run_set_00004"),
        ("rts_A", "run_set_ALL"),
        ("$", "run_00000007"),
        ("crun", "run_00000007"),
        ("$set", "run_set_00000"),
        ("crunset", "run_set_00000"),
    ],
)
def test_abbreviations_are_translated(written: str, meant: str):
    assert names.translate(written, WildcardFunctions(), 7) == meant


@pytest.mark.parametrize(
    "name", ["r5", "r__5", "run_5_", "r_x", "rts", "rts_", "run_ALL", "run_set_5", "r_٣", "r_-1"]
)
def test_what_only_looks_like_an_abbreviation_is_left_alone(name: str):
    assert names.translate(name, WildcardFunctions(), 7) == name


def test_a_number_of_thousands_of_digits_is_no_run_index():
    name = "r_" + "9" * 5000
    assert names.translate(name, WildcardFunctions(), 7) == name


def test_abbreviations_apply_to_every_component(traj: Trajectory):
    assert traj.f_add_result("foo.par.k", 1).v_full_name == "results.foo.parameters.k"


def test_a_run_index_may_exceed_the_number_of_runs(traj: Trajectory):
    assert traj.f_add_result("r_5.k", 1).v_full_name == "results.run_00000005.k"


def test_a_trajectory_may_be_called_overview_but_not_have_a_dot_in_its_name():
    names.check_trajectory_name("overview")
    for name in ("a.b", "", "_a", "ä", "x" * 128):
        with pytest.raises(ValueError):
            names.check_trajectory_name(name)
