"""Rules of pypet that are easily missed, and are not the subject of another test."""

from __future__ import annotations

import numpy as np
import pytest

from pypet_trajectory import (
    DataNotInStorageError,
    InMemoryStorageService,
    NotUniqueNodeError,
    PickleParameter,
    PickleResult,
    Result,
    Trajectory,
    load_trajectory,
)


@pytest.fixture
def traj() -> Trajectory:
    traj = Trajectory("T", storage_service=InMemoryStorageService())
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3]})
    return traj


def test_an_ambiguous_name_is_as_good_as_none(traj: Trajectory):
    traj.f_add_result("one.z", 1)
    traj.f_add_result("two.z", 2)
    with pytest.raises(NotUniqueNodeError):
        traj.f_get("z")
    assert "z" not in traj
    assert not hasattr(traj, "z")
    assert not traj.f_contains("z", shortcuts=True)
    assert traj.f_get_default("z", "nothing") == "nothing"


def test_data_missing_in_the_store_is_no_missing_attribute(traj: Trajectory):
    traj.f_store()
    traj.v_auto_load = True
    with pytest.raises(DataNotInStorageError):
        hasattr(traj, "missing")
    assert "missing" not in traj
    assert traj.f_get_default("missing", 0, auto_load=True) == 0


def test_branches_come_in_the_order_of_their_first_use():
    traj = Trajectory("T")
    assert not list(traj)
    _ = "results" in traj, traj.conf, traj.par
    assert [group.v_name for group in traj] == ["results", "config", "parameters"]


def test_f_get_goes_by_its_arguments_and_natural_naming_by_settings(traj: Trajectory):
    leaf = traj.f_add_result("deep.down.z", 5)
    traj.f_add_link("short", traj.f_get("deep"))
    traj.f_set_properties(fast_access=True, shortcuts=False, max_depth=1, with_links=False)
    assert traj.f_get("z") is leaf
    assert traj.f_get("short") is traj.f_get("results.deep")
    for name in ("z", "short"):
        assert name not in traj
        with pytest.raises(AttributeError):
            getattr(traj, name)


def test_a_run_stores_and_clears_all_that_is_new_named_like_runs_or_not(traj: Trajectory):
    traj.f_store()
    traj.f_start_run(1)
    traj.f_add_result("z", 1)
    traj.f_add_leaf("outside.of.runs", 2)
    traj.f_add_result("results.plain", 3)
    traj.f_store()
    traj.f_finalize_run()
    assert not {"z", "outside", "plain"} & {node.v_name for node in traj.f_iter_nodes()}
    again = load_trajectory("T", storage_service=traj.v_storage_service, load_data=2)
    assert (again.z, again.outside.of.runs, again.results.plain) == (1, 2, 3)


def test_explored_parameters_alone_are_unlocked_by_exploring(traj: Trajectory):
    other = traj.f_add_parameter("other", 1)
    other.f_lock()
    traj.f_expand({"x": [4]})
    traj.f_shrink()
    assert not traj.f_get("x").v_locked
    assert other.v_locked


def test_pickle_classes_have_protocols_of_their_own():
    assert PickleParameter("p", {1}).v_protocol == 2
    assert PickleResult("r", {1}).v_protocol == 0


def test_partial_loading_replaces_results_and_adds_to_pickled_ones():
    plain, pickled = Result("r", a=1), PickleResult("r", a=1)
    plain._load({"b": 2})
    assert plain.f_to_dict() == {"b": 2}
    pickled._load(PickleResult("r", b=2)._store())
    assert pickled.f_to_dict() == {"a": 1, "b": 2}


def test_existing_links_are_refused_with_no_clobber_as_well(traj: Trajectory):
    traj.v_no_clobber = True
    traj.f_add_link("link", traj.f_get("x"))
    with pytest.raises(AttributeError):
        traj.f_add_link("link", traj.f_get("x"))
    with pytest.raises(AttributeError):
        traj.f_add_leaf("link", 1)


def test_a_merge_leaves_behind_what_belongs_to_no_run_or_branch(traj: Trajectory):
    traj.f_store()
    other = Trajectory("O", storage_service=traj.v_storage_service)
    other.f_add_parameter("x", 1)
    other.f_explore({"x": [9]})
    other.f_add_result("runs.run_ALL.for_all", 1)
    other.f_add_config("mine", 1)
    other.f_add_leaf("free.leaf", 1)
    other.f_add_result("runs.run_00000000.own", 1)
    other.f_store()
    traj.f_merge(other, backup=False)
    again = load_trajectory("T", storage_service=traj.v_storage_service, load_data=2)
    assert again.results.runs[3].own == 1
    assert not {"for_all", "mine", "free"} & {node.v_name for node in again.f_iter_nodes()}


def test_copies_drop_ranges_and_keep_the_number_of_runs(traj: Trajectory):
    copy = traj.f_copy()
    assert (len(copy), copy.f_get("x").f_has_range(), copy.f_get("x").v_explored) == (
        3,
        False,
        True,
    )


def test_truth_is_about_values_only():
    traj = Trajectory("T")
    assert traj
    assert len(traj) == 1
    assert not traj.f_add_parameter("empty")
    assert traj.f_add_result("empty")
    assert traj.f_get("results")


@pytest.mark.parametrize(
    "gone", ["f_as_run", "v_fast_adding", "v_search_strategy", "v_backwards_search"]
)
def test_what_pypet_dropped_is_not_there(traj: Trajectory, gone: str):
    with pytest.raises(AttributeError):
        getattr(traj, gone)
    with pytest.raises(AttributeError):
        setattr(traj, gone, True)


@pytest.mark.parametrize("values", [[np.float64(1.0)], [1.0, 1], [1.0, True], np.arange(3)])
def test_types_of_numbers_are_never_mixed(traj: Trajectory, values):
    parameter = traj.f_add_parameter("y", 1.0)
    with pytest.raises(TypeError, match=r"parameters\.y"):
        parameter._explore(values)
