from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    NoSuchServiceError,
    PickleRefusedError,
    PypetOSError,
    VersionMismatchError,
)
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.storage.archive import container as archive_format
from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import assert_trees_same, loaded, stored_example
from pypet_trajectory.testing.storage import StorageServiceConformance
from pypet_trajectory.trajectory import Trajectory


class TestArchiveStorageServiceConforms(StorageServiceConformance):
    def new_store(self) -> Callable[[], StorageService]:
        path = Path(tempfile.mkdtemp()) / "store.traj"
        return lambda: ArchiveStorageService(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.traj"


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


# ------------------------------------------------------------------ the file


def test_numpy_alone_reads_the_arrays_of_an_archive(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_add_result("deep.rates", np.linspace(0, 1, 5))
    traj.f_store()
    (member,) = [name for name in members_of(path) if name.endswith(".npy")]
    assert member.startswith("t/results/deep/rates/rates")
    with zipfile.ZipFile(path) as archive:
        array = np.load(BytesIO(archive.read(member)), allow_pickle=False)
    assert_same(array, np.linspace(0, 1, 5))


def test_loading_one_leaf_reads_its_own_members_only(path, monkeypatch):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    for name in ("first", "second", "third"):
        traj.f_add_result(f"set.{name}", np.arange(9))
    traj.f_store()
    read = []
    original = zipfile.ZipFile.open

    def recording(self, name, *args, **kwargs):
        read.append(name)
        return original(self, name, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "open", recording)
    again = loaded(ArchiveStorageService(path), "t", load_data=1)
    assert all(member.startswith("index.") for member in read)
    read.clear()
    again.f_load_item("results.set.second")
    data = [member for member in read if not member.startswith("index.")]
    assert len(data) == 2
    assert all(member.startswith("t/results/set/second/") for member in data)


def test_a_single_item_is_loaded_without_the_arrays_of_the_others(path, monkeypatch):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_add_result("r", small=1, large=np.arange(99))
    traj.f_store()
    again = loaded(ArchiveStorageService(path), "t", load_data=1)

    def fail(self, member):
        raise AssertionError(f"{member} was read")

    monkeypatch.setattr(archive_format.ArchiveFile, "read_array", fail)
    again.f_load_item("results.r", load_only="small")
    assert again.results.r.small == 1


def test_an_archive_is_replaced_as_a_whole(path, monkeypatch):
    traj = stored_example(ArchiveStorageService(path))
    before = path.read_bytes()

    def no_space(source, target):
        raise OSError(28, "No space left on device")

    traj.f_add_result("more", 1)
    monkeypatch.setattr(archive_format.os, "replace", no_space)
    with pytest.raises(PypetOSError, match="No space left"):
        traj.f_store()
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    assert_trees_same(
        loaded(ArchiveStorageService(path), "example"),
        stored_example(ArchiveStorageService(path.with_name("other.traj"))),
    )


def test_a_full_disk_leaves_the_archive_as_it_was(path, monkeypatch):
    traj = stored_example(ArchiveStorageService(path))
    before = path.read_bytes()

    def no_space(file, array, allow_pickle):
        raise OSError(28, "No space left on device")

    traj.f_add_result("more", np.arange(4))
    monkeypatch.setattr(archive_format.np.lib.format, "write_array", no_space)
    with pytest.raises(PypetOSError, match="No space left"):
        traj.f_store_item("results.more")
    monkeypatch.undo()
    assert "more" not in loaded(ArchiveStorageService(path), "example")
    assert len(path.read_bytes()) == len(before)
    assert os.listdir(path.parent) == [path.name]


def test_changes_by_another_process_are_not_lost_silently(path):
    traj = stored_example(ArchiveStorageService(path))
    service = traj.v_storage_service
    service.store("OPEN_FILE", None, trajectory_name="example")
    traj.f_add_result("mine", 1)
    traj.f_store()
    other = loaded(ArchiveStorageService(path), "example")
    other.f_add_result("theirs", 2)
    other.f_store()
    with pytest.raises(RuntimeError, match="another process"):
        service.store("CLOSE_FILE", None)
    again = loaded(ArchiveStorageService(path), "example")
    assert again.theirs == 2
    assert "mine" not in again


def test_replaced_data_does_not_pile_up(path, monkeypatch):
    monkeypatch.setattr(archive_format, "_TOLERATED_WASTE", 0)
    traj = Trajectory("t", storage_service=ArchiveStorageService(path, complevel=0))
    result = traj.f_add_result("r", np.zeros(20_000))
    traj.f_store()
    for _ in range(6):
        traj.f_store_item(result, overwrite=True)
    assert path.stat().st_size < 3 * 160_000
    assert_same(loaded(ArchiveStorageService(path), "t").r, np.zeros(20_000))


def test_storing_what_is_there_already_does_not_rewrite_it(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_add_result("r", np.arange(9))
    traj.f_store()
    before = set(members_of(path))
    traj.f_store()
    added = set(members_of(path)) - before
    assert all(member.startswith("index.") for member in added)


def test_a_newer_format_is_refused(path):
    stored_example(ArchiveStorageService(path))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("index.99.json", json.dumps({"format": 2, "trajectories": {}}))
    with pytest.raises(VersionMismatchError, match="format 2"):
        loaded(ArchiveStorageService(path), "example")


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_archive_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"store\.traj"):
        loaded(ArchiveStorageService(path), "example")


def test_a_zip_file_of_something_else_is_named(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(OSError, match="index"):
        loaded(ArchiveStorageService(path), "example")


def test_a_damaged_member_is_named(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path, complevel=0))
    traj.f_add_result("r", np.arange(1000))
    traj.f_store()
    content = bytearray(path.read_bytes())
    position = content.index(np.arange(1000).tobytes()[400:600])
    content[position] ^= 0xFF
    path.write_bytes(bytes(content))
    assert "r" in loaded(ArchiveStorageService(path), "t", load_data=1)
    with pytest.raises(OSError, match="t/results/r/r"):
        loaded(ArchiveStorageService(path), "t")


def test_damage_anywhere_is_an_os_error_or_does_no_harm(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_add_result("r", np.arange(500), text="text" * 50)
    traj.f_store()
    content = path.read_bytes()
    refusals = []
    for position in range(0, len(content), 9):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        for damaged in (bytes(flipped), content[:position]):
            path.write_bytes(damaged)
            try:
                again = loaded(ArchiveStorageService(path), "t")
            except OSError as error:
                refusals.append(str(error))
            else:
                assert_trees_same(again, traj)
    assert len(refusals) > len(content) / 9
    assert all(str(path) in refusal for refusal in refusals)


def test_a_missing_member_is_damage_and_not_absent_data(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_add_result("r", np.arange(500))
    traj.f_store()
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if "/r/" not in name}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, data)
    again = loaded(ArchiveStorageService(path), "t", load_data=1)
    with pytest.raises(OSError, match="has no member") as caught:
        again.f_get_default("results.r", auto_load=True, shortcuts=False)
    assert not isinstance(caught.value, DataNotInStorageError)


def test_a_large_array_is_in_memory_once_while_it_is_loaded(path):
    size = 8 << 20
    traj = Trajectory("t", storage_service=ArchiveStorageService(path, complevel=1))
    traj.f_add_result("r", np.zeros(size, dtype=np.uint8))
    traj.f_store()
    again = loaded(ArchiveStorageService(path), "t", load_data=1)
    tracemalloc.start()
    try:
        again.f_load_item("r")
        assert tracemalloc.get_traced_memory()[1] < 1.5 * size
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_a_value_error(path):
    with pytest.raises(ValueError, match=r"store\.traj"):
        loaded(ArchiveStorageService(path), "example")


def test_backups_lie_beside_the_archive(path):
    traj = stored_example(ArchiveStorageService(path))
    traj.f_backup()
    backup = path.with_name("backup_example.traj")
    assert_trees_same(loaded(ArchiveStorageService(backup), "example"), traj)


def test_results_are_merged_from_another_archive(path, tmp_path):
    stored_example(ArchiveStorageService(path))
    other = tmp_path / "other.traj"
    stored_example(ArchiveStorageService(other), name="other", value=[1, 2])
    ArchiveStorageService(path).store(
        "MERGE",
        "FAST MERGE",
        trajectory_name="example",
        other_trajectory_name="other",
        rename_dict={"results.noted": "results.theirs"},
        move_nodes=True,
        other_filename=str(other),
    )
    assert loaded(ArchiveStorageService(path), "example").theirs.value == [1, 2]
    assert "results.noted" not in loaded(ArchiveStorageService(other), "other")


_WRITER = """
import sys
from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.trajectory import Trajectory
traj = Trajectory('t', storage_service=ArchiveStorageService(sys.argv[1]))
traj.f_store()
number = 0
while True:
    result = traj.f_add_result(f'n{number}', list(range(number, number + 500)))
    traj.f_store_item(result)
    print(number, flush=True)
    number += 1
"""


@pytest.mark.timeout(60)
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("stop_at", [0, 7, 25])
def test_confirmed_leaves_survive_a_kill(path, stop_at):
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    for line in writer.stdout:
        if int(line) == stop_at:
            writer.send_signal(signal.SIGKILL)
            break
    writer.communicate()
    again = loaded(ArchiveStorageService(path), "t")
    found = again.results.f_get_leaves()
    assert len(found) > stop_at
    for number in range(len(found)):
        assert again.results[f"n{number}"] == list(range(number, number + 500))


# ------------------------------------------------------------------ settings


def test_the_trajectory_names_the_file_where_the_filename_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traj = Trajectory("walk")
    assert ArchiveStorageService(trajectory=traj).filename == str(tmp_path / "walk.traj")
    assert ArchiveStorageService().filename == str(tmp_path / "Experiments.traj")
    assert ArchiveStorageService(tmp_path, traj).filename == str(tmp_path / "walk.traj")
    assert ArchiveStorageService("new/", traj).filename == "new/walk.traj"
    assert ArchiveStorageService("x.traj").filename == str(tmp_path / "x.traj")


def test_missing_folders_are_made_for_storing_only(tmp_path):
    path = tmp_path / "a b" / "ünï" / "x.traj"
    service = ArchiveStorageService(path)
    assert not path.parent.exists()
    stored_example(service)
    assert loaded(ArchiveStorageService(path), "example").noted.value == 7


def test_overwrite_file_removes_the_archive_at_once(path):
    stored_example(ArchiveStorageService(path))
    ArchiveStorageService(path, overwrite_file=True)
    assert not path.exists()


def test_a_filename_given_to_a_call_stays(path):
    stored_example(ArchiveStorageService(path))
    service = ArchiveStorageService("elsewhere.traj")
    traj = Trajectory(storage_service=service)
    service.load(
        "TRAJECTORY",
        traj,
        False,
        2,
        2,
        2,
        2,
        True,
        None,
        True,
        True,
        False,
        trajectory_name="example",
        filename=str(path),
    )
    assert service.filename == str(path)
    assert traj.noted.value == 7


def test_complevel_is_checked():
    with pytest.raises(ValueError, match="complevel"):
        ArchiveStorageService("x.traj", complevel=10)


# ------------------------------------------------------------------- pickles


class Anything:
    """No store has a form for this."""

    def __eq__(self, other):
        return isinstance(other, Anything)

    __hash__ = None


def test_pickles_are_not_written_unasked(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_add_result("ok", 1)
    traj.f_add_result("bad", items=[Anything()])
    with pytest.raises(NoSuchServiceError, match=r"Anything.*results\.bad"):
        traj.f_store()


def test_pickles_are_written_and_read_where_allowed(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path, allow_pickle=True))
    traj.f_add_result("any", items=[Anything(), np.array([(1, None)], dtype="i4,O")])
    traj.f_store()
    again = loaded(ArchiveStorageService(path, allow_pickle=True), "t")
    assert again.f_get("any").items[0] == Anything()
    with pytest.raises(PickleRefusedError, match=r"results\.any"):
        loaded(ArchiveStorageService(path), "t")


def test_classes_that_unpickle_are_refused_by_name(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path, allow_pickle=True))
    traj.f_add_parameter(PickleParameter, "p", {1: 2})
    traj.f_add_result(PickleResult, "r", x=None)
    traj.f_store()
    again = loaded(ArchiveStorageService(path, allow_pickle=True), "t")
    assert again.p == {1: 2}
    assert again.r.x is None
    for name in ("parameters.p", "results.r"):
        skeleton = loaded(ArchiveStorageService(path), "t", load_data=1)
        with pytest.raises(PickleRefusedError, match=name):
            skeleton.f_load_item(name)


def test_errors_name_the_root_and_what_to_do_about_it(path):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path))
    traj.f_set_annotations(note=Anything())
    with pytest.raises(NoSuchServiceError, match=r"Anything.*'the root'"):
        traj.f_store()
    Trajectory("t", storage_service=ArchiveStorageService(path)).f_store()
    with pytest.raises(ValueError, match=r"only \['t'\]\.$"):
        loaded(ArchiveStorageService(path), "typo")
