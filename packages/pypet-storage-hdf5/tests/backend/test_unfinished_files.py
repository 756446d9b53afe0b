"""Files whose writer was killed hold less than their journal has; no opening overlooks that."""

import os
import shutil
from pathlib import Path

import pytest
import tables

from pypet_storage_hdf5 import (
    HDF5FileError,
    HDF5StorageService,
    check_hdf5_file,
    compact_hdf5_file,
    repair_hdf5_file,
)
from pypet_storage_hdf5.safety import pace
from pypet_trajectory import load_trajectory
from pypet_trajectory.api.journal import Journal
from pypet_trajectory.testing.processes import in_forked_process

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed")


def journal_of(path):
    return f"{path}.session/journal"


@pytest.fixture
def unfinished(new, path, monkeypatch):
    """A file that lacks a group, beside the folder of a session whose journal has it."""
    traj = new()
    for number in range(5):
        traj.f_add_result(f"group.r{number}", number, comment=str(number))
    traj.f_store(only_init=True)

    def store():
        monkeypatch.setattr(pace, "_LEAST", 3600.0)  # no checkpoint, however slow the machine is
        traj.v_storage_service.store("OPEN_FILE", None, trajectory_name="traj")
        traj.f_store()

    assert in_forked_process(store) == 0
    assert os.path.exists(journal_of(path))
    return path


def values(traj):
    return [traj.f_get(f"results.group.r{n}").f_get() for n in range(5)]


def test_what_the_file_lacks_is_taken_from_the_journal(load, unfinished):
    again = load()
    assert values(again) == list(range(5))
    assert os.listdir(os.path.dirname(unfinished)) == [os.path.basename(unfinished)]
    again.f_add_result("next", 1)
    again.f_store()
    assert load().f_get("results.group.r3").f_get() == 3


def test_overview_tables_are_taken_from_the_journal_too(load, unfinished):
    load()
    with tables.open_file(unfinished) as file:
        comments = file.root.traj.overview.results_summary.col("comment").tolist()
    assert sorted(comments) == [b"0", b"1", b"2", b"3", b"4"]


def test_other_readers_get_a_whole_file_before_the_journal_was_applied(unfinished):
    with tables.open_file(unfinished) as file:
        assert "/traj/overview/runs" in file
        assert "/traj/results/group" not in file


def test_viewers_that_refuse_pickles_read_the_file_and_leave_the_journal(load, unfinished, caplog):
    assert "group" not in load(allow_pickle=False)
    assert "pickles" in caplog.text
    assert values(load()) == list(range(5))


def test_writing_refuses_to_read_the_journal_if_pickles_are_refused(unfinished):
    backend = HDF5StorageService(unfinished, allow_pickle=False).backend
    with pytest.raises(ValueError, match="journal"):
        backend.open(writable=True)
    assert os.path.exists(journal_of(unfinished))


def test_a_second_kill_while_the_journal_is_applied_loses_nothing(load, unfinished):
    for _ in range(2):
        in_forked_process(lambda: HDF5StorageService(unfinished).backend.open(writable=True))
    assert values(load()) == list(range(5))


def test_checking_says_that_there_is_a_journal(unfinished):
    (problem,) = check_hdf5_file(unfinished)
    assert problem.kind == "unfinished"
    assert journal_of(unfinished) in problem.message


def test_compacting_refuses_to_lose_what_only_the_journal_has(load, unfinished):
    before = Path(unfinished).read_bytes()
    with pytest.raises(HDF5FileError, match=r"journal.*allow_pickle=True"):
        compact_hdf5_file(unfinished)
    assert Path(unfinished).read_bytes() == before
    assert sorted(os.listdir(os.path.dirname(unfinished))) == [
        os.path.basename(unfinished),
        f"{os.path.basename(unfinished)}.session",
    ]
    compact_hdf5_file(unfinished, keep_backup=False, allow_pickle=True)
    assert os.listdir(os.path.dirname(unfinished)) == [os.path.basename(unfinished)]
    assert values(load()) == list(range(5))
    assert check_hdf5_file(unfinished) == []


def test_repairing_uses_the_journal_if_allowed(load, unfinished):
    report = repair_hdf5_file(unfinished, allow_pickle=True)
    assert report.lost == ()
    assert values(load(filename=report.filename)) == list(range(5))


def test_repairing_says_what_it_did_not_read(load, unfinished):
    report = repair_hdf5_file(unfinished)
    (lost,) = report.lost
    assert journal_of(unfinished) in lost.message
    assert "allow_pickle=True" in lost.message
    assert "group" not in load(filename=report.filename)


def test_a_journal_that_cannot_be_applied_does_not_keep_the_rest_from_being_saved(load, unfinished):
    head = next(iter(Journal(journal_of(unfinished))))
    os.remove(journal_of(unfinished))
    with Journal(journal_of(unfinished)) as journal:
        journal.append_many([head, b"E" + bytes(4) + b"no pickle", b"C"])
    report = repair_hdf5_file(unfinished, allow_pickle=True)
    (lost,) = report.lost
    assert "cannot be read" in lost.message
    assert len(load(filename=report.filename)) == 1


