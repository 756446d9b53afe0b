"""Executing runs: what functions get, what comes back, what is in memory and in the file."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext

import pytest

from pypet import PresettingError, load_trajectory, manual_run
from pypet.environment.execution.running import result_sort

pytestmark = pytest.mark.timeout(60)


def fortytwo(traj, *args, **kwargs):
    return "fortytwo"


def multiply(traj, factor=2):
    traj.f_add_result("z", traj.x * factor, comment="A product")
    return traj.x * factor


def stored(filename, name="z", **kwargs):
    """What the file holds of a result, by run name."""
    traj = load_trajectory("t", filename=filename, load_data=2, **kwargs)
    return traj, traj.f_get_from_runs(name, fast_access=True)


@pytest.mark.claim(236)
def test_run_returns_indices_with_results(explored):
    assert explored([5, 6, 7]).run(fortytwo) == [(i, "fortytwo") for i in range(3)]


def test_without_exploration_there_is_one_run(make_env):
    env = make_env()
    env.trajectory.f_add_parameter("x", 3)
    assert env.run(multiply) == [(0, 6)]


@pytest.mark.claim(235)
@pytest.mark.claim(238)
def test_the_function_gets_the_trajectory_and_the_same_arguments_each_time(explored):
    env, calls = explored([1, 2]), []

    def job(*args, **kwargs):
        calls.append((args[0].x, args[1:], kwargs))

    env.run(job, "a", b=2)
    assert calls == [(1, ("a",), {"b": 2}), (2, ("a",), {"b": 2})]


@pytest.mark.claim(239)
def test_run_map_feeds_iterables_one_value_per_run(explored):
    env, calls = explored(list(range(5))), []

    def job(traj, arg1, arg2, arg3):
        calls.append((arg1, arg2, arg3))

    env.run_map(job, range(5), ["a", "b", "c", "d", "e"], arg3=[5, 4, 3, 2, 1])
    assert calls == [(0, "a", 5), (1, "b", 4), (2, "c", 3), (3, "d", 2), (4, "e", 1)]


def test_run_map_says_which_run_got_no_argument(explored):
    env = explored([1, 2, 3])
    with pytest.raises(RuntimeError, match="run 2"):
        env.run_map(multiply, [10, 20])
    assert env.trajectory.f_is_completed("run_00000001")
    assert env.run_map(multiply, [30]) == [(2, 90)]


@pytest.mark.claim(32)
def test_runs_happen_in_this_process_unless_told_otherwise(explored):
    assert explored([1]).run(lambda traj: os.getpid()) == [(0, os.getpid())]


@pytest.mark.claim(237)
@pytest.mark.parametrize(
    "way",
    [
        {"wrap_mode": "LOCK"},
        {"wrap_mode": "QUEUE"},
        {"wrap_mode": "LOCAL"},
        {"wrap_mode": "LOCK", "use_pool": True},
        {"wrap_mode": "QUEUE", "use_pool": True, "freeze_input": True},
        {"wrap_mode": "LOCAL", "use_pool": True},
    ],
    ids=lambda way: "-".join(str(value) for value in way.values()),
)
def test_results_are_in_order_and_in_the_file_however_runs_are_executed(explored, way):
    env = explored([4, 5, 6, 7], filename="t.hdf5", multiproc=True, ncores=2, **way)
    assert env.run(multiply, factor=10) == [(0, 40), (1, 50), (2, 60), (3, 70)]
    traj, values = stored("t.hdf5")
    assert list(values.values()) == [40, 50, 60, 70]
    assert traj.f_is_completed()


def test_any_executor_can_execute_runs(explored):
    env = explored(
        [4, 5], filename="t.hdf5", multiproc=True, executor=lambda: ProcessPoolExecutor(2)
    )
    assert env.run(multiply) == [(0, 8), (1, 10)]
    _, values = stored("t.hdf5")
    assert list(values.values()) == [8, 10]


@pytest.mark.claim(15)
def leave(traj, folder):
    traj.f_add_result("z", traj.x)
    os.chdir(folder)


@pytest.mark.parametrize("ways", [{}, {"multiproc": True, "use_pool": True}])
def test_runs_may_leave_the_working_directory(explored, tmp_path, ways):
    env = explored([1, 2, 3], filename="data/t.hdf5", resumable=True, **ways)
    (tmp_path / "elsewhere").mkdir()
    env.run(leave, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    _, values = stored(tmp_path / "data" / "t.hdf5")
    assert list(values.values()) == [1, 2, 3]


def test_everything_is_in_the_file_afterwards(explored):
    env = explored([1, 2], filename="t.hdf5")
    env.run(multiply)
    traj, values = stored("t.hdf5")
    assert list(values.values()) == [2, 4]
    assert traj.f_get("x").f_get_range() == [1, 2]
    assert traj.f_contains(f"config.environment.{env.name}.runtime")
    assert traj.f_contains(f"config.environment.{env.name}.wildcards.function_0.wildcard_0")
    assert traj.f_is_completed()


def test_parameters_config_and_runs_are_in_the_file_before_the_first_run(explored):
    env, seen = explored([1, 2], filename="t.hdf5"), {}

    def look(traj):
        seen.setdefault(traj.v_idx, load_trajectory("t", filename="t.hdf5", load_data=2))

    env.run(look)
    first, second = seen[0], seen[1]
    assert first.f_get("x").f_get_range() == [1, 2]
    assert first.f_contains(f"config.environment.{env.name}.hexsha")
    assert len(first) == 2
    assert not first.f_is_completed("run_00000000")
    assert second.f_is_completed("run_00000000")
    assert not second.f_is_completed("run_00000001")


def test_config_that_changes_during_the_runs_is_stored_as_it_is_at_the_end(explored):
    env = explored([1], filename="t.hdf5")
    env.trajectory.f_add_config("note", "before")
    env.add_postprocessing(lambda traj, results: traj.f_get("note").f_set("after"))
    env.run(multiply)
    assert load_trajectory("t", filename="t.hdf5", load_data=2).note == "after"


@pytest.mark.claim(16)
def test_without_automatic_storing_results_are_not_stored(explored):
    env = explored([1, 2], filename="t.hdf5", automatic_storing=False)
    assert env.run(multiply) == [(0, 2), (1, 4)]
    traj, values = stored("t.hdf5")
    assert not values
    assert traj.f_is_completed()


@pytest.mark.claim(79)
@pytest.mark.claim(80)
@pytest.mark.parametrize("clean_up", [True, False])
def test_run_data_leaves_memory_if_wanted(explored, clean_up):
    env = explored([1, 2], clean_up_runs=clean_up)
    env.run(multiply)
    assert env.trajectory.f_contains("results.runs.run_00000001.z") is not clean_up


def test_a_second_call_executes_only_what_was_added(explored):
    env = explored([1, 2])
    env.run(multiply)
    assert env.run(multiply) == []
    env.trajectory.f_expand({"x": [3]})
    assert env.run(multiply) == [(2, 6)]


def test_a_loaded_trajectory_is_not_executed_again(explored, make_env):
    explored([1, 2], filename="t.hdf5").run(multiply)
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    assert make_env(traj).run(multiply) == []


def test_presets_must_have_been_used(make_env):
    env = make_env()
    env.trajectory.f_preset_parameter("never", 1)
    with pytest.raises(PresettingError, match="never"):
        env.run(fortytwo)


def test_parameters_are_locked_once_runs_begin(explored):
    env = explored([1])
    env.run(multiply)
    with pytest.raises(TypeError):
        env.trajectory.f_get("x").f_set(3)


def test_the_trajectory_is_at_no_run_afterwards(explored):
    env = explored([1, 2])
    env.run(multiply)
    assert env.trajectory.v_idx == -1
    assert not env.trajectory.v_is_run


@pytest.mark.claim(11)
@pytest.mark.claim(12)
def test_run_names_may_be_ones_own(explored):
    names = {("$", "crun"): lambda idx: f"flight_{idx}" if idx >= 0 else "no_flight"}
    env = explored([1, 2], wildcard_functions=names, filename="t.hdf5")
    assert env.trajectory.f_wildcard("$") == "no_flight"
    env.run(multiply)
    _, values = stored("t.hdf5", wildcard_functions=names)
    assert list(values) == ["flight_0", "flight_1"]


@pytest.mark.claim(13)
@pytest.mark.claim(14)
def test_own_wildcards_group_runs(explored):
    def bucket(idx):
        return "none" if idx < 0 else "even" if idx % 2 == 0 else "odd"

    env = explored([1, 2, 3], wildcard_functions={("$mycard", "mycard"): bucket})
    env.run(lambda traj: traj.f_add_result("$mycard.$.z", traj.x) and None)
    env.trajectory.f_load_skeleton()
    groups = env.trajectory.results.f_get_children()
    assert set(groups) == {"even", "odd"}


@pytest.mark.claim(281)
def test_a_manual_run_is_the_same_function_with_and_without_environment(explored):
    job = manual_run(store_meta_data=False)(multiply)
    assert explored([1, 2]).run(job) == [(0, 2), (1, 4)]
    traj = explored([3, 4]).trajectory
    assert [job(traj) for _ in traj.f_iter_runs()] == [6, 8]
    assert traj.f_is_completed()


def test_results_are_sorted_by_index_only():
    class Incomparable:
        pass

    first, second = (0, Incomparable()), (1, Incomparable())
    assert result_sort([second, first]) == [first, second]
    assert result_sort([second, first], start_index=1) == [second, first]


def test_start_time_is_that_of_the_first_call_and_finish_that_of_the_last(explored):
    env = explored([1])
    config = env.trajectory.f_get("config")
    env.run(multiply)
    start, finish = config.start_timestamp, config.finish_timestamp
    env.trajectory.f_expand({"x": [2]})
    env.run(multiply)
    assert config.start_timestamp == start
    assert config.finish_timestamp > finish
    assert config.f_get("runtime").v_locked


# -------------------------------------------------------------------------------- failures


def fail_at_two(traj, broken=True):
    traj.f_add_result("z", traj.x)
    if traj.x == 2 and broken:
        raise ZeroDivisionError("two is too much")
    return traj.x


def test_an_exception_leaves_run_and_the_trajectory_usable(explored):
    env = explored([1, 2, 3], filename="t.hdf5")
    with pytest.raises(ZeroDivisionError, match="two is too much"):
        env.run(fail_at_two)
    assert not env.trajectory.v_is_run
    assert env.current_idx == 1
    traj, values = stored("t.hdf5")
    assert traj.f_is_completed("run_00000000")
    assert not traj.f_is_completed("run_00000001")
    assert list(values.values()) == [1]
    assert env.run(fail_at_two, broken=False) == [(1, 2), (2, 3)]
    assert env.trajectory.f_is_completed()


@pytest.mark.parametrize("way", [{}, {"multiproc": True, "ncores": 2}])
def test_failures_are_kept_if_runs_go_on(explored, way):
    env = explored([1, 2, 3], filename="t.hdf5", on_run_error="continue", **way)
    assert env.run(fail_at_two) == [(0, 1), (2, 3)]
    (name, failure), *rest = env.failed_runs.items()
    assert (name, failure.exception, rest) == ("run_00000001", "ZeroDivisionError", [])
    assert "two is too much" in failure.message
    assert "fail_at_two" in failure.traceback
    traj, _ = stored("t.hdf5")
    assert not traj.f_is_completed("run_00000001")
    assert traj.v_runs.table.failures[1].exception == "ZeroDivisionError"


def test_failed_runs_are_executed_by_calling_run_again(explored):
    env = explored([1, 2, 3], on_run_error="continue")
    env.run(fail_at_two)
    assert env.run(fail_at_two, broken=False) == [(1, 2)]
    assert env.failed_runs == {}
    assert env.trajectory.f_is_completed()


def test_failed_runs_are_tried_again_if_wanted(explored):
    env, tries = explored([1], retries=2), []

    def flaky(traj):
        tries.append(traj.v_idx)
        if len(tries) < 3:
            raise OSError("not yet")
        return "at last"

    assert env.run(flaky) == [(0, "at last")]


def test_the_run_information_tells_why_a_run_failed_until_it_has_completed(explored):
    env = explored([1, 2], filename="t.hdf5", on_run_error="continue", retries=2)
    env.run(fail_at_two)
    for traj in (env.trajectory, stored("t.hdf5")[0]):
        assert "failure" not in traj.f_get_run_information(0)
        row = traj.f_get_run_information()["run_00000001"]
        failure = row["failure"]
        assert (row["completed"], failure.status, failure.attempts) == (0, "failed", 3)
        assert "fail_at_two" in failure.traceback
        assert failure == env.failed_runs["run_00000001"]
    env.run(fail_at_two, broken=False)
    for traj in (env.trajectory, stored("t.hdf5")[0]):
        assert "failure" not in traj.f_get_run_information(1)


@pytest.mark.parametrize("on_run_error", ["continue", "raise"])
def test_the_summary_names_failed_runs(explored, caplog, on_run_error):
    env = explored([1, 2, 3], on_run_error=on_run_error)
    raised = pytest.raises(ZeroDivisionError) if on_run_error == "raise" else nullcontext()
    with caplog.at_level("INFO"), raised:
        env.run(fail_at_two)
    (record,) = [
        r for r in caplog.records if r.levelname == "ERROR" and "not completed" in r.message
    ]
    assert "run_00000001" in record.message
    assert "ZeroDivisionError" in record.message


# ------------------------------------------------------------------------------- stopping


def interrupt_at_two(traj, times=1):
    if traj.x == 2:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
    return traj.x


@pytest.mark.claim(98)
@pytest.mark.claim(242)
def test_the_first_interrupt_lets_active_runs_finish(explored):
    env, calls = explored([1, 2, 3, 4], graceful_exit=True), []
    env.add_postprocessing(lambda traj, results: calls.append(list(results)))
    assert env.run(interrupt_at_two) == [(0, 1), (1, 2)]
    assert calls == [[(0, 1), (1, 2)]]
    assert env.current_idx == 2
    assert env.trajectory.f_is_completed("run_00000001")
    assert env.run(interrupt_at_two) == [(2, 3), (3, 4)]


@pytest.mark.claim(99)
@pytest.mark.claim(243)
def test_the_second_interrupt_is_a_keyboard_interrupt(explored):
    env = explored([1, 2, 3], graceful_exit=True)
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt_at_two, times=2)
    assert env.current_idx == 1


@pytest.mark.claim(241)
def test_without_graceful_exit_one_interrupt_is_enough(explored):
    env = explored([1, 2, 3])
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt_at_two)
    assert not env.trajectory.v_is_run


def test_an_interrupted_experiment_is_not_expanded_for_ever(explored):
    env, calls = explored([1, 2, 3], graceful_exit=True), []

    def expand(traj, results):
        calls.append(1)
        return {"x": [5]}

    env.add_postprocessing(expand)
    env.run(interrupt_at_two)
    assert len(calls) == 1


def _returns_its_tree(traj, what):
    result = traj.f_add_result("z", traj.x)
    return {"trajectory": traj, "result": result, "group": traj.results}[what]


@pytest.mark.parametrize("what", ["trajectory", "result", "group"])
@pytest.mark.parametrize(
    ("wrap_mode", "way"),
    [
        ("PIPE", {"use_pool": True}),
        ("PIPE", {"use_pool": True, "freeze_input": True}),
        ("PIPE", {}),
        ("QUEUE", {"use_pool": True}),
        ("LOCK", {"use_pool": True}),
        ("LOCAL", {}),
    ],
)
def test_a_run_may_return_its_trajectory_or_parts_of_it(explored, folder, wrap_mode, way, what):
    env = explored(
        [1, 2],
        filename=str(folder / "f.hdf5"),
        multiproc=True,
        ncores=2,
        wrap_mode=wrap_mode,
        **way,
    )
    returned = env.run(_returns_its_tree, what)
    assert [idx for idx, _ in returned] == [0, 1]
    for idx, tree in returned:  # what the run added has left the tree when it returns
        if what == "result":
            assert tree.f_get(0) == idx + 1
        else:
            assert tree.v_full_name == {"trajectory": "", "group": "results"}[what]
    assert env.trajectory.f_is_completed()
