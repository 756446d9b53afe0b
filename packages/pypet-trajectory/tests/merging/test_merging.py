"""Merging: the runs of one trajectory appended to those of another."""

import pytest

from pypet_trajectory import (
    ArchiveStorageService,
    InMemoryStorageService,
    StorageService,
    Trajectory,
    load_trajectory,
)


def test_merging_makes_the_group_of_derived_parameters():
    service = InMemoryStorageService()
    trajectories = [Trajectory(name, storage_service=service) for name in ("t1", "t2")]
    for number, traj in enumerate(trajectories):
        traj.f_add_parameter("x", 1)
        traj.f_explore({"x": [2 * number, 2 * number + 1]})
        traj.f_store()
    trajectories[0].f_merge(trajectories[1], backup=False)
    loaded = [load_trajectory(name, storage_service=service) for name in ("t1", "t2")]
    assert ["derived_parameters" in traj.f_get_groups() for traj in loaded] == [True, False]


def make(name, xs, service, y=2, shared=1, trial=None):
    """A trajectory with completed runs and all kinds of results."""
    traj = Trajectory(name, storage_service=service)
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("g.y", y)
    traj.f_add_derived_parameter("runs.run_ALL.shared", shared)
    exploration = {"x": xs}
    if trial:
        traj.f_add_parameter("trial", 0)
        exploration["trial"] = trial
    traj.f_explore(exploration)
    traj.f_store()
    for idx in range(len(xs)):
        traj.f_start_run(idx)
        traj.f_add_result("z", f"{name}{idx}")
        traj.f_add_result("$set.$.w", idx)
        traj.f_add_derived_parameter("d", idx)
        traj.results.runs.crun.f_add_link("lx", traj.f_get("x"))
        traj.results.runs.crun.f_add_link("lw", traj.f_get("w"))
        traj.f_store()
        traj.f_finalize_run()
    traj.v_idx = -1
    traj.f_add_result("norun", name)
    traj.f_add_result("runs.run_ALL.all", name)
    traj.f_store()
    return traj


@pytest.fixture
def service():
    return InMemoryStorageService()


@pytest.fixture(params=["same store", "other store"])
def other_service(request, service):
    return service if request.param == "same store" else InMemoryStorageService()


@pytest.fixture
def pair(service, other_service):
    return make("A", [1, 2, 3], service), make("B", [3, 4], other_service)


def loaded(traj):
    return load_trajectory(traj.v_name, storage_service=traj.v_storage_service, load_data=2)


def per_run(traj, name):
    return list(traj.f_get_from_runs(name, include_default_run=False, fast_access=True).values())


def test_runs_are_appended(pair):
    traj, other = pair
    traj.f_merge(other, backup=False)
    for merged in (traj, loaded(traj)):
        assert len(merged) == 5
        assert merged.f_get("x").f_get_range() == [1, 2, 3, 3, 4]
        assert list(merged.f_get_explored_parameters()) == ["parameters.x"]
        assert merged.f_is_completed()
        assert merged.f_get_run_information(4)["parameter_summary"] == "x: 4"
    assert traj.v_idx == -1


def test_times_of_runs_come_along(pair):
    traj, other = pair
    row = other.f_get_run_information(1)
    traj.f_merge(other, backup=False)
    merged = traj.f_get_run_information(4)
    for field in ("timestamp", "finish_timestamp", "time", "runtime", "short_environment_hexsha"):
        assert merged[field] == row[field]


def test_results_of_runs_get_new_names(pair):
    traj, other = pair
    traj.f_merge(other, backup=False)
    merged = loaded(traj)
    assert per_run(merged, "z") == ["A0", "A1", "A2", "B0", "B1"]
    assert per_run(merged, "w") == [0, 1, 2, 0, 1]
    assert per_run(merged, "derived_parameters.runs.$.d") == []
    assert [merged.dpar.runs[idx].d for idx in range(5)] == [0, 1, 2, 0, 1]


