"""Post-processing sees all results and may ask for more runs."""

from __future__ import annotations

import os

import pytest

from pypet import load_trajectory

pytestmark = pytest.mark.timeout(60)


def job(traj, factor=1, extra=0):
    traj.f_add_result("z", traj.x * factor + extra)
    return traj.x * factor + extra


class Script:
    """A post-processing function that returns prepared values, one per call."""

    def __init__(self, *returned):
        self.returned = list(returned)
        self.calls = []

    def __call__(self, traj, results, *args, **kwargs):
        self.calls.append((list(results), args, kwargs))
        return self.returned.pop(0) if self.returned else None


@pytest.mark.claim(244)
@pytest.mark.claim(246)
def test_it_is_called_once_after_all_runs_with_its_own_arguments(explored):
    env, postproc = explored([1, 2]), Script()
    env.add_postprocessing(postproc, 42, extra_arg2=42.5)
    env.run(job)
    assert postproc.calls == [([(0, 1), (1, 2)], (42,), {"extra_arg2": 42.5})]


@pytest.mark.claim(245)
def test_the_short_name_means_the_same(explored):
    env, postproc = explored([1]), Script()
    env.add_postproc(postproc, 42, extra_arg2=42.5)
    env.run(job)
    assert postproc.calls == [([(0, 1)], (42,), {"extra_arg2": 42.5})]
    assert env.f_add_postproc is not None


@pytest.mark.claim(247)
@pytest.mark.claim(248)
@pytest.mark.claim(249)
def test_run_data_is_loaded_in_it_on_demand(explored):
    env, seen = explored([7], filename="t.hdf5"), []

    def look(traj, results):
        def loaded(load):
            if "results" in traj.f_get_children():
                traj.f_remove_child("results", recursive=True)
            load()
            return traj.results.runs.run_00000000.z

        def load_item():
            traj.f_load_skeleton()
            traj.f_load_item("results.runs.run_00000000.z")

        seen.append("z" in traj)
        seen.append(loaded(load_item))
        seen.append(loaded(lambda: traj.f_load_child("results", recursive=True)))
        seen.append(loaded(lambda: traj.f_load(load_results=2)))
        traj.f_remove_child("results", recursive=True)
        traj.v_auto_load = True
        seen.append(traj.res.runs.run_00000000.z)

    env.add_postprocessing(look)
    env.run(job)
    assert seen == [False, 7, 7, 7, 7]


@pytest.mark.claim(250)
def test_what_it_returns_is_no_result(explored):
    env = explored([1])
    env.add_postprocessing(Script(({},)))
    assert env.run(job) == [(0, 1)]


def test_something_it_should_not_return_is_logged_and_ignored(explored, caplog):
    env = explored([1])
    env.add_postprocessing(Script("nonsense"))
    assert env.run(job) == [(0, 1)]
    assert "nonsense" in caplog.text


@pytest.mark.claim(251)
def test_expanding_the_trajectory_in_it_adds_runs(explored):
    env = explored([1])

    def expand(traj, results):
        if len(traj) < 3:
            traj.f_expand({"x": [len(traj) + 1]})

    env.add_postprocessing(expand)
    assert env.run(job) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.claim(252)
@pytest.mark.claim(253)
@pytest.mark.claim(255)
def test_a_returned_dictionary_adds_runs_and_it_is_called_again(explored):
    env, postproc = explored([1]), Script({"x": [2, 3]}, ({"x": [4]},))
    env.add_postprocessing(postproc)
    assert env.run(job) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [len(results) for results, _, _ in postproc.calls] == [1, 3, 4]
    assert env.trajectory.f_get(f"config.environment.{env.name}.postproc_expand").f_get()


def test_the_list_it_gets_is_the_one_that_is_returned(explored):
    env, lists = explored([1]), []
    env.add_postprocessing(lambda traj, results: lists.append(results))
    returned = env.run(job)
    assert lists[0] is returned


