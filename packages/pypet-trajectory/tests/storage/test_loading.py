from __future__ import annotations

import logging

import pytest

from pypet_trajectory.exceptions import PickleRefusedError
from pypet_trajectory.leaves.pickled import PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.storage.memory import InMemoryBackend, InMemoryStorageService
from pypet_trajectory.storage.tree_service import TreeStorageService
from pypet_trajectory.testing.examples import loaded, stored_example
from pypet_trajectory.testing.storage import Readings, ReadingsGroup
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.root import set_origin


@pytest.fixture
def service():
    return InMemoryStorageService()


def other_service(service, **options):
    return TreeStorageService(
        InMemoryBackend(service.backend.trees, service.backend.places), **options
    )


def test_unknown_classes_can_be_loaded_without_their_class(service, caplog):
    traj = Trajectory("t", storage_service=service)
    traj.f_add_result_group(ReadingsGroup, "lab").f_add_result(Readings, "first", 3.5, n=[1])
    traj.f_store()
    again = loaded(other_service(service, unknown_classes="generic"), "t")
    first = again.f_get("results.lab.first")
    assert type(first) is Result
    assert first.f_to_dict() == {"first": 3.5, "n": [1]}
    assert "Readings" in caplog.text
    again.f_store()
    assert type(loaded_with_classes(service).f_get("lab.first")) is Readings


def loaded_with_classes(service):
    traj = Trajectory(storage_service=service, dynamic_imports=[Readings, ReadingsGroup])
    traj.f_load(name="t", load_data=2)
    return traj


def test_unknown_classes_must_be_a_known_choice(service):
    with pytest.raises(ValueError, match="unknown_classes"):
        other_service(service, unknown_classes="guess")


def test_pickles_are_refused_before_they_run(service):
    traj = Trajectory("t", storage_service=service)
    traj.f_add_result(PickleResult, "r", x=1)
    traj.f_store()
    with pytest.raises(PickleRefusedError, match=r"results\.r"):
        loaded(other_service(service, allow_pickle=False), "t")
    assert loaded(service, "t").r.x == 1


def test_other_versions_are_a_matter_of_debugging(service, caplog):
    traj = Trajectory("t", storage_service=service)
    set_origin(traj, version="0.3")
    traj.f_store()
    with caplog.at_level(logging.DEBUG, logger="pypet.storageservice.loading"):
        loaded(service, "t")
    (record,) = [found for found in caplog.records if "0.3" in found.getMessage()]
    assert record.levelno == logging.DEBUG


def test_a_leaf_keeps_its_data_if_reloading_it_fails(service, monkeypatch):
    stored_example(service)
    again = loaded(service, "example")

    def fail(*args, **kwargs):
        raise OSError("damaged")

    monkeypatch.setattr(service.backend, "read_node", fail)
    with pytest.raises(OSError, match="damaged"):
        again.f_load_item("results.noted", load_data=3)
    assert again.results.noted.value == 7


def test_a_group_in_place_of_a_stored_leaf_is_named(service):
    stored_example(service)
    traj = Trajectory(storage_service=service)
    traj.f_add_result_group("noted")
    with pytest.raises(TypeError, match=r"results\.noted"):
        traj.f_load(name="example", load_data=2)


def test_errors_are_logged_once_and_name_the_object(service, caplog):
    traj = stored_example(service)
    traj.f_add_result("never", 1)
    with pytest.raises(OSError):
        traj.f_load_item("results.never")
    errors = [
        found
        for found in caplog.records
        if found.levelno == logging.ERROR and found.name.startswith("pypet.storageservice")
    ]
    assert len(errors) == 1
    assert "results.never" in errors[0].getMessage()


def test_links_into_what_is_not_loaded_are_left_out_of_new_trajectories(service):
    traj = stored_example(service)
    traj.parameters.f_add_link("outcome", traj.f_get("results.noted"))
    traj.f_store()
    new = Trajectory("new", storage_service=service)
    new.f_load(name="example", as_new=True)
    assert not new.parameters.f_has_links()
    assert list(new.f_get_groups()) == ["parameters"]


def test_a_link_is_replaced_in_mode_3_only(service):
    traj = stored_example(service)
    other = traj.f_add_result("other", 1)
    again = loaded(service, "example")
    again.results.f_remove_link("shortcut")
    again.results.f_add_link("shortcut", again.f_get("free.thing"))
    again.f_load(load_data=2)
    assert again.f_get("results.shortcut") is again.f_get("free.thing")
    again.f_load(load_data=3)
    assert again.f_get("results.shortcut") is again.f_get("results.noted")
    assert not other.v_stored


def test_loading_with_as_new_and_other_modes_is_refused(service):
    stored_example(service)
    with pytest.raises(ValueError, match="as_new"):
        service.load(
            "TRAJECTORY",
            Trajectory("new"),
            True,
            2,
            1,
            0,
            0,
            True,
            None,
            True,
            True,
            False,
            trajectory_name="example",
        )


def test_a_parameter_that_was_there_before_follows_the_runs_that_are_loaded(service):
    traj = Trajectory("t", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_add_config("threads", 1)
    traj.f_explore({"x": [5, 6], "config.threads": [1, 2]})
    traj.f_store()
    again = Trajectory("t", storage_service=service)
    again.f_add_parameter("x")
    again.f_add_config("threads")
    again.f_load(load_data=2)
    assert again.f_get_explored_parameters() == {
        "parameters.x": again.f_get("parameters.x"),
        "config.threads": again.f_get("config.threads"),
    }
    again.v_idx = 1
    assert (again.x, again.config.threads) == (6, 2)
