"""Indexes of groups are read, copied and rebuilt as raw bytes; HDF5 agrees about every child."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import (
    HDF5StorageService,
    SharedResult,
    SharedTable,
    StorageContextManager,
    check_hdf5_file,
)
from pypet_storage_hdf5.file_bytes import FileBytes, ImageBytes
from pypet_storage_hdf5.group_format import DamagedIndexError
from pypet_storage_hdf5.group_index import (
    children,
    claim_whole_file,
    copied_index,
    has_unclaimed_end,
    header_address,
)
from pypet_storage_hdf5.handles import Handles
from pypet_storage_hdf5.index_building import build_index, restore_header
from pypet_storage_hdf5.index_guard import OldIndex, bring_back
from pypet_storage_hdf5.session_journal import journal_path
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.filterwarnings("ignore::tables.NaturalNameWarning")


@pytest.fixture
def filled(tmp_path):
    """Makes a file whose group ``/a/b`` has many children of all kinds; gives their names."""

    def make(count: int) -> tuple[str, set[str]]:
        path = str(tmp_path / "data.hdf5")
        with tables.open_file(path, "w") as file:
            file.create_group("/a", "b", createparents=True)
            handles = Handles(file)
            names = {f"{(number * 7919) % count}_é{number}" for number in range(count)}
            for name in names:
                handles.create_group(f"/a/b/{name}")
            handles.close()
            file.create_array("/a/b", "array", np.arange(3))
            file.create_soft_link("/a/b", "link", "/a/b/array")
            file.root.a.b._v_attrs.note = "kept"
        return path, names | {"array", "link"}

    return make


def wreck(path: str, copy) -> None:
    """Overwrite every block of an index but the header of the group."""
    file = FileBytes(path, writable=True)
    for address, block in copy.blocks.items():
        if block[:4] in (b"TREE", b"SNOD", b"HEAP"):
            file.write(address, b"lost" + bytes(len(block) - 4))
    file.close()


@pytest.mark.parametrize("count", [1, 8, 9, 300, 3000])
def test_an_index_is_read_and_rebuilt_from_its_copy(filled, count):
    path, names = filled(count)
    file = FileBytes(path)
    copy = copied_index(file, "/a/b")
    known = children(file, copy.header)
    assert set(known) == names
    assert children(copy, copy.header) == known
    assert all(
        header_address(file, f"/a/b/{name}") == known[name].address for name in sorted(names)[:40]
    )
    file.close()
    wreck(path, copy)
    file = FileBytes(path, writable=True)
    with pytest.raises(DamagedIndexError):
        children(file, copy.header)
    build_index(file, copy.header, known)
    file.close()
    with tables.open_file(path, "a") as again:
        group = again.root.a.b
        assert set(group._v_children) == names
        assert (group._v_attrs.note, group.link.target) == ("kept", "/a/b/array")
        assert group.array.read().tolist() == [0, 1, 2]
        for number in range(50):
            again.create_group(group, f"new{number}")
        again.remove_node(group, "array")
    with tables.open_file(path) as again:
        assert len(again.root.a.b._v_children) == len(names) + 49


def test_an_index_without_children_is_rebuilt(filled):
    path, _ = filled(3)
    file = FileBytes(path, writable=True)
    build_index(file, copied_index(file, "/a/b").header, {})
    file.close()
    with tables.open_file(path, "a") as again:
        assert again.root.a.b._v_children == {}
        again.create_group("/a/b", "first")
    with tables.open_file(path) as again:
        assert list(again.root.a.b._v_children) == ["first"]


def test_the_index_of_the_root_is_rebuilt(filled):
    path, _ = filled(3)
    image = ImageBytes(Path(path).read_bytes())
    copy = copied_index(image, "/")
    build_index(image, copy.header, children(copy, copy.header))
    Path(path).write_bytes(image.image)
    wreck(path, copy)
    with tables.open_file(path) as again:
        assert again.root.a.b.array.read().tolist() == [0, 1, 2]


def test_a_header_is_restored(filled):
    path, _ = filled(3)
    file = FileBytes(path, writable=True)
    copy = copied_index(file, "/a/b")
    before = Path(path).read_bytes()
    file.write(copy.header, bytes(40))
    restore_header(file, copy)
    file.close()
    assert Path(path).read_bytes() == before


def test_objects_behind_the_noted_end_of_a_file_can_be_opened_again(filled):
    path, names = filled(300)
    file = FileBytes(path, writable=True)
    assert not has_unclaimed_end(file)
    file.write(40, struct.pack("<Q", 5000))
    assert has_unclaimed_end(file)
    claim_whole_file(file)
    file.close()
    with tables.open_file(path) as again:
        assert set(again.root.a.b._v_children) == names


@pytest.mark.parametrize("path", ["/nothing", "/a/nothing", "/a/b/array/x", "/a/b/link"])
def test_what_is_not_there_has_no_index(filled, path):
    name, _ = filled(9)
    file = FileBytes(name)
    assert copied_index(file, path) is None
    file.close()


def test_a_file_in_another_format_has_no_index(tmp_path):
    path = tmp_path / "text"
    path.write_text("no HDF5 at all")
    file = FileBytes(str(path))
    assert copied_index(file, "/") is None
    file.close()


@pytest.mark.parametrize("reading_only", [True, False])
@pytest.mark.parametrize(
    "lost", ["/traj/results/old", "/traj/results", "/traj", "/traj/results/old/r3"]
)
def test_old_results_survive_the_loss_of_an_index_that_was_being_changed(
    new, load, path, tmp_path, lost, reading_only
):
    traj = new()
    for number in range(30):
        traj.f_add_result(f"old.r{number}", number, untouched=[number], comment=str(number))
    traj.f_store()
    again = load()
    again.f_get("old.r3").f_set(r3=-3)
    with StorageContextManager(again):
        again.f_add_result("old.fresh", 1)
        again.f_add_result("fresh", 2)
        again.f_add_config("fresh", 3)
        again.f_add_parameter("fresh", 4)
        again.f_delete_item("old.r5", remove_from_trajectory=True)
        again.f_store()
        again.f_store_item("old.r3", store_data=3)
        file = FileBytes(path)
        copy = copied_index(file, lost)
        file.close()
        killed, journal = Path(path).read_bytes(), Path(journal_path(path)).read_bytes()
    Path(path).write_bytes(killed)
    Path(journal_path(path)).write_bytes(journal)
    wreck(path, copy)
    if not reading_only:
        writing = Trajectory("writing", storage_service=HDF5StorageService(path))
        writing.f_load(name="traj")
        writing.f_add_result("later", 5)
        writing.f_store()
        assert check_hdf5_file(path) == []
        assert load().f_get("results.later").f_get() == 5
    found = load()
    for number in set(range(30)) - {3, 5}:
        result = found.f_get(f"results.old.r{number}")
        assert (result.f_get(0), result.untouched) == (number, [number])
        assert result.v_comment == str(number)
    assert (found.f_get("old.r3").r3, found.f_get("old.r3").untouched) == (-3, [3])
    assert found.f_get("results.old.fresh").f_get() == 1
    assert found.f_get("results.fresh").f_get() == 2
    assert found.f_get("parameters.fresh").f_get() == 4
    assert "r5" not in found.f_get("results.old")


@pytest.fixture
def renamed(tmp_path):
    """A file in which a group was renamed, and the index from before."""
    path = str(tmp_path / "renamed.hdf5")
    with tables.open_file(path, "w") as file:
        file.create_group("/", "old")
        file.create_group("/", "other")
    file = FileBytes(path)
    copy = copied_index(file, "/")
    file.close()
    with tables.open_file(path, "a") as file:
        file.rename_node("/old", "new")
    return path, {"/": OldIndex(copy)}


def names_after_bringing_back(path, indexes):
    file = FileBytes(path, writable=True)
    rebuilt = bring_back(file, indexes)
    file.close()
    with tables.open_file(path) as file:
        return rebuilt, sorted(file.root._v_children)


def test_a_group_that_gets_its_old_name_back_loses_the_new_one(renamed):
    assert names_after_bringing_back(*renamed) == (["/"], ["old", "other"])


def test_a_group_that_was_renamed_by_half_keeps_one_name(renamed):
    path, indexes = renamed
    with tables.open_file(path, "a") as file:
        file.create_hard_link("/", "old", "/new")
    assert names_after_bringing_back(path, indexes) == ([], ["new", "old", "other"])
    file = FileBytes(path, writable=True)
    address = header_address(file, "/new")
    file.write(address + 4, struct.pack("<I", 1))  # it knows of one name only
    file.close()
    assert names_after_bringing_back(path, indexes) == (["/"], ["old", "other"])


@pytest.mark.parametrize("table", ["config_overview", "info"])
def test_a_table_for_the_eye_that_was_being_changed_keeps_nothing_from_being_stored(
    new, load, path, table
):
    traj = new()
    traj.f_add_result("old", 1)
    traj.f_store()
    with StorageContextManager(traj):
        traj.f_add_config("fresh", 1)
        traj.f_store()
        file = FileBytes(path)
        address = header_address(file, f"/traj/overview/{table}")
        file.close()
        killed, journal = Path(path).read_bytes(), Path(journal_path(path)).read_bytes()
    Path(path).write_bytes(killed)
    Path(journal_path(path)).write_bytes(journal)
    file = FileBytes(path, writable=True)
    file.write(address, bytes(16))
    file.close()
    again = load()
    again.f_add_config("later", 2)
    again.f_store()
    assert {problem.kind for problem in check_hdf5_file(path)} <= {"unfinished"}
    assert (load().old, load().f_get("config.later").f_get()) == (1, 2)


def test_shared_data_that_was_being_appended_to_when_the_process_was_killed_is_there(
    new, load, path
):
    traj = new()
    shared = traj.f_add_result(SharedResult, "shared", table=SharedTable())
    traj.f_store()
    shared.table.create_shared_data(first_row={"n": 0})
    end = os.path.getsize(path)
    with StorageContextManager(traj):
        shared.table.append([(1,)])
        killed, journal = Path(path).read_bytes(), Path(journal_path(path)).read_bytes()
    start = killed.index(struct.pack("<Q", len(killed)), 0, 100)
    killed = killed[:start] + struct.pack("<Q", end) + killed[start + 8 :]
    Path(path).write_bytes(killed)
    Path(journal_path(path)).write_bytes(journal)
    assert load().shared.table.col("n").tolist() == [0, 1]


def test_a_file_whose_root_was_being_changed_can_be_written_to(new, load, path):
    traj = new()
    traj.f_add_result("old", 1)
    traj.f_store()
    with HDF5StorageService(path).opened(None, writable=True) as backend:
        backend.select("second", create=True)
        backend.file.flush()
        killed, journal = Path(path).read_bytes(), Path(journal_path(path)).read_bytes()
    Path(path).write_bytes(killed)
    Path(journal_path(path)).write_bytes(journal)
    file = FileBytes(path)
    copy = copied_index(file, "/")
    file.close()
    wreck(path, copy)
    with pytest.raises(tables.HDF5ExtError, match="root group"):
        tables.open_file(path, "a")
    assert load().old == 1
    with HDF5StorageService(path).opened("traj", writable=True):
        pass
    assert load().old == 1
    tables.open_file(path, "a").close()
