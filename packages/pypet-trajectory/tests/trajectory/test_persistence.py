"""What a trajectory says to its storage service, and what comes back."""

import pytest

from pypet_trajectory import (
    InMemoryStorageService,
    StorageService,
    Trajectory,
    load_trajectory,
)
from pypet_trajectory.exceptions import DataNotInStorageError


class Recorder(StorageService):
    """A service that only notes what it is asked for."""

    def __init__(self):
        self.calls = []

    def store(self, msg, stuff, *args, **kwargs):
        self.calls.append((msg, stuff, args, kwargs))

    def load(self, msg, stuff, *args, **kwargs):
        self.calls.append((msg, stuff, args, kwargs))

    @property
    def last(self):
        return self.calls[-1]


@pytest.fixture
def recorded():
    traj = Trajectory("T", storage_service=Recorder())
    traj.f_add_parameter("a.x", 1)
    traj.f_add_result("r.z", 1)
    return traj


@pytest.fixture
def service():
    return InMemoryStorageService()


@pytest.fixture
def traj(service):
    traj = Trajectory("T", comment="kept", storage_service=service)
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("y", 1.0)
    traj.f_add_result("r", 1)
    traj.f_explore({"x": [1, 2, 3]})
    return traj


def test_storing_says_what_to_store(recorded):
    recorded.f_store(store_data=3, max_depth=2)
    assert recorded.v_storage_service.last == (
        "TRAJECTORY",
        recorded,
        (),
        {"trajectory_name": "T", "only_init": False, "store_data": 3, "max_depth": 2},
    )
    assert recorded.v_stored


def test_a_run_stores_what_it_added_and_nothing_if_there_is_nothing(recorded):
    recorded.f_store()
    recorded.f_start_run(0)
    recorded.f_store()
    assert len(recorded.v_storage_service.calls) == 1
    recorded.f_add_result("new", 1)
    recorded.f_store(only_init=True)
    assert recorded.v_storage_service.last == (
        "SINGLE_RUN",
        recorded,
        (),
        {"trajectory_name": "T", "recursive": False, "store_data": 2, "max_depth": None},
    )


def test_items_may_be_names_nodes_and_tuples(recorded):
    recorded.f_store()
    node = recorded.f_get("z")
    recorded.f_store_items(["x", node, ("LEAF", "z"), ("LEAF", node, (), {"a": 1})], overwrite=True)
    message, requests, _, kwargs = recorded.v_storage_service.last
    assert (message, kwargs) == ("LIST", {"trajectory_name": "T"})
    assert requests == [
        ("LEAF", recorded.f_get("x"), (), {"overwrite": True}),
        ("LEAF", node, (), {"overwrite": True}),
        ("LEAF", node, (), {"overwrite": True}),
        ("LEAF", node, (), {"a": 1}),
    ]


def test_groups_are_stored_as_groups(recorded):
    recorded.f_store()
    recorded.f_store_item("a", recursive=True)
    assert recorded.v_storage_service.last[1] == [
        ("GROUP", recorded.f_get("a"), (), {"recursive": True})
    ]


def test_empty_and_filled_leaves_can_be_left_out(recorded):
    recorded.f_store()
    empty = recorded.f_add_result("empty")
    recorded.f_load_items(["x", empty], only_empties=True)
    assert [node for _, node, _, _ in recorded.v_storage_service.last[1]] == [empty]
    with pytest.raises(ValueError, match="nothing was done"):
        recorded.f_store_items([empty], non_empties=True)


def test_loading_nothing_only_warns(recorded, caplog):
    recorded.f_store()
    recorded.f_load_items([])
    recorded.f_delete_items([])
    recorded.f_delete_links([])
    recorded.f_remove_items([])
    assert len(recorded.v_storage_service.calls) == 1
    assert len(caplog.records) == 4


