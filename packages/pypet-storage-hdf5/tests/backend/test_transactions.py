"""Merging and growing happen as a whole, wherever the process dies on the way."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import HDF5StorageService
from pypet_storage_hdf5.backend.working_copy import WorkingCopy
from pypet_storage_hdf5.layout import copying
from pypet_trajectory import Trajectory, load_trajectory
from pypet_trajectory.api.service import transaction
from pypet_trajectory.testing.processes import in_forked_process

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed")

DIED = 77


def explored(path, name, values):
    traj = Trajectory(name, storage_service=HDF5StorageService(str(path)), add_time=False)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": values})
    traj.f_store()
    for index, value in enumerate(values):
        traj.f_set_crun(index)
        traj.f_add_result("runs.$.z", np.full(5, value))
    traj.f_restore_default()
    traj.f_store()
    return traj


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "f.hdf5"
    explored(path, "t", [0, 1, 2])
    explored(path, "other", [10, 11])
    return path


def dies(work):
    """Whether a process died by `die_at` while it did something."""
    status = in_forked_process(work)
    assert status in (0, DIED)
    return status == DIED


def die_at(monkeypatch, owner, name, number):
    """Let the process die when a function is called for the n-th time."""
    really, calls = getattr(owner, name), []

    def counted(*args, **kwargs):
        calls.append(name)
        if len(calls) == number:
            os._exit(DIED)
        return really(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)


def loaded(path, name):
    return load_trajectory(name, filename=str(path), load_data=2)


def assert_runs(path, name, values):
    traj = loaded(path, name)
    assert traj.f_get("x").f_get_range() == values
    assert len(traj) == len(values)
    for index, value in enumerate(values):
        found = traj.f_get(f"results.runs.run_{index:08d}.z").f_get(0)
        assert found.tolist() == [value] * 5


MOMENTS = [
    *((copying, "copy_whole", number) for number in (1, 2)),
    *((tables.File, "create_table", number) for number in (1, 2, 3)),
    *((WorkingCopy, name, 1) for name in ("close", "sync", "replace_file")),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[1]} {moment[2]}")
@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("slow", [False, True])
def test_a_merge_happens_or_does_not(file, monkeypatch, moment, move, slow):
    def merge():
        traj, other = loaded(file, "t"), loaded(file, "other")
        die_at(monkeypatch, *moment)
        traj.f_merge(
            other, backup=False, move_data=move, delete_other_trajectory=move, slow_merge=slow
        )

    if dies(merge):
        assert_runs(file, "t", [0, 1, 2])
        assert_runs(file, "other", [10, 11])
        monkeypatch.undo()
        merge_again = loaded(file, "t")
        merge_again.f_merge(loaded(file, "other"), backup=False)
    assert_runs(file, "t", [0, 1, 2, 10, 11])


@pytest.mark.parametrize("name", ["close", "sync", "replace_file"])
def test_moving_data_from_another_file_loses_nothing(file, tmp_path, monkeypatch, name):
    second = tmp_path / "second.hdf5"
    explored(second, "other", [10, 11])

    def merge():
        traj, other = loaded(file, "t"), loaded(second, "other")
        die_at(monkeypatch, WorkingCopy, name, 2)
        traj.f_merge(other, backup=False, move_data=True)

    assert dies(merge)
    merged = len(loaded(file, "t")) == 5
    assert_runs(*((file, "t", [0, 1, 2, 10, 11]) if merged else (second, "other", [10, 11])))


@pytest.mark.parametrize("moment", MOMENTS[2:], ids=lambda moment: f"{moment[1]} {moment[2]}")
def test_a_range_grows_with_the_run_table(file, monkeypatch, moment):
    def expand():
        traj = loaded(file, "t")
        die_at(monkeypatch, *moment)
        traj.f_expand({"x": list(range(3, 100))})
        traj.f_store()

    length = 3 if dies(expand) else 100
    traj = loaded(file, "t")
    assert len(traj) == len(traj.f_get("x").f_get_range()) == length


def store_in_failing_transaction(traj, node, look=lambda: None):
    """Store a node, look around, and leave the transaction by an error."""
    with transaction(traj.v_storage_service, traj.v_name):
        traj.f_store_item(node)
        look()
        raise ZeroDivisionError


def test_what_fails_in_a_transaction_is_undone_and_nodes_know_it(file):
    traj = loaded(file, "t")
    first = traj.f_add_result("first", 1)
    seen = []
    with pytest.raises(ZeroDivisionError):
        store_in_failing_transaction(traj, first, lambda: seen.append(first.v_stored))
    assert seen == [True]
    assert not first.v_stored
    assert "first" not in loaded(file, "t")
    traj.f_store()
    assert loaded(file, "t").first == 1


def test_a_transaction_covers_other_services_on_the_file(file):
    traj, other = loaded(file, "t"), loaded(file, "other")
    also, seen = other.f_add_result("also", 1), []

    def look():
        other.f_store_item(also)
        seen.append("also" in loaded(file, "other"))

    with pytest.raises(ZeroDivisionError):
        store_in_failing_transaction(traj, traj.f_add_result("mine", 1), look)
    assert seen == [True]
    assert "also" not in loaded(file, "other")


def test_a_transaction_within_a_held_session_leaves_what_came_before(file):
    traj = loaded(file, "t")
    service = traj.v_storage_service
    service.hold()
    traj.f_store_item(traj.f_add_result("before", 1))
    with pytest.raises(ZeroDivisionError):
        store_in_failing_transaction(traj, traj.f_add_result("within", 2))
    traj.f_store_item(traj.f_add_result("after", 3))
    service.release()
    again = loaded(file, "t")
    assert (again.before, again.after, "within" in again) == (1, 3, False)
