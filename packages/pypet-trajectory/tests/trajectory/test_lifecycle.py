"""Going to runs, being in them, and leaving them."""

import pytest

from pypet_trajectory import InMemoryStorageService, Trajectory, manual_run
from pypet_trajectory.trajectory.lifecycle import abandon_run, finalize_run, start_run


@pytest.fixture
def traj():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [5, 6, 7]})
    return traj


@pytest.mark.parametrize("run", [1, "run_00000001"])
def test_going_to_a_run_moves_explored_parameters(traj, run):
    traj.f_set_crun(run)
    assert (traj.v_idx, traj.v_crun, traj.v_crun_, traj.x) == (1, "run_00000001", "run_00000001", 6)


@pytest.mark.parametrize("nowhere", [None, -1, "run_ALL"])
def test_leaving_runs_restores_defaults(traj, nowhere):
    traj.v_idx = 2
    traj.v_crun = nowhere
    assert (traj.v_idx, traj.v_crun, traj.v_crun_, traj.x) == (-1, None, "run_ALL", 0)


@pytest.mark.parametrize("run", ["run_1", 3, -2, "foo", 1.5])
def test_a_run_that_is_not_there_is_refused_and_the_context_stays(traj, run):
    traj.v_idx = 1
    with pytest.raises(KeyError):
        traj.f_set_crun(run)
    assert (traj.v_idx, traj.x) == (1, 6)


def test_names_and_indices_translate_into_each_other(traj):
    assert traj.f_idx_to_run(2) == "run_00000002"
    assert traj.f_idx_to_run("run_00000002") == 2
    with pytest.raises(KeyError):
        traj.f_idx_to_run(-1)


def test_iterating_over_runs_goes_to_each_and_leaves_at_the_end(traj):
    assert [traj.x for _ in traj.f_iter_runs()] == [5, 6, 7]
    assert traj.v_idx == -1


def test_iteration_yields_what_is_asked_for(traj):
    assert list(traj.f_iter_runs(1, 3, yields="IDX")) == [1, 2]
    assert list(traj.f_iter_runs(step=2)) == ["run_00000000", "run_00000002"]
    assert all(item is traj for item in traj.f_iter_runs(yields="self"))
    copies = list(traj.f_iter_runs(yields="copy"))
    assert [(item is traj, item.v_idx, item.x) for item in copies] == [
        (False, 0, 5),
        (False, 1, 6),
        (False, 2, 7),
    ]


def test_breaking_off_an_iteration_keeps_the_run(traj):
    for _ in traj.f_iter_runs():
        if traj.v_idx == 1:
            break
    assert traj.v_idx == 1


@pytest.mark.parametrize("arguments", [{"stop": 4}, {"yields": "nonsense"}, {"yields": 3}])
def test_wrong_arguments_of_an_iteration_show_at_the_first_step(traj, arguments):
    runs = traj.f_iter_runs(**arguments)
    with pytest.raises(ValueError):
        next(runs)


def test_a_run_adds_below_its_name_and_cleans_up(traj):
    traj.f_start_run(1)
    assert traj.v_is_run
    assert str(traj).startswith("Trajectory (during single run) T")
    assert traj.f_add_result("z", 1).v_full_name == "results.runs.run_00000001.z"
    traj.f_add_leaf("elsewhere", 1)
    traj.results.f_add_link("lx", traj.f_get("x"))
    traj.f_finalize_run(store_meta_data=False)
    assert (traj.v_is_run, traj.v_idx) == (False, 1)
    assert list(traj.f_to_dict()) == ["parameters.x"]
    assert not traj.v_runs.new_nodes
    assert not traj.v_runs.new_links
    assert not traj._linked_by


def test_a_finished_run_is_known_as_completed(traj):
    traj.f_start_run(1)
    traj.f_finalize_run(store_meta_data=False)
    row = traj.f_get_run_information(1)
    assert (row["completed"], row["parameter_summary"], row["name"]) == (1, "x: 6", "run_00000001")
    assert row["finish_timestamp"] >= row["timestamp"] > 1e9
    assert (traj.f_is_completed(1), traj.f_is_completed(0), traj.f_is_completed()) == (1, 0, False)
    assert traj._updated_run_information == {1}


def test_starting_twice_does_nothing_the_second_time(traj):
    assert traj.f_start_run(1) is traj
    traj.f_add_result("z", 1)
    assert traj.f_start_run(2) is traj
    assert (traj.v_idx, len(traj.v_runs.new_nodes)) == (1, 4)


def test_starting_needs_a_run(traj):
    with pytest.raises(ValueError, match="f_set_crun"):
        traj.f_start_run()
    assert not traj.v_is_run


def test_finishing_what_was_not_started_does_nothing(traj):
    assert traj.f_finalize_run() is traj
    assert not traj._updated_run_information


def test_a_run_without_run_mode_does_not_clean_up(traj):
    traj.f_start_run(0, turn_into_run=False)
    assert not traj.v_is_run
    traj.f_add_result("z", 1)
    traj.f_finalize_run(store_meta_data=False)
    assert "results.z" in traj
    assert traj.f_is_completed(0)