@pytest.mark.claim(254)
def test_changes_to_the_trajectory_carry_over_to_new_runs(explored):
    env, seen = explored([1]), []

    def look(traj):
        seen.append(traj.v_auto_load)

    def change(traj, results):
        traj.v_auto_load = True
        return {"x": [2]} if len(traj) == 1 else None

    env.add_postprocessing(change)
    env.run(look)
    assert seen == [False, True]


@pytest.mark.claim(256)
@pytest.mark.claim(257)
def test_it_may_change_the_arguments_of_later_runs(explored):
    env = explored([1, 2])
    env.add_postprocessing(Script(({"x": [3]}, (10,), {"extra": 5})))
    assert env.run(job, 2) == [(0, 2), (1, 4), (2, 35)]


@pytest.mark.claim(258)
@pytest.mark.claim(259)
def test_it_may_change_its_own_later_arguments(explored):
    env, postproc = explored([1]), Script(({"x": [3]}, (1,), {}, ("new",), {"k": "v"}))
    env.add_postprocessing(postproc, "old")
    env.run(job)
    assert [(args, kwargs) for _, args, kwargs in postproc.calls] == [
        (("old",), {}),
        (("new",), {"k": "v"}),
    ]


@pytest.mark.claim(260)
def test_for_mapped_runs_new_arguments_are_iterables(explored):
    env = explored([1, 2])
    env.add_postprocessing(Script(({"x": [3, 4]}, ([100, 1000],))))
    assert env.run_map(job, [1, 10]) == [(0, 1), (1, 20), (2, 300), (3, 4000)]


def test_mapped_arguments_that_are_not_replaced_go_on(explored):
    env = explored([1, 1])
    env.add_postprocessing(Script({"x": [1, 1]}))
    assert [z for _, z in env.run_map(job, [1, 2, 3, 4])] == [1, 2, 3, 4]


@pytest.mark.claim(81)
def test_data_that_it_loaded_is_gone_in_the_next_runs(explored):
    env, seen = explored([1, 2], filename="t.hdf5"), []

    def look(traj):
        seen.append(traj.f_contains("results.runs.run_00000000.z"))
        traj.f_add_result("z", traj.x)

    def load_and_expand(traj, results):
        traj.f_load_skeleton()
        traj.f_load_item("results.runs.run_00000000.z")
        if len(traj) > 2:
            return None
        traj.f_add_result("summary.mean", 1.5)
        return {"x": [3]}

    env.add_postprocessing(load_and_expand)
    env.run(look)
    assert seen == [False, False, False]
    assert env.trajectory.f_contains("results.summary.mean")


@pytest.mark.claim(81)
@pytest.mark.parametrize("clean_up", [True, False])
def test_run_data_that_is_stored_leaves_memory_after_it_if_wanted(explored, clean_up):
    env = explored([1, 2], filename="t.hdf5", clean_up_runs=clean_up)

    def load(traj, results):
        traj.f_load_skeleton()
        traj.f_load_item("results.runs.run_00000000.z")
        traj.f_add_result("runs.run_00000001.new", 3)

    env.add_postprocessing(load)
    env.run(lambda traj: traj.f_add_result("z", traj.x) and None)
    assert env.trajectory.f_contains("results.runs.run_00000000.z") is not clean_up
    assert env.trajectory.f_contains("results.runs.run_00000001.new")
    stored = load_trajectory("t", filename="t.hdf5", load_data=2)
    assert stored.results.runs.run_00000001.new == 3
    assert stored.results.runs.run_00000000.z == 1


def test_an_exception_in_it_leaves_a_usable_trajectory(explored):
    env = explored([1])

    def fail(traj, results):
        raise KeyError("gone")

    env.add_postprocessing(fail)
    with pytest.raises(KeyError, match="gone"):
        env.run(job)
    assert env.trajectory.f_is_completed()
    assert not env.trajectory.v_is_run


# ------------------------------------------------------------------------------- pipelines


