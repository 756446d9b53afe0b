from __future__ import annotations

import pytest

from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.storage.copying import copy_trajectory
from pypet_trajectory.storage.memory import InMemoryStorageService, LazyStorageService
from pypet_trajectory.testing.examples import assert_trees_same, loaded, stored_example
from pypet_trajectory.testing.storage import Unstorable
from pypet_trajectory.trajectory import Trajectory


def test_run_table_and_meta_data_are_copied_too(tmp_path):
    source, target = InMemoryStorageService(), ArchiveStorageService(tmp_path / "x.traj")
    traj = stored_example(source)
    traj.v_runs.table.set(1, completed=1)
    traj.f_store()
    copy_trajectory(source, "example", target, "copied")
    copy = loaded(target, "copied")
    assert_trees_same(copy, traj)
    assert copy.f_is_completed(1)
    assert copy.v_timestamp == traj.v_timestamp
    assert list(copy.f_get_explored_parameters()) == ["parameters.cells.speed"]


def test_a_copy_that_fails_is_removed(tmp_path):
    source, target = InMemoryStorageService(), ArchiveStorageService(tmp_path / "x.traj")
    traj = stored_example(source)
    traj.f_add_result("odd", items=[object()])  # memory keeps it, archives do not
    traj.f_store()
    with pytest.raises(TypeError, match="odd"):
        copy_trajectory(source, "example", target)
    assert target.trajectory_names() == []
    assert_trees_same(loaded(source, "example", load_data=1), loaded(source, "example", 1))


def test_classes_need_not_be_known_to_copy_them():
    class Unknown(Unstorable):
        def _store(self):
            return {"value": 1}

    source, target = InMemoryStorageService(), InMemoryStorageService()
    traj = Trajectory("t", storage_service=source)
    traj.f_add_result(Unknown, "x")
    traj.f_store()
    copy_trajectory(source, "t", target)
    with target.opened("t", writable=False) as backend:
        assert backend.read_node("results.x", items=True).class_name == "Unknown"


def test_services_without_records_are_refused():
    with pytest.raises(TypeError, match="LazyStorageService"):
        copy_trajectory(LazyStorageService(), "t", InMemoryStorageService())
