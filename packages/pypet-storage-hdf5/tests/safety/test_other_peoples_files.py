"""No file that this library did not make is changed or removed, whatever it is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from pypet_storage_hdf5 import StorageContextManager, compact_hdf5_file


def compact_with_a_gap(traj, path) -> None:
    """Something amid the file is deleted, so that a new file takes the place of the old one."""
    traj.f_store_item(traj.f_add_result("gap", np.random.default_rng(1).random(20_000)))
    traj.f_store_item(traj.f_add_result("behind_the_gap", np.arange(1000)))
    traj.f_delete_item("gap", remove_from_trajectory=True)
    size = os.path.getsize(path)
    compact_hdf5_file(path, keep_backup=False)
    assert os.path.getsize(path) < size


def store_in_every_way(traj) -> None:
    """By single calls, with the file held open, and in a session of many calls."""
    traj.f_store_item(traj.f_add_result("single", 1))
    with StorageContextManager(traj):
        traj.f_store_item(traj.f_add_result("held", np.arange(10)))
    traj.v_storage_service.hold()
    traj.f_store_item(traj.f_add_result("session", 2))
    traj.v_storage_service.release()


def snapshot(folder: Path, without: str) -> dict[str, bytes | str]:
    """Names of everything in a folder but one file, with content or target."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name == without:
            continue
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else "folder"
    return found


def a_file(path: Path) -> None:
    path.write_bytes(b"mine")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_bytes(b"mine")


def a_folder_with_a_lock(path: Path) -> None:
    path.mkdir()
    (path / "lock").write_bytes(b"another program's lock")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_link_to_a_folder(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir()
    path.symlink_to(elsewhere)


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
@pytest.mark.parametrize(
    "make",
    [a_file, a_folder, a_folder_with_a_lock, a_dangling_link, a_link_to_a_folder],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("name", ["data.hdf5.session", "data.hdf5.journal", "data_tmp.hdf5"])
def test_what_has_a_name_that_we_might_take_stays_as_it_is(make, name, new, load, path):
    traj = new()
    traj.f_store()
    folder = Path(path).parent
    make(folder / name)
    before = snapshot(folder, "data.hdf5")
    store_in_every_way(traj)
    compact_with_a_gap(traj, path)
    assert snapshot(folder, "data.hdf5") == before
    assert (load().single, load().session) == (1, 2)


def test_compacting_keeps_earlier_backups(new, path):
    traj = new()
    traj.f_store()

    def leave_a_gap(name):
        traj.f_add_result(f"big_{name}", np.random.default_rng(1).random(50_000))
        traj.f_add_result(f"behind_{name}", 1)
        traj.f_store()
        traj.f_delete_item(f"big_{name}", remove_from_trajectory=True)

    leave_a_gap("a")
    folder = Path(path).parent
    (folder / "data_backup.hdf5").write_bytes(b"the only copy of something")
    before = Path(path).read_bytes()
    compact_hdf5_file(path)
    assert (folder / "data_backup.hdf5").read_bytes() == b"the only copy of something"
    assert (folder / "data_backup_2.hdf5").read_bytes() == before
    leave_a_gap("b")
    compact_hdf5_file(path)
    assert (folder / "data_backup_3.hdf5").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
def test_a_link_to_the_file_stays_a_link(new, path):
    traj = new()
    traj.f_store()
    real = Path(path).with_name("real.hdf5")
    os.rename(path, real)
    os.symlink(real.name, path)
    store_in_every_way(traj)
    assert os.path.islink(path)
    assert sorted(os.listdir(real.parent)) == ["data.hdf5", "real.hdf5"]


@pytest.mark.skipif(sys.platform == "win32", reason="looks at permissions")
def test_permissions_of_the_file_stay_as_they_are(new, path):
    traj = new()
    traj.f_store()
    os.chmod(path, 0o640)
    store_in_every_way(traj)
    compact_with_a_gap(traj, path)
    assert os.stat(path).st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_folder_that_a_killed_process_left_empty_is_used_and_removed(new, load, path):
    traj = new()
    traj.f_store()
    os.mkdir(f"{path}.session")
    store_in_every_way(traj)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    assert load().session == 2