def test_clean_up_can_be_left_out(traj):
    traj.f_start_run(0)
    traj.f_add_result("z", 1)
    traj.f_finalize_run(store_meta_data=False, clean_up=False)
    assert "results.runs.run_00000000.z" in traj


def test_an_abandoned_run_leaves_no_trace(traj):
    before = traj.f_get_run_information(1)
    start_run(traj, 1)
    traj.f_add_result("z", 1)
    abandon_run(traj)
    assert list(traj.f_to_dict()) == ["parameters.x"]
    assert traj.f_get_run_information(1) == before
    start_run(traj, 1)
    finalize_run(traj)
    assert traj.f_is_completed(1)


def test_removing_in_a_run_what_it_added_does_not_disturb_clean_up(traj):
    traj.f_start_run(0)
    traj.f_add_result("z", 1)
    traj.f_remove_item("z")
    traj.f_finalize_run(store_meta_data=False)
    assert not traj.v_is_run


NOT_IN_RUN = [
    "f_add_config",
    "f_add_config_group",
    "f_add_parameter",
    "f_add_parameter_group",
    "f_add_to_dynamic_imports",
    "f_set_crun",
    "f_iter_runs",
    "f_shrink",
    "f_preset_config",
    "f_preset_parameter",
    "f_get_from_runs",
    "f_is_completed",
    "f_expand",
    "f_explore",
    "f_lock_parameters",
    "f_lock_derived_parameters",
    "f_load_skeleton",
    "f_load",
    "f_backup",
    "f_merge_many",
    "f_merge",
    "f_migrate",
    "f_is_empty",
    "f_restore_default",
]


@pytest.mark.parametrize("name", NOT_IN_RUN)
def test_some_functions_are_not_available_in_a_run(traj, name):
    assert name in dir(traj)
    assert getattr(type(traj), name).not_in_run
    traj.f_start_run(0)
    assert name not in dir(traj)
    with pytest.raises(TypeError, match=name):
        getattr(traj, name)()


@pytest.mark.parametrize("name", ["v_comment", "v_idx", "v_crun", "v_full_copy"])
def test_some_properties_cannot_be_set_in_a_run(traj, name):
    traj.f_start_run(0)
    with pytest.raises(TypeError):
        setattr(traj, name, 0)


def test_the_parameter_summary_uses_full_names_where_short_ones_repeat():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("g.x", 0)
    traj.f_add_parameter("text", "")
    traj.f_explore({"parameters.x": [1], "g.x": [2], "text": ["a" * 600]})
    traj.f_start_run(0)
    traj.f_finalize_run(store_meta_data=False)
    first, second, third = traj.f_get_run_information(0)["parameter_summary"].split(",   ")
    assert (first, second) == ("x: 1", "parameters.g.x: 2")
    assert third.endswith("...")
    assert len(third) == len("text: ") + 512


def test_a_manual_run_needs_no_environment(traj):
    @manual_run(store_meta_data=False)
    def square(traj, factor, offset=0):
        assert traj.v_is_run
        traj.f_add_result("z", 1)
        return factor * traj.x**2 + offset

    assert [square(traj, 2, offset=1) for _ in traj.f_iter_runs()] == [51, 73, 99]
    assert square.__name__ == "square"
    assert traj.f_is_completed()
    assert "z" not in traj


def test_a_manual_run_that_raises_leaves_a_usable_trajectory(traj):
    @manual_run(store_meta_data=False)
    def fail(traj):
        traj.f_add_result("z", 1)
        raise RuntimeError("no")

    traj.v_idx = 0
    with pytest.raises(RuntimeError, match="no"):
        fail(traj)
    assert not traj.v_is_run
    assert "z" not in traj
    assert not traj.f_is_completed(0)
    traj.v_idx = 1


def test_within_an_environment_manual_runs_are_plain_functions(traj):
    @manual_run(store_meta_data=False)
    def job(traj):
        return traj.v_is_run

    traj.v_runs.by_environment = True
    assert job(traj) is False


def test_the_run_table_is_stored_at_the_end_of_a_run():
    service = InMemoryStorageService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [5, 6]})
    traj.f_store()
    traj.f_start_run(1)
    traj.f_add_result("z", 3)
    traj.f_store()
    traj.f_finalize_run()
    assert not traj._updated_run_information
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_data=2)
    assert [loaded.f_is_completed(idx) for idx in range(2)] == [0, 1]
    assert dict(loaded.f_get_from_runs("z", fast_access=True)) == {"run_00000001": 3}


def test_iterating_does_not_leave_a_run_that_was_started(traj):
    runs = traj.f_iter_runs()
    next(runs)
    traj.f_start_run()
    with pytest.raises(TypeError, match="f_finalize_run"):
        next(runs)
    assert traj.v_idx == 0


def test_storing_in_a_run_that_added_nothing_needs_no_service(traj):
    traj.f_start_run(1)
    traj.f_store()