def test_results_are_not_in_memory_afterwards(pair):
    traj, other = pair
    traj.f_merge(other, backup=False)
    assert "results.runs.run_00000004.z" not in traj
    traj.f_load_skeleton()
    assert traj.f_get("results.runs.run_00000004.z").f_is_empty()


def test_results_of_no_run_stay_as_they_are(pair):
    traj, other = pair
    other.f_add_result("only_theirs", 1)
    other.f_store()
    traj.f_merge(other, backup=False)
    merged = loaded(traj)
    assert merged.norun == "A"
    assert merged.only_theirs == 1
    assert merged.f_get("results.runs.run_ALL.all").f_get() == "A"


def test_links_are_made_again_between_renamed_nodes(pair):
    traj, other = pair
    traj.f_merge(other, backup=False)
    links = loaded(traj).results.runs.run_00000004.f_get_links()
    assert links["lx"].v_full_name == "parameters.x"
    assert links["lw"].v_full_name == "results.run_set_00000.run_00000004.w"


def test_the_other_trajectory_stays_as_it_was(pair):
    traj, other = pair
    before = loaded(other).f_to_dict(fast_access=True)
    traj.f_merge(other, backup=False)
    assert loaded(other).f_to_dict(fast_access=True) == before
    assert len(other) == 2


def test_duplicates_can_be_left_out(pair):
    traj, other = pair
    traj.f_merge(other, backup=False, remove_duplicates=True)
    merged = loaded(traj)
    assert merged.f_get("x").f_get_range() == [1, 2, 3, 4]
    assert per_run(merged, "z") == ["A0", "A1", "A2", "B1"]


def test_if_all_are_duplicates_nothing_happens(pair):
    traj, _ = pair
    before = loaded(traj).f_to_dict(fast_access=True)
    with pytest.raises(ValueError, match="new"):
        traj.f_merge(traj, remove_duplicates=True, backup=False)
    assert (len(traj), loaded(traj).f_to_dict(fast_access=True)) == (3, before)
    assert traj.f_get("x").f_get_range() == [1, 2, 3]


def test_parameters_that_differ_become_explored(service, other_service):
    traj, other = make("A", [1, 2], service), make("B", [1], other_service, y=7)
    traj.f_merge(other, backup=False, remove_duplicates=True)
    assert traj.f_get("y").f_get_range() == [2, 2, 7]
    assert traj.f_get("y").f_get_default() == 2
    assert traj.f_get("x").f_get_range() == [1, 2, 1]


def test_derived_parameters_of_no_run_that_differ_are_kept_once_and_linked(service, other_service):
    traj, other = make("A", [1], service), make("B", [2, 3, 4], other_service, shared=9)
    traj.f_merge(other, backup=False)
    merged = loaded(traj)
    groups = merged.dpar.runs
    assert groups.run_00000001.shared == 9
    assert "shared" in groups.run_00000001.f_get_leaves()
    for idx in (2, 3):
        assert groups[idx].f_get_links()["shared"] is groups[1].f_get("shared")
    assert groups.run_ALL.shared == 1


def test_equal_derived_parameters_of_no_run_are_not_repeated(pair):
    traj, other = pair
    traj.f_merge(other, backup=False)
    assert "shared" not in loaded(traj).dpar.runs.run_00000003.f_get_children()


def test_trials_go_on_counting(service, other_service):
    traj = make("A", [1, 1, 2, 2], service, trial=[0, 1, 0, 1])
    other = make("B", [1, 1, 2], other_service, trial=[0, 1, 2])
    traj.f_merge(other, trial_parameter="trial", backup=False)
    assert traj.f_get("trial").f_get_range() == [0, 1, 0, 1, 2, 3, 4]