@pytest.mark.parametrize("item", [("LEAF",), ("LEAF", "x", (), {}, 1), 3])
def test_items_of_another_shape_are_refused(recorded, item):
    recorded.f_store()
    with pytest.raises((ValueError, TypeError)):
        recorded.f_store_items([item])


def test_items_need_a_stored_trajectory(recorded):
    for call in (recorded.f_store_items, recorded.f_load_items):
        with pytest.raises(TypeError, match="never stored"):
            call(["x"])


def test_links_are_named_or_given_by_group_and_name(recorded):
    recorded.f_store()
    recorded.f_add_link("top", recorded.f_get("x"))
    recorded.results.f_add_link("lx", recorded.f_get("x"))
    recorded.f_delete_links(["results.lx", (recorded, "top")], remove_from_trajectory=True)
    assert recorded.v_storage_service.last[1] == [
        ("DELETE_LINK", "results.lx"),
        ("DELETE_LINK", "top"),
    ]
    assert not recorded._linked_by


def test_names_of_links_may_be_abbreviated_and_hold_wildcards(recorded):
    recorded.f_store()
    recorded.results.f_add_group("run_00000000")
    recorded.results.f_add_link("run_00000000.lx", recorded.f_get("x"))
    recorded.results.f_add_link("ly", recorded.f_get("x"))
    recorded.f_set_crun(0)
    recorded.f_delete_link("res.$.lx", remove_from_trajectory=True)
    assert recorded.v_storage_service.last[1] == [("DELETE_LINK", "results.run_00000000.lx")]
    recorded.f_delete_link("res.ly", remove_from_trajectory=True)
    assert recorded.v_storage_service.last[1] == [("DELETE_LINK", "results.ly")]
    assert not recorded.v_index.linked_by


def test_without_service_storing_says_what_to_do():
    traj = Trajectory("T")
    for call in (traj.f_store, traj.f_load, traj.f_backup):
        with pytest.raises(AttributeError, match="storage_service"):
            call()


def test_the_old_keyword_recursive_means_not_only_init(recorded):
    recorded.f_store(recursive=False)
    assert recorded.v_storage_service.last[3]["only_init"] is True
    with pytest.raises(ValueError, match="either"):
        recorded.f_store(recursive=False, only_init=True)


def test_dropped_keywords_warn(recorded):
    with pytest.warns(DeprecationWarning, match="new_name"):
        recorded.f_store(new_name="N")
    with pytest.warns(DeprecationWarning, match="remove_empty_groups"):
        recorded.f_remove_item("z", remove_empty_groups=True)


# ------------------------------------------------------------------- with a real store


def test_what_was_stored_comes_back(traj, service):
    traj.f_store()
    loaded = load_trajectory("T", storage_service=service, load_data=2)
    assert (loaded.v_name, loaded.v_comment, len(loaded)) == ("T", "kept", 3)
    assert loaded.v_timestamp == traj.v_timestamp
    assert loaded.f_to_dict(fast_access=True) == traj.f_to_dict(fast_access=True)
    assert loaded.f_get_explored_parameters() == {"parameters.x": loaded.f_get("x")}
    assert loaded.f_get("x").v_locked
    assert loaded.v_stored


def test_loading_nothing_but_meta_data_gives_names_of_explored_parameters(traj, service):
    traj.f_store()
    loaded = load_trajectory("T", storage_service=service, load_data=0)
    assert not loaded.f_to_dict()
    assert loaded.f_get_explored_parameters() == {"parameters.x": None}
    loaded.f_load()
    assert loaded.f_get_explored_parameters()["parameters.x"] is loaded.f_get("x")


def test_loading_as_new_takes_parameters_and_length(traj, service):
    traj.f_start_run(0)
    traj.f_finalize_run(store_meta_data=False)
    traj.f_store()
    new = load_trajectory("T", storage_service=service, as_new=True, new_name="N", add_time=False)
    assert (new.v_name, new.v_stored, len(new), new.v_comment) == ("N", False, 3, "kept")
    assert new.f_get("x").f_get_range() == [1, 2, 3]
    assert not new.f_is_completed(0)
    assert not new.f_get("x").v_locked
    assert "results.r" not in new
    new.f_shrink()
    assert len(new) == 1


