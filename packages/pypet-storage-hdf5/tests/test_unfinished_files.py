"""Files whose writer was killed hold less than their journal has; nobody overlooks that."""

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
    recovery,
    repair_hdf5_file,
)
from pypet_storage_hdf5.session_journal import Change, entries, journal_path
from pypet_trajectory import load_trajectory
from pypet_trajectory.storage.journal import Journal


@pytest.fixture
def unfinished(new, path):
    """A file that has lost a group, beside a journal that knows what was in it."""
    traj = new()
    for number in range(5):
        traj.f_add_result(f"group.r{number}", number, comment=str(number))
    traj.f_store(only_init=True)
    service = traj.v_storage_service
    service.store("OPEN_FILE", None, trajectory_name="traj")
    traj.f_store()
    journal = Path(journal_path(path)).read_bytes()
    service.store("CLOSE_FILE", None)
    Path(journal_path(path)).write_bytes(journal)
    token = next(iter(Journal(journal_path(path)))).decode()
    with tables.open_file(path, "a") as file:
        file.remove_node("/traj/results/group", recursive=True)
        file.root._v_attrs.PYPET_WRITING = token
    return path


def values(traj):
    return [traj.f_get(f"results.group.r{n}").f_get() for n in range(5)]


def test_what_the_file_lost_is_restored_from_the_journal(load, unfinished):
    before = Path(unfinished).read_bytes()
    again = load()
    assert values(again) == list(range(5))
    assert Path(unfinished).read_bytes() == before  # reading restored in memory only
    again.f_add_result("next", 1)
    again.f_store()
    assert not os.path.exists(journal_path(unfinished))
    assert load().f_get("results.group.r3").f_get() == 3


def test_checking_says_that_there_is_a_journal(unfinished):
    (problem,) = check_hdf5_file(unfinished)
    assert problem.kind == "unfinished"
    assert journal_path(unfinished) in problem.message


def test_compacting_refuses_to_lose_what_only_the_journal_has(load, unfinished):
    before = Path(unfinished).read_bytes()
    with pytest.raises(HDF5FileError, match=r"\.journal.*allow_pickle=True"):
        compact_hdf5_file(unfinished)
    assert Path(unfinished).read_bytes() == before
    assert sorted(os.listdir(os.path.dirname(unfinished))) == [
        os.path.basename(unfinished),
        os.path.basename(journal_path(unfinished)),
    ]
    compact_hdf5_file(unfinished, keep_backup=False, allow_pickle=True)
    assert os.listdir(os.path.dirname(unfinished)) == [os.path.basename(unfinished)]
    assert values(load()) == list(range(5))
    assert check_hdf5_file(unfinished) == []


def test_repairing_uses_the_journal_if_allowed(load, unfinished):
    before = Path(unfinished).read_bytes()
    report = repair_hdf5_file(unfinished, allow_pickle=True)
    assert [problem.kind for problem in report.problems] == ["unfinished"]
    assert report.lost == ()
    assert values(load(filename=report.filename)) == list(range(5))
    assert Path(unfinished).read_bytes() == before
    assert sorted(os.listdir(os.path.dirname(unfinished))) == sorted(
        map(os.path.basename, (unfinished, journal_path(unfinished), report.filename))
    )


def test_repairing_says_what_it_did_not_read(load, unfinished):
    report = repair_hdf5_file(unfinished)
    (lost,) = report.lost
    assert journal_path(unfinished) in lost.message
    assert "allow_pickle=True" in lost.message
    assert "group" not in load(filename=report.filename)


def test_a_journal_that_cannot_be_applied_does_not_keep_the_rest_from_being_saved(load, unfinished):
    token = next(iter(Journal(journal_path(unfinished))))
    os.remove(journal_path(unfinished))
    with Journal(journal_path(unfinished)) as journal:
        journal.append_many([token, b"no pickle"])
    report = repair_hdf5_file(unfinished, allow_pickle=True)
    (lost,) = report.lost
    assert "UnpicklingError" in lost.message
    assert len(load(filename=report.filename)) == 1


@pytest.fixture
def rename(unfinished):
    """Gives the file another name, or one more, without its journal."""

    def make(how, name):
        new_path = os.path.join(os.path.dirname(unfinished), name)
        how(unfinished, new_path)
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


def test_a_copy_that_is_completed_leaves_the_journal_to_the_original(load, rename):
    copy = load_trajectory("traj", filename=rename(shutil.copyfile, "copy.hdf5"), load_data=1)
    copy.f_add_result("next", 1)
    copy.f_store()
    assert values(load()) == list(range(5))


def test_a_file_without_its_journal_says_so(load, unfinished, caplog):
    os.remove(journal_path(unfinished))
    load()
    assert "its journal is not there" in caplog.text


def test_a_journal_of_another_file_does_not_keep_a_new_one_from_being_written(path, new):
    stranger = new()
    stranger.f_store()
    with Journal(journal_path(path)) as journal:
        journal.append(b"the token of another file")
    service = HDF5StorageService(path, allow_pickle=False)
    service.store("OPEN_FILE", None, trajectory_name="traj")
    stranger.v_storage_service = service
    stranger.f_add_result("r", 1)
    stranger.f_store()
    assert b"the token of another file" not in list(Journal(journal_path(path)))
    service.store("CLOSE_FILE", None)


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


def test_recovery_keeps_the_indexes_that_it_changes_in_the_journal(load, unfinished, monkeypatch):
    def die(filename):
        raise KeyboardInterrupt

    token = next(iter(Journal(journal_path(unfinished)))).decode()
    monkeypatch.setattr(recovery, "remove_journal", die)
    with pytest.raises(KeyboardInterrupt):
        HDF5StorageService(unfinished).backend.open(writable=True)
    changes = list(entries(unfinished, token))
    kept = {entry.content[0] for entry in changes if entry.change is Change.INDEX}
    assert "/traj/results" in kept
    assert values(load()) == list(range(5))


def test_something_unfinished_hides_nothing_else(new, load, path):
    traj = new()
    traj.f_add_result("group.first", 1)
    traj.f_add_result("group.second", 2)
    traj.f_store()
    with tables.open_file(path, "a") as file:
        file.create_group("/traj/results/group", "__pypet_unfinished__0_other")
    loaded = load()
    assert (loaded.f_get("group.first").f_get(), loaded.f_get("group.second").f_get()) == (1, 2)