@pytest.mark.claim(266)
@pytest.mark.claim(270)
def test_a_pipeline_is_a_whole_experiment(make_env):
    postproc = Script({"ncards": [100, 200]})

    def myjobfunc(traj, extra_arg1, extra_arg2, extra_arg3):
        return traj.ncards + extra_arg1 + extra_arg2 + extra_arg3

    def mypipeline(traj):
        traj.f_add_parameter("poker.ncards", 7, comment="Usually we play 7-card-stud")
        traj.f_explore({"ncards": range(4)})
        args = (1, 2)
        kwargs = {"extra_arg3": 3}
        postproc_args = (4,)
        postproc_kwargs = {"postproc_arg2": 5, "postproc_arg3": 6}
        return (myjobfunc, args, kwargs), (postproc, postproc_args, postproc_kwargs)

    env = make_env()
    results = env.pipeline(mypipeline)
    assert results == list(enumerate([6, 7, 8, 9, 106, 206]))
    assert postproc.calls[0][1:] == ((4,), {"postproc_arg2": 5, "postproc_arg3": 6})
    assert len(postproc.calls) == 2


def test_pipeline_map_takes_arguments_from_iterables(make_env):
    def pipeline(traj):
        traj.f_add_parameter("x", 1)
        traj.f_explore({"x": [1, 2]})
        return job, ([10, 100],)

    assert make_env().pipeline_map(pipeline) == [(0, 10), (1, 200)]


def test_a_pipeline_without_runs_needs_an_environment_without_runs(make_env):
    with pytest.raises(RuntimeError, match="do_single_runs"):
        make_env().pipeline(lambda traj: None)
    assert make_env(do_single_runs=False).pipeline(lambda traj: None) == []


# -------------------------------------------------------------------- immediate processing


@pytest.mark.claim(82)
@pytest.mark.claim(83)
@pytest.mark.claim(84)
@pytest.mark.claim(261)
@pytest.mark.claim(262)
@pytest.mark.claim(263)
@pytest.mark.claim(264)
@pytest.mark.parametrize("wrap_mode", ["LOCK", "QUEUE", "LOCAL"])
def test_immediate_postprocessing_begins_when_nothing_is_left_to_start(explored, folder, wrap_mode):
    gate = folder / "gate"

    def slow_first(traj):
        if traj.v_idx == 0:
            while not gate.exists():
                os.sched_yield()
        if traj.v_idx == 3:
            gate.touch()
        return traj.x

    env = explored([1, 2, 3], filename="t.hdf5", multiproc=True, ncores=2, immediate_postproc=True,
                   wrap_mode=wrap_mode)  # fmt: skip
    calls, pids = [], set()

    def postproc(traj, results):
        calls.append(list(results))
        pids.add(os.getpid())
        return {"x": [4]} if len(traj) == 3 else None

    env.add_postprocessing(postproc)
    assert env.run(slow_first) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert pids == {os.getpid()}
    assert 0 not in [idx for idx, _ in calls[0]]
    assert len(calls[0]) >= 1
    assert calls[-1] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert len(calls) >= 2
    stored = load_trajectory("t", filename="t.hdf5", load_data=2)
    assert stored.f_get("x").f_get_range() == [1, 2, 3, 4]
    assert stored.f_is_completed()


def test_arguments_that_it_returns_as_none_stay_as_they_are(explored):
    env, calls = explored([1, 2]), []

    def expand(traj, results):
        return ({"x": [3]}, None, {"b": 5}) if len(traj) == 2 else None

    env.add_postprocessing(expand)
    env.run(lambda traj, a, b: calls.append((a, b)), 1, b=2)
    assert calls == [(1, 2), (1, 2), (1, 5)]


def test_arguments_that_it_returns_must_be_arguments(explored):
    env = explored([1, 2])
    env.add_postprocessing(lambda traj, results: ({"x": [3]}, 5))
    with pytest.raises(TypeError, match=r"run function must be a tuple .* but are 5"):
        env.run(lambda traj: None)
    assert len(env.trajectory) == 2