def test_an_unexplored_trial_parameter_becomes_explored(service):
    traj, other = (Trajectory(name, storage_service=service) for name in "AB")
    for each in (traj, other):
        each.f_add_parameter("trial", 0)
        each.f_store()
    traj.f_merge(other, trial_parameter="trial", backup=False)
    assert traj.f_get("trial").f_get_range() == [0, 1]


def test_trials_with_gaps_are_refused(pair):
    traj, other = pair
    with pytest.raises(TypeError, match="0, 1, 2"):
        traj.f_merge(other, trial_parameter="x", backup=False)
    assert len(traj) == 3


def test_data_can_be_ignored(pair):
    traj, other = pair
    traj.f_merge(other, backup=False, ignore_data=["results.runs.run_00000001.z"])
    assert per_run(loaded(traj), "z") == ["A0", "A1", "A2", "B0"]


def test_moving_takes_data_from_the_other(pair):
    traj, other = pair
    traj.f_merge(other, backup=False, move_data=True)
    assert per_run(loaded(traj), "z") == ["A0", "A1", "A2", "B0", "B1"]
    assert per_run(loaded(other), "z") == []


@pytest.mark.parametrize("slow", [False, True])
def test_the_other_can_be_deleted(service, slow):
    traj, other = make("A", [1], service), make("B", [2], service)
    traj.f_merge(other, backup=False, delete_other_trajectory=True, slow_merge=slow)
    assert per_run(loaded(traj), "z") == ["A0", "B0"]
    with pytest.raises(ValueError):
        loaded(other)


def test_a_slow_merge_gives_the_same(service, other_service):
    names = []
    for slow in (False, True):
        traj = make(f"A{slow}", [1, 2], service)
        other = make(f"B{slow}", [3, 4], other_service)
        traj.f_merge(other, backup=False, slow_merge=slow, keep_info=False)
        names.append(sorted(loaded(traj).f_to_dict()))
    assert names[0] == names[1]


def test_data_in_memory_before_a_slow_merge_is_there_after_it(service):
    traj, other = make("A", [1], service), make("B", [2], service)
    other.f_load(load_data=2)
    traj.f_merge(other, backup=False, slow_merge=True)
    assert other.f_get("results.runs.run_00000000.z").f_get() == "B0"


def test_the_merge_is_noted(pair):
    traj, other = pair
    traj.f_merge(other, backup=False, ignore_data=["results.norun"])
    (note,) = loaded(traj).config.merge
    assert note.v_name.startswith("merge_")
    values = {leaf.v_full_name.split(".", 3)[3]: leaf.f_get() for leaf in note.f_iter_leaves()}
    assert values.pop("timestamp") > traj.v_timestamp
    assert values.pop("hexsha").startswith(note.v_name.split("_")[1])
    assert values == {
        "merged_runs": 2,
        "remove_duplicates": False,
        "ignore_data": ("results.norun",),
        "length_before_merge": 3,
        "other_trajectory.name": "B",
        "other_trajectory.timestamp": other.v_timestamp,
        "other_trajectory.length": 2,
    }


def test_notes_can_be_left_out(service):
    traj = make("A", [1], service)
    traj.f_merge(make("B", [2], service), backup=False, keep_info=False)
    traj.f_merge(make("C", [2], service), backup=False, keep_other_trajectory_info=False)
    (note,) = traj.config.merge
    assert "other_trajectory" not in note


def test_merging_twice_within_a_second_keeps_both_notes(service):
    traj, other = make("A", [1], service), make("B", [2], service)
    traj.f_merge(other, backup=False)
    traj.f_merge(other, backup=False)
    assert len(list(traj.config.merge)) == 2
    assert len(traj) == 3


def test_what_environments_noted_comes_along_if_asked_for(service, other_service):
    for merge_config in (True, False):
        traj = make(f"A{merge_config}", [1], service)
        other = make(f"B{merge_config}", [2], other_service)
        other.f_add_config("environment.env.name", "env")
        other.f_add_config("mine", 1)
        other.f_store()
        traj.f_merge(other, backup=False, merge_config=merge_config)
        merged = loaded(traj)
        assert ("config.environment.env.name" in merged) is merge_config
        assert "config.mine" not in merged