@pytest.fixture
def checkpointed(new, path, monkeypatch):
    """As `unfinished`, with a checkpoint before; so the file tells where its journal is."""
    traj = new()
    traj.f_store(only_init=True)

    def store():
        monkeypatch.setattr(pace, "_LEAST", 3600.0)  # no other checkpoint
        service = traj.v_storage_service
        service.store("OPEN_FILE", None, trajectory_name="traj")
        for number in range(5):
            traj.f_store_item(traj.f_add_result(f"group.r{number}", number))
            if number == 2:
                service.backend.connection.writing.checkpoint()

    assert in_forked_process(store) == 0
    return path


@pytest.fixture
def rename(checkpointed):
    """Gives the file another name, or one more, without its journal."""

    def make(how, name):
        new_path = os.path.join(os.path.dirname(checkpointed), name)
        how(checkpointed, new_path)
        return new_path

    return make


@pytest.mark.parametrize("how", [os.rename, os.link, os.symlink, shutil.copyfile])
def test_a_file_finds_its_journal_under_another_name(rename, how):
    try:
        renamed = rename(how, "other.hdf5")
    except OSError:
        pytest.skip("there are no such links here")
    traj = load_trajectory("traj", filename=renamed, load_data=2)
    assert values(traj) == list(range(5))
    traj.f_add_result("next", 1)
    traj.f_store()
    assert values(load_trajectory("traj", filename=renamed, load_data=2)) == list(range(5))


def test_the_folder_of_a_file_that_was_renamed_goes_when_its_journal_was_applied(rename):
    renamed = rename(os.rename, "other.hdf5")
    load_trajectory("traj", filename=renamed, load_data=2)
    assert os.listdir(os.path.dirname(renamed)) == ["other.hdf5"]


def test_a_copy_that_is_completed_leaves_the_journal_to_the_original(load, rename):
    copy = load_trajectory("traj", filename=rename(shutil.copyfile, "copy.hdf5"), load_data=1)
    copy.f_add_result("next", 1)
    copy.f_store()
    assert values(load()) == list(range(5))


def test_a_journal_that_is_needed_survives_a_new_file_of_the_old_name(rename, new, path, caplog):
    renamed = rename(os.rename, "other.hdf5")
    new("another").f_store()
    (kept,) = (name for name in os.listdir(os.path.dirname(path)) if "-kept-" in name)
    assert kept in caplog.text
    os.rename(os.path.join(os.path.dirname(path), kept), f"{renamed}.session")
    assert values(load_trajectory("traj", filename=renamed, load_data=2)) == list(range(5))


def test_overwriting_keeps_the_journal_of_a_file_that_was_renamed(rename, path):
    rename(os.rename, "other.hdf5")
    Path(path).write_bytes(b"something else")
    HDF5StorageService(path, overwrite_file=True)
    assert any("-kept-" in name for name in os.listdir(os.path.dirname(path)))


def test_overwriting_removes_the_journal_of_the_file(unfinished):
    HDF5StorageService(unfinished, overwrite_file=True)
    assert os.listdir(os.path.dirname(unfinished)) == []


def test_overwriting_a_link_to_a_file_leaves_the_journal_to_the_file(load, rename):
    try:
        link = rename(os.symlink, "link.hdf5")
    except OSError:
        pytest.skip("there are no links here")
    HDF5StorageService(link, overwrite_file=True)
    assert not os.path.exists(link)
    assert values(load()) == list(range(5))


def test_a_backup_that_was_not_finished_is_no_trajectory(new, path, tmp_path):
    traj = new()
    traj.f_store()
    with tables.open_file(path, "a") as file:
        file.create_group("/", "__pypet_unfinished__other")
    assert HDF5StorageService(path).trajectory_names() == ["traj"]
    assert load_trajectory(index=0, filename=path).v_name == "traj"
    (problem,) = check_hdf5_file(path)
    assert (problem.path, problem.kind) == ("/__pypet_unfinished__other", "unfinished")
    report = repair_hdf5_file(path, tmp_path / "repaired.hdf5")
    assert [lost.path for lost in report.lost] == ["/__pypet_unfinished__other"]
    assert check_hdf5_file(report.filename) == []


def test_something_unfinished_hides_nothing_else(new, load, path):
    traj = new()
    traj.f_add_result("group.first", 1)
    traj.f_add_result("group.second", 2)
    traj.f_store()
    with tables.open_file(path, "a") as file:
        file.create_group("/traj/results/group", "__pypet_unfinished__0_other")
    loaded = load()
    assert (loaded.f_get("group.first").f_get(), loaded.f_get("group.second").f_get()) == (1, 2)
