"""Merging the trajectories of all files in a folder."""

import pytest

from pypet_trajectory import Trajectory, load_trajectory, merge_all_in_folder


def make(path, name, x):
    traj = Trajectory(name, filename=str(path))
    traj.f_add_parameter("x", x)
    traj.f_add_result("runs.run_00000000.z", x * 10)
    traj.f_store()


@pytest.fixture
def folder(tmp_path):
    for name, x in (("b", 2), ("a", 1), ("c", 3)):
        make(tmp_path / f"{name}.traj", name, x)
    (tmp_path / "notes.txt").write_text("no trajectory")
    (tmp_path / "sub").mkdir()
    make(tmp_path / "sub" / "d.traj", "d", 4)
    return tmp_path


def test_all_files_are_merged_into_the_first(folder):
    traj = merge_all_in_folder(folder, ext=".traj", backup=False)
    assert traj.v_name == "a"
    merged = load_trajectory("a", filename=str(folder / "a.traj"), load_data=2)
    assert merged.f_get("x").f_get_range() == [1, 2, 3]
    assert [merged.results.runs[idx].z for idx in range(3)] == [10, 20, 30]
    assert (folder / "b.traj").exists()


def test_the_other_files_can_be_deleted(folder):
    merge_all_in_folder(folder, ext=".traj", backup=False, delete_other_files=True)
    assert sorted(path.name for path in folder.iterdir()) == ["a.traj", "notes.txt", "sub"]


def test_a_backup_lands_in_the_folder(folder):
    merge_all_in_folder(folder, ext=".traj")
    assert len(load_trajectory("a", filename=str(folder / "backup_a.traj"))) == 1


def test_a_folder_without_such_files_is_refused(folder):
    with pytest.raises(ValueError, match=r"\.nothing"):
        merge_all_in_folder(folder, ext=".nothing")
