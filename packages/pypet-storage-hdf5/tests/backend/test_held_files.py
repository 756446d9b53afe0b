"""A file that is held open can be used by others in the same thread, and by nobody else."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import HDF5StorageService, StorageContextManager
from pypet_storage_hdf5.backend.connection import opened_here
from pypet_trajectory import load_trajectory
from pypet_trajectory.exceptions import PickleRefusedError
from pypet_trajectory.leaves.pickled import PickleResult
from pypet_trajectory.trajectory import Trajectory


def other(path: str, name: str, **settings) -> Trajectory:
    traj = Trajectory(name)
    traj.v_storage_service = HDF5StorageService(path, trajectory=traj, **settings)
    return traj


@pytest.fixture
def held(new, path):
    """A trajectory whose file is held open, as within an experiment; another one is in it."""
    traj = other(path, "earlier")
    traj.f_add_result("r", [1, 2])
    traj.f_store()
    traj = new()
    traj.f_store()
    with StorageContextManager(traj):
        yield traj


def test_another_trajectory_of_a_held_file_can_be_loaded(held, load):
    assert load("earlier").r == [1, 2]
    assert held.v_storage_service.is_open


def test_what_was_just_stored_in_a_held_file_can_be_loaded(held, load):
    held.f_store_item(held.f_add_result("fresh", np.arange(3)))
    assert load("traj").fresh.tolist() == [0, 1, 2]


def test_another_trajectory_can_be_stored_in_a_held_file(held, load, path):
    fresh = other(path, "fresh", complevel=2)
    fresh.f_add_result("r", np.zeros(1000))
    fresh.f_store()
    held.f_store_item(held.f_add_result("after", 1))
    assert load("fresh").r.size == 1000
    assert load("traj").after == 1
    with pytest.raises(ValueError, match="fresh"):
        held.v_storage_service.load("LEAF", held.after, trajectory_name="fresh")


def test_what_others_do_to_the_same_trajectory_is_noticed(held, load):
    held.f_store_item(held.f_add_result("group.r", 1))
    again = load("traj")
    again.f_delete_item("results.group", recursive=True)
    held.f_store_item(held.f_add_result("group.s", 2))
    assert load("traj").f_get("results.group.s").f_get() == 2
    assert "r" not in load("traj").f_get("results.group")


def test_a_held_file_can_be_compressed_as_the_others_want(held, path):
    fresh = other(path, "fresh", complevel=2)
    fresh.f_add_result("r", np.zeros(1000))
    fresh.f_store()
    held.v_storage_service.store("CLOSE_FILE", None)
    with tables.open_file(path) as file:
        assert file.root.fresh.results.r.r.filters.complevel == 2
    held.v_storage_service.store("OPEN_FILE", None, trajectory_name="traj")


def test_whoever_borrows_a_file_refuses_pickles_if_asked_to(held, load):
    held.f_store_item(held.f_add_result(PickleResult, "p", data={1}))
    assert load("traj").p.data == {1}
    with pytest.raises(PickleRefusedError):
        load("traj", allow_pickle=False)


def test_another_thread_sees_the_last_checkpoint_of_a_held_file(held, load):
    held.f_store_item(held.f_add_result("r", 1))
    found = []
    thread = threading.Thread(target=lambda: found.append(load("earlier").v_name))
    thread.start()
    thread.join()
    assert found == ["earlier"]


def test_a_file_that_was_closed_is_held_by_nobody(new, path):
    traj = new()
    traj.f_store()
    assert opened_here(path) is None
    with StorageContextManager(traj):
        assert opened_here(path) is traj.v_storage_service.backend.connection
    assert opened_here(path) is None


def test_the_working_directory_may_change_while_a_file_is_held(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traj = other(os.path.join("data", "f.hdf5"), "traj")
    traj.f_store()
    (tmp_path / "elsewhere" / "data").mkdir(parents=True)
    with StorageContextManager(traj):
        monkeypatch.chdir(tmp_path / "elsewhere")
        traj.f_add_result("r", 1)
        traj.f_store()
        assert os.listdir(tmp_path / "elsewhere" / "data") == []
    assert os.listdir(tmp_path / "data") == ["f.hdf5"]


def test_the_working_directory_may_change_while_a_file_is_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traj = other(os.path.join("data", "f.hdf5"), "traj")
    traj.f_store()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    traj.f_add_result("r", 1)
    traj.f_store()
    assert os.listdir() == []
    assert traj.v_storage_service.filename == os.path.join("data", "f.hdf5")


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be moved")
@pytest.mark.parametrize("instead", [None, b"another file"])
def test_a_file_that_is_moved_while_it_is_held_is_missed(new, path, instead):
    traj = new()
    traj.f_store()
    traj.v_storage_service.store("OPEN_FILE", None, trajectory_name="traj")
    os.rename(path, f"{path}.moved.hdf5")
    if instead:
        Path(path).write_bytes(instead)
    traj.f_add_result("r", 1)
    with pytest.raises(FileNotFoundError, match=r"changed|moved or removed"):
        traj.f_store()
    with pytest.raises(FileNotFoundError, match=r"changed|moved or removed"):
        traj.v_storage_service.store("CLOSE_FILE", None)
    assert not traj.v_storage_service.is_open
    kept = f"{path.removesuffix('.hdf5')}_unpublished.hdf5"
    assert load_trajectory("traj", filename=kept, load_data=2).r == 1
    assert instead is None or Path(path).read_bytes() == instead