def test_merging_with_itself_doubles_the_runs(service):
    traj = make("A", [1, 2], service)
    traj.f_merge(traj, backup=False)
    merged = loaded(traj)
    assert merged.f_get("x").f_get_range() == [1, 2, 1, 2]
    assert per_run(merged, "z") == ["A0", "A1", "A0", "A1"]


def test_run_sets_are_translated_run_by_run():
    wildcards = {("$pair", "pair"): lambda idx: "pair_ALL" if idx < 0 else f"pair_{idx // 2}"}
    service = InMemoryStorageService()
    trajectories = []
    for name in "AB":
        traj = Trajectory(name, storage_service=service, wildcard_functions=wildcards)
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [1, 2, 3]})
        for _ in traj.f_iter_runs():
            traj.f_add_result("$pair.$.z", traj.v_idx)
        traj.f_store()
        trajectories.append(traj)
    traj, other = trajectories
    traj.f_merge(other, backup=False)
    traj.f_load(load_data=2)
    assert [node.v_full_name for node in traj.f_get_from_runs("z").values()][3:] == [
        "results.pair_1.run_00000003.z",
        "results.pair_2.run_00000004.z",
        "results.pair_2.run_00000005.z",
    ]


def test_several_trajectories_are_merged_at_once(service):
    traj = make("A", [1], service)
    others = [make("B", [2], service), make("C", [3], InMemoryStorageService())]
    for other in others:
        other.f_add_result("theirs", other.v_name)
        other.f_store()
    traj.f_merge_many(others, backup=False)
    merged = loaded(traj)
    assert merged.f_get("x").f_get_range() == [1, 2, 3]
    assert per_run(merged, "z") == ["A0", "B0", "C0"]
    assert merged.theirs == "B"
    assert len(list(merged.config.merge)) == 2


# ------------------------------------------------------------------------- refusals


def fresh(name="F", service=None, **parameters):
    traj = Trajectory(name, storage_service=service)
    for key, value in parameters.items():
        traj.f_add_parameter(key, value)
    return traj


@pytest.mark.parametrize("unfit", [fresh("D", z=1), "no trajectory"])
def test_if_one_of_several_does_not_fit_none_is_merged(service, unfit):
    traj = make("A", [1], service)
    with pytest.raises(TypeError):
        traj.f_merge_many([make("B", [2], service), unfit], backup=False)
    assert len(traj) == len(loaded(traj)) == 1
    assert traj.f_get("x").f_get_range() == [1]


@pytest.mark.parametrize("parameters", [{}, {"x": 1, "z": 1}, {"x": 1.0}])
def test_other_parameters_or_types_are_refused_and_nothing_changes(service, parameters):
    traj = fresh("A", service, x=1)
    traj.f_store()
    before = traj.f_to_dict(fast_access=True)
    with pytest.raises(TypeError, match=r"parameters\."):
        traj.f_merge(fresh(**parameters), backup=False)
    assert (len(traj), traj.f_to_dict(fast_access=True)) == (1, before)


def test_parameters_may_be_ignored(service):
    traj = fresh("A", service, x=1)
    traj.f_store()
    traj.f_merge(fresh(x=1, z=1), backup=False, ignore_data=["parameters.z"])
    assert len(traj) == 2


def test_other_wildcards_are_refused(service):
    traj, other = fresh("A", service, x=1), fresh(x=1)
    traj.f_store()
    other.f_add_wildcard_functions({"$new": str})
    with pytest.raises(TypeError, match="wildcards"):
        traj.f_merge(other, backup=False)


def test_what_is_no_trajectory_is_refused(service):
    with pytest.raises(TypeError, match="3"):
        fresh("A", service).f_merge(3)


