"""Results from all runs, and runs by their parameters."""

import pytest

from pypet_trajectory import InMemoryStorageService, Trajectory


@pytest.fixture
def traj():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("g.y", 3)
    traj.f_explore({"x": [5, 6, 7]})
    for idx in range(3):
        traj.f_add_result(f"runs.run_{idx:08d}.z", idx * 10)
    traj.f_add_result("runs.run_ALL.q", 7)
    traj.f_add_result("run_set_00000.run_00000002.m", 5)
    traj.f_add_result("sub.run_00000000.deep.er.k", 1, 2)
    return traj


def values(traj, name, **options):
    return dict(traj.f_get_from_runs(name, use_indices=True, fast_access=True, **options))


def test_one_item_comes_from_every_run(traj):
    assert values(traj, "z") == {0: 0, 1: 10, 2: 20}
    found = traj.f_get_from_runs("z")
    assert list(found) == traj.f_get_run_names()
    assert found["run_00000001"] is traj.f_get("results.runs.run_00000001.z")


def test_what_belongs_to_no_run_stands_in(traj):
    assert values(traj, "q") == {0: 7, 1: 7, 2: 7}
    assert values(traj, "q", include_default_run=False) == {}


def test_run_sets_are_searched_too(traj):
    assert values(traj, "m") == {2: 5}


def test_shortcuts_and_depth_restrict_the_search(traj):
    assert list(values(traj, "k")) == [0]
    assert values(traj, "k", shortcuts=False) == {}
    assert list(values(traj, "deep.er.k", shortcuts=False)) == [0]
    assert values(traj, "k", max_depth=3) == {}
    assert list(values(traj, "k", max_depth=4)) == [0]


def test_groups_and_leaves_with_several_items_come_as_nodes(traj):
    assert traj.f_get_from_runs("deep", fast_access=True)["run_00000000"].v_is_group
    assert traj.f_get_from_runs("k", fast_access=True)["run_00000000"].f_get("k") == 1


def test_links_show_the_value_of_their_run(traj):
    for idx in range(3):
        traj.results.runs[idx].f_add_link("lx", traj.f_get("x"))
    assert values(traj, "lx") == {0: 5, 1: 6, 2: 7}
    assert values(traj, "lx", with_links=False) == {}


def test_wildcards_stand_for_each_run(traj):
    for idx in range(3):
        traj.f_add_result(f"runs.run_{idx:08d}.run_{idx:08d}.inner", idx)
    assert values(traj, "$.inner") == {0: 0, 1: 1, 2: 2}


def test_the_run_context_is_as_before(traj):
    traj.v_idx = 1
    values(traj, "z")
    assert (traj.v_idx, traj.v_crun, traj.x) == (1, "run_00000001", 6)


def test_nothing_found_gives_nothing(traj):
    assert values(traj, "nope") == {}


def test_an_old_keyword_is_ignored_with_a_warning(traj):
    with pytest.warns(DeprecationWarning, match="where"):
        traj.f_get_from_runs("z", where="results")


def test_the_group_that_came_last_counts_if_two_have_it(traj):
    traj.f_add_derived_parameter("runs.run_00000001.z", 99)
    assert values(traj, "z") == {0: 0, 1: 99, 2: 20}


def test_missing_items_can_be_loaded_on_the_way():
    service = InMemoryStorageService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [5, 6]})
    for idx in range(2):
        traj.f_add_result(f"runs.run_{idx:08d}.z", idx)
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_results=1)
    assert all(node.f_is_empty() for node in loaded.f_get_from_runs("z").values())
    assert values(loaded, "z", auto_load=True) == {0: 0, 1: 1}


