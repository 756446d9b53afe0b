from __future__ import annotations

import pickle

import numpy as np
import pytest

from pypet_trajectory.api.records import NodeKind
from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.storage.memory import InMemoryStorageService
from pypet_trajectory.storage.storing import delta_from_message
from pypet_trajectory.testing.examples import loaded, stored_example


@pytest.fixture
def running():
    """A stored trajectory in its second run."""
    traj = stored_example(InMemoryStorageService())
    traj.v_idx = 1
    traj.f_start_run()
    return traj


def names(delta):
    return [request.record.full_name for request in delta.requests]


def test_a_run_becomes_its_new_nodes_parents_first(running):
    running.f_add_result("$.deep.z", 1)
    delta = delta_from_message("SINGLE_RUN", running)
    assert (delta.trajectory_name, delta.run_index) == ("example", 1)
    assert names(delta) == [
        "results.run_00000001",
        "results.run_00000001.deep",
        "results.run_00000001.deep.z",
    ]


def test_nodes_are_sent_once(running):
    result = running.f_add_result("$.z", 1)
    delta_from_message("SINGLE_RUN", running)
    assert result.v_stored
    assert names(delta_from_message("SINGLE_RUN", running)) == []


def test_a_link_does_not_send_its_new_target_twice(running):
    result = running.f_add_result("$.z", 1)
    running.results.f_add_link("$.same", result)
    sent = names(delta_from_message("SINGLE_RUN", running))
    assert sent.count("results.run_00000001.z") == 1
    assert sent[-1] == "results.run_00000001.same"


def test_a_delta_holds_no_trajectory(running):
    running.f_add_result("$.z", np.arange(3))
    delta = delta_from_message("SINGLE_RUN", running)
    assert b"Trajectory" not in pickle.dumps(delta)


def test_a_pickled_delta_is_equal(running):
    running.f_add_result("$.z", 1, comment="one")
    running.results.f_add_link("$.same", running.f_get("results.noted"))
    delta = delta_from_message("SINGLE_RUN", running)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(delta, protocol)) == delta


def test_lists_become_one_delta(running):
    first, second = running.f_add_result("$.a", 1), running.f_add_result("$.b", 2)
    delta = delta_from_message(
        "LIST",
        [("LEAF", first), ("LEAF", second, (), {"store_data": 3})],
        kwargs={"trajectory_name": "example"},
        run_index=1,
    )
    assert [request.mode for request in delta.requests] == [2, 3]
    assert {request.record.kind for request in delta.requests} == {NodeKind.LEAF}


def test_what_adds_no_nodes_cannot_become_a_delta(running):
    for message in ("DELETE", "TRAJECTORY", "MERGE"):
        with pytest.raises(NoSuchServiceError, match=message):
            delta_from_message(message, running)


def test_a_delta_that_fails_marks_nothing_stored(running):
    good, bad = running.f_add_result("$.a", 1), running.f_add_result("$.b", 2)
    with pytest.raises(ValueError, match="store_data"):
        delta_from_message("LIST", [("LEAF", good), ("LEAF", bad, (), {"store_data": 9})])
    assert not good.v_stored


def test_one_bad_request_does_not_keep_the_others_from_being_written(running, monkeypatch):
    service = running.v_storage_service
    for name in "abc":
        running.f_add_result(f"$.{name}", 1)
    delta = delta_from_message("SINGLE_RUN", running)
    running.f_finalize_run()
    write = service.backend.write_node

    def failing(request):
        if request.record.full_name.endswith((".a", ".b")):
            raise OSError("no room")
        write(request)

    monkeypatch.setattr(service.backend, "write_node", failing)
    with pytest.raises(OSError, match="no room") as caught:
        service.store_delta(delta)
    assert ".b" in caught.value.__notes__[0]
    assert "results.run_00000001.c" in loaded(service, "example")