def test_loading_as_new_contradicts_loading_data(traj, service):
    traj.f_store()
    with pytest.raises(ValueError, match="as_new"):
        load_trajectory("T", storage_service=service, as_new=True, load_data=2)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"name": "T", "index": 0}, {"name": "nope"}, {"index": 5}, {"name": "T", "load_data": 7}],
)
def test_what_cannot_be_loaded_is_refused(traj, service, arguments):
    traj.f_store()
    with pytest.raises(ValueError):
        load_trajectory(storage_service=service, **arguments)


def test_trajectories_are_counted_by_name(traj, service):
    traj.f_store()
    Trajectory("A", storage_service=service).f_store()
    assert load_trajectory(index=0, storage_service=service).v_name == "A"
    assert load_trajectory(index=-1, storage_service=service).v_name == "T"


def test_old_keywords_of_loading_still_work(traj, service):
    traj.f_store()
    with pytest.warns(DeprecationWarning, match="load_data"):
        loaded = load_trajectory("T", storage_service=service, load_all=2)
    assert loaded.r == 1


def test_without_run_information_only_the_length_is_known(traj, service):
    traj.f_store()
    loaded = load_trajectory("T", storage_service=service, with_run_information=False)
    assert (len(loaded), list(loaded._run_information)) == (3, ["run_00000000"])


def test_loading_a_skeleton_keeps_the_run_table(traj):
    traj.f_store()
    traj.f_start_run(1)
    traj.f_finalize_run(store_meta_data=False)
    traj.f_load_skeleton()
    assert traj.f_is_completed(1)


@pytest.mark.parametrize("options", [{"load_data": 2}, {"load_data": 1}, {"load_results": 2}])
@pytest.mark.parametrize("with_run_information", [True, False])
def test_loading_keeps_runs_that_were_added_and_not_stored_yet(
    traj, service, options, with_run_information
):
    traj.f_store()
    traj.f_expand({"x": [8, 9]})
    traj.f_load(**options, with_run_information=with_run_information)
    assert len(traj) == len(traj.f_get("x")) == len(traj.f_get_run_names()) == 5
    traj.v_idx = 4
    assert traj.x == 9
    traj.v_idx = -1
    traj.f_store()
    loaded = load_trajectory("T", storage_service=service)
    assert (len(loaded), loaded.f_get("x").f_get_range()[3:]) == (5, [8, 9])


def test_loading_another_trajectory_takes_its_runs(traj, service):
    traj.f_store()
    other = Trajectory("N", storage_service=service)
    other.f_store()
    traj.f_load("N", load_data=0)
    assert (traj.v_name, len(traj)) == ("N", 1)


def test_parts_of_parameters_can_be_deleted_from_the_store(traj, service):
    traj.f_store()
    traj.f_delete_item("x", delete_only="explored_data", remove_from_item=True)
    assert traj.f_get("x").f_has_range()
    assert not load_trajectory("T", storage_service=service).f_get("x").f_has_range()


def test_a_second_trajectory_of_a_name_is_refused(traj, service):
    traj.f_store()
    with pytest.raises(RuntimeError):
        Trajectory("T", storage_service=service).f_store()


def test_keywords_left_over_change_nothing(traj):
    before = traj.v_storage_service
    with pytest.raises(ValueError, match="`foo`"):
        traj.f_migrate("N", foo=1)
    with pytest.raises(ValueError, match="`foo`"):
        traj.f_load(storage_service=InMemoryStorageService, foo=1)
    assert (traj.v_name, traj.v_storage_service) == ("T", before)