@pytest.mark.parametrize("known", [1, 2])
def test_loading_from_all_runs_opens_the_store_once(tmp_path, monkeypatch, known):
    filename = str(tmp_path / "runs.traj")
    traj = Trajectory("T", filename=filename)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(20))})
    for idx in range(20):
        traj.f_add_result(f"runs.run_{idx:08d}.z", idx)
    traj.f_store()
    loaded = Trajectory("T", filename=filename)
    loaded.f_load(load_results=1, max_depth=2 + known)  # without and with the results
    backend = loaded.v_storage_service.backend
    openings = []
    opened = backend.open
    monkeypatch.setattr(
        backend, "open", lambda *, writable: openings.append(writable) or opened(writable=writable)
    )
    assert len(values(loaded, "z", auto_load=True)) == 20
    assert openings == [False]
    assert not loaded.v_storage_service.is_open


def test_runs_are_found_by_their_parameters(traj):
    assert list(traj.f_find_idx("x", lambda x: x >= 6)) == [1, 2]
    assert list(traj.f_find_idx(["x", "y"], lambda x, y: x == 2 * y)) == [1]
    assert list(traj.f_find_idx("y", lambda y: True)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "error"),
    [("results.runs.run_00000000.z", TypeError), ("g", AttributeError), ("nope", AttributeError)],
)
def test_only_parameters_can_be_compared(traj, name, error):
    found = traj.f_find_idx(name, lambda x: True)
    with pytest.raises(error):
        next(found)


def test_a_run_can_search_only_with_full_copy(traj):
    traj.f_start_run(0)
    with pytest.raises(TypeError, match="full_copy"):
        list(traj.f_find_idx("x", lambda x: True))


def test_runs_that_are_only_in_the_store_are_loaded():
    service = InMemoryStorageService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(4)})
    for idx in range(4):
        traj.f_add_result(f"results.runs.run_set_00000.run_{idx:08d}.sub.z", idx)
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_data=0)
    assert loaded.f_get_from_runs("sub.z") == {}
    found = loaded.f_get_from_runs("sub.z", auto_load=True, fast_access=True, use_indices=True)
    assert found == {0: 0, 1: 1, 2: 2, 3: 3}


class CountingService(InMemoryStorageService):
    """Counts what is asked of it."""

    def __init__(self):
        super().__init__()
        self.loads = 0

    def load(self, *args, **kwargs):
        self.loads += 1
        return super().load(*args, **kwargs)


@pytest.mark.parametrize("skeleton", [False, True])
@pytest.mark.parametrize("n_runs", [20, 80])
def test_every_run_is_loaded_once_however_many_groups_hold_runs(n_runs, skeleton, caplog):
    service = CountingService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(n_runs)})
    for idx in range(n_runs):
        traj.f_add_result(f"part_{idx // 5}.run_{idx:08d}.z", idx)
    traj.f_add_result("part_0.run_ALL.q", 7)
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_data=1 if skeleton else 0)
    service.loads = 0
    assert values(loaded, "z", auto_load=True) == dict(enumerate(range(n_runs)))
    groups = 0 if skeleton else n_runs // 5
    assert service.loads <= n_runs + groups
    assert "is not in the store" not in caplog.text
    assert values(loaded, "q", auto_load=True) == dict.fromkeys(range(n_runs), 7)


def test_what_is_in_memory_and_in_the_store_is_found_together():
    service = InMemoryStorageService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(3)})
    traj.f_add_result("runs.run_00000000.z", 0)
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_data=0)
    loaded.f_add_result("runs.run_00000001.z", 1)
    loaded.f_add_result("own.run_00000002.z", 2)
    assert values(loaded, "z", auto_load=True) == {0: 0, 1: 1, 2: 2}


def test_what_belongs_to_no_run_alone_is_loaded_where_memory_has_runs():
    service = InMemoryStorageService()
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(2)})
    traj.f_add_result("runs.run_ALL.q", 7)
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_data=0)
    loaded.f_add_result("runs.run_00000001.z", 1)
    assert values(loaded, "q", auto_load=True) == {0: 7, 1: 7}


def test_the_old_keyword_for_backwards_search_is_swallowed(traj):
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert traj.f_get_from_runs("z", backwards_search=True) == traj.f_get_from_runs("z")
