"""Merging, backup and compaction on disk."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import HDF5StorageService, SharedResult, SharedTable, compact_hdf5_file
from pypet_trajectory.trajectory import Trajectory


def example(path, name: str, values: list[int]) -> Trajectory:
    traj = Trajectory(name, filename=str(path))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": values})
    traj.f_store()
    for idx in range(len(values)):
        traj.f_set_crun(idx)
        traj.f_add_result("runs.$.z", np.full(4, traj.x), comment="z of a run")
        traj.f_restore_default()
    traj.f_store()
    return traj


def stored_z(path, name: str) -> list[float]:
    traj = Trajectory("q", storage_service=HDF5StorageService(str(path)))
    traj.f_load(name=name, load_data=2)
    names = sorted(traj.f_get("results.runs").f_get_children())
    return [float(traj.f_get(f"results.runs.{run}.z").f_get()[0]) for run in names]


def overview_rows(path, name: str) -> dict[str, int]:
    """Numbers of rows of the tables of results and derived parameters."""
    with tables.open_file(str(path)) as file:
        return {
            table.name: int(table.nrows)
            for table in file.get_node(f"/{name}/overview")
            if table.name.startswith(("results", "derived"))
        }


@pytest.mark.claim(219)
@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("same_file", [False, True])
def test_results_of_another_trajectory_are_merged_and_moved(tmp_path, move, same_file):
    first, second = tmp_path / "first.hdf5", tmp_path / "second.hdf5"
    mine = example(first, "mine", [1, 2])
    other_path = first if same_file else second
    other = example(other_path, "other", [3, 4])
    before = overview_rows(first, "mine")
    mine.f_merge(other, move_data=move, backup=False)
    assert stored_z(first, "mine") == [1, 2, 3, 4]
    after = overview_rows(first, "mine")
    assert before["results_summary"] == 1
    assert {name: after[name] for name in before} == before
    with tables.open_file(str(other_path)) as file:
        runs = file.root.other.results.runs
        left = [node for node in runs if "z" in node]
    assert len(left) == (0 if move else 2)


def test_a_backup_is_a_complete_copy_in_a_file_of_its_own(tmp_path):
    traj = example(tmp_path / "data.hdf5", "mine", [1, 2])
    shared = traj.f_add_result(SharedResult, "shared", table=SharedTable())
    traj.f_store()
    shared.table.create_shared_data(first_row={"a": 1, "s": "ü"})
    traj.f_backup()
    backup = tmp_path / "backup_mine.hdf5"
    assert stored_z(backup, "mine") == [1, 2]
    again = Trajectory("q", storage_service=HDF5StorageService(str(backup)))
    again.f_load(name="mine", load_data=2)
    assert again.f_get("results.shared").table.nrows == 1
    with pytest.raises(ValueError, match="mine"):
        traj.f_backup()


def test_compacting_gives_back_the_space_of_deleted_data(tmp_path):
    path = tmp_path / "data.hdf5"
    traj = example(path, "mine", [1, 2])
    traj.f_add_result("big", np.random.default_rng(1).random(50_000))
    traj.f_add_result("link_target", 1)
    traj.f_get("results").f_add_link("shortcut", traj.f_get("link_target"))
    traj.f_store()
    traj.f_delete_item("big")
    before = os.path.getsize(path)
    assert compact_hdf5_file(str(path)) == 0
    assert os.path.getsize(path) < before / 2
    assert os.path.exists(tmp_path / "data_backup.hdf5")
    assert stored_z(path, "mine") == [1, 2]
    with tables.open_file(str(path)) as file:
        assert file.title == "mine"
        assert file.root.mine.results.shortcut.target == "/mine/results/link_target"


def test_compacting_never_makes_a_file_larger(tmp_path, caplog):
    path = tmp_path / "data.hdf5"
    example(path, "mine", [1, 2])
    before = os.path.getsize(path)
    for _ in range(3):
        with caplog.at_level("INFO"):
            assert compact_hdf5_file(str(path)) == 0
        assert os.path.getsize(path) <= before
    content, names = path.read_bytes(), sorted(os.listdir(tmp_path))
    caplog.clear()
    with caplog.at_level("INFO"):
        compact_hdf5_file(str(path))
    assert "stays as it is" in caplog.text
    assert (path.read_bytes(), sorted(os.listdir(tmp_path))) == (content, names)
    assert stored_z(path, "mine") == [1, 2]


def test_compacting_what_is_not_there_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.hdf5"):
        compact_hdf5_file(str(tmp_path / "nothing.hdf5"))


def test_compacting_through_a_link_compacts_the_file(tmp_path):
    path, link = tmp_path / "data.hdf5", tmp_path / "link.hdf5"
    traj = Trajectory("T", storage_service=HDF5StorageService(str(path)))
    traj.f_store()
    traj.f_store_item(traj.f_add_result("big", np.random.default_rng(1).random(20_000)))
    traj.f_store_item(traj.f_add_result("behind", np.arange(1000)))
    traj.f_delete_item("big")
    before = os.path.getsize(path)
    link.symlink_to(path)
    compact_hdf5_file(link, keep_backup=False)
    assert os.path.getsize(path) < before / 2
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["data.hdf5", "link.hdf5"]