def test_migrating_renames_and_moves(traj, service):
    traj.f_store()
    traj.f_migrate("N")
    assert (traj.v_name, traj.v_stored) == ("N", False)
    traj.f_store()
    assert load_trajectory("N", storage_service=service, load_data=2).r == 1
    other = InMemoryStorageService()
    traj.f_migrate(new_storage_service=other, in_store=True)
    assert traj.v_stored
    assert traj.v_storage_service is other


def test_a_name_that_is_not_admissible_is_refused_on_migrating(traj):
    with pytest.raises(ValueError, match=r"a\.b"):
        traj.f_migrate("a.b")


def test_deleting_keeps_the_node_in_memory(traj):
    traj.f_store()
    traj.f_delete_item("r")
    assert not traj.f_get("r").v_stored
    with pytest.raises(DataNotInStorageError):
        traj.f_load_item("r", load_data=3)


def test_deleting_can_remove_from_memory(traj):
    traj.f_store()
    traj.f_delete_item("results", recursive=True, remove_from_trajectory=True)
    assert "results.r" not in traj


def test_explored_parameters_can_be_deleted_and_stored_again(traj, service):
    traj.f_store()
    traj.f_delete_item("x")
    assert load_trajectory("T", storage_service=service).f_get_explored_parameters() == {
        "parameters.x": None
    }
    traj.f_store()
    assert load_trajectory("T", storage_service=service).f_get("x").f_get_range() == [1, 2, 3]


def test_an_explored_parameter_removed_from_a_stored_trajectory_stays_known(traj):
    traj.f_store()
    traj.f_remove_item("x")
    assert (len(traj), traj.f_get_explored_parameters()) == (3, {"parameters.x": None})
    with pytest.raises(AttributeError, match=r"parameters\.x"):
        traj.f_expand({"parameters.x": [4]})


def test_an_explored_parameter_without_its_range_cannot_be_expanded(traj, service):
    traj.f_store()
    loaded = load_trajectory("T", storage_service=service, load_data=1)
    with pytest.raises(TypeError, match="not in memory"):
        loaded.f_expand({"x": [4]})


def test_storing_one_expanded_parameter_replaces_it(traj, service):
    traj.f_store()
    traj.f_expand({"x": [4]})
    traj.f_store_item("x")
    loaded = load_trajectory("T", storage_service=service)
    assert loaded.f_get("x").f_get_range() == [1, 2, 3, 4]
    assert len(loaded) == 3
    traj.f_store()
    assert len(load_trajectory("T", storage_service=service)) == 4


@pytest.mark.parametrize("only_init", [False, True])
def test_ranges_on_disk_are_never_shorter_than_the_run_table(traj, service, only_init):
    traj.f_store()
    traj.f_expand({"x": [4]})
    traj.f_store(only_init=only_init)
    loaded = load_trajectory("T", storage_service=service)
    assert (len(loaded), loaded.f_get("x").f_get_range()) == (4, [1, 2, 3, 4])


def test_a_parameter_stored_before_it_was_explored_gets_its_range(service):
    traj = Trajectory("T", storage_service=service)
    traj.f_add_parameter("x", 1)
    traj.f_store()
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    assert load_trajectory("T", storage_service=service).f_get("x").f_get_range() == [1, 2]


def test_removing_everything_from_memory(traj):
    with pytest.raises(ValueError, match="recursive"):
        traj.f_remove(recursive=False)
    traj.f_remove()
    assert not traj.f_has_children()


def test_removing_a_group_with_children_needs_recursive(traj):
    with pytest.raises(TypeError, match="recursive"):
        traj.f_remove_item("results")
    traj.f_remove_item("results", recursive=True)
    assert "results.r" not in traj


def test_a_hdf5_file_without_its_distribution_names_what_to_install(monkeypatch):
    from pypet_trajectory.storage import registry

    monkeypatch.setattr(registry, "_announced", list)
    monkeypatch.setattr(registry, "_found", {})  # another test may have loaded it
    with pytest.raises(ImportError, match="pip install"):
        Trajectory("T", filename="x.hdf5")