def test_a_trajectory_in_a_run_is_refused(service):
    traj, other = fresh("A", service, x=1), fresh(x=1)
    traj.f_store()
    other.f_start_run(0)
    with pytest.raises(TypeError, match="run_00000000"):
        traj.f_merge(other, backup=False)


@pytest.mark.parametrize("with_service", [True, False])
def test_a_trajectory_never_stored_cannot_take_others(service, with_service):
    traj = fresh("A", service if with_service else None, x=1)
    with pytest.raises(ValueError, match="f_store"):
        traj.f_merge(fresh(x=1), backup=False)
    assert len(traj) == 1


def test_what_was_never_stored_cannot_be_backed_up(service):
    traj = fresh("A", service, x=1)
    traj.f_store()
    with pytest.raises(ValueError, match="backup=False"):
        traj.f_merge(fresh(x=1))
    assert len(traj) == 1


def test_a_trajectory_never_stored_is_merged_from_memory(service):
    traj, other = fresh("A", service, x=1), fresh(x=2)
    traj.f_store()
    other.f_add_result("runs.run_00000000.z", 5)
    traj.f_merge(other, backup=False)
    assert loaded(traj).f_get("x").f_get_range() == [1, 2]
    assert per_run(loaded(traj), "z") == [5]
    assert other.f_get("z").f_get() == 5


def test_old_keywords_still_work(service):
    traj = make("A", [1], service)
    with pytest.warns(DeprecationWarning, match="backup"):
        traj.f_merge(make("B", [2], service), backup_filename=False)
    with pytest.warns(DeprecationWarning, match="move_data"):
        traj.f_merge(make("C", [2], service), backup=False, move_nodes=False)
    with pytest.warns(DeprecationWarning, match="ignore_trajectory_results"):
        traj.f_merge(make("D", [2], service), backup=False, ignore_trajectory_results=True)
    assert len(traj) == 4


def test_trajectories_of_different_kinds_of_stores_can_be_merged(service, tmp_path):
    traj = make("A", [1], service)
    other = make("B", [2], ArchiveStorageService(filename=str(tmp_path / "b.traj")))
    traj.f_merge(other, backup=False)
    assert per_run(loaded(traj), "z") == ["A0", "B0"]
    back = make("C", [3], ArchiveStorageService(filename=str(tmp_path / "c.traj")))
    back.f_merge(traj, backup=False)
    assert per_run(loaded(back), "z") == ["C0", "A0", "B0"]


class OldService(StorageService):
    """A service that knows no merges."""

    def __init__(self, inner):
        self._inner = inner

    def store(self, msg, stuff, *args, **kwargs):
        if msg in ("MERGE", "PREPARE_MERGE"):
            from pypet_trajectory import NoSuchServiceError

            raise NoSuchServiceError(msg)
        return self._inner.store(msg, stuff, *args, **kwargs)

    def load(self, msg, stuff, *args, **kwargs):
        return self._inner.load(msg, stuff, *args, **kwargs)


def test_a_service_that_knows_no_merges_can_be_merged_in(service):
    old = OldService(service)
    traj, other = make("A", [1, 2], old), make("B", [3], old)
    traj.f_merge(other, backup=False)
    merged = loaded(traj)
    assert merged.f_get("x").f_get_range() == [1, 2, 3]
    assert per_run(merged, "z") == ["A0", "A1", "B0"]


def test_a_merge_finds_duplicates_without_comparing_all_with_all(service):
    # Comparing 3,000 runs with 3,000 one by one would take nine million comparisons.
    traj, other = (Trajectory(name, storage_service=service) for name in "AB")
    for each, first in ((traj, 0), (other, 1500)):
        each.f_add_parameter("x", 0)
        each.f_explore({"x": range(first, first + 3000)})
        each.f_store()
    traj.f_merge(other, backup=False, remove_duplicates=True)
    assert traj.f_get("x").f_get_range() == list(range(4500))
