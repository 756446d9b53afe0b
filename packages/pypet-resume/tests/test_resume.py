"""Resume folders: what is in them at any moment, and what is left to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet_resume import ExperimentSnapshot, NoSnapshotError, ResumeFolder
from pypet_trajectory.api.records import NodeKind, NodeRecord, RunDelta, WriteRequest
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError
from pypet_trajectory.runs.table import RunTable

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder(tmp_path: Path):
    folder = ResumeFolder(tmp_path / "resume", "sir")
    yield folder
    folder.close()


@pytest.fixture
def snapshot() -> ExperimentSnapshot:
    return ExperimentSnapshot({"beta": [1, 2, 3, 4]}, len)


class Service:
    """Takes deltas as a storage service does."""

    def __init__(self):
        self.deltas = []

    def store_delta(self, delta):
        self.deltas.append(delta)

    def store_run_rows(self, rows):
        pytest.fail("rows are not replayed")


def delta(idx: int) -> RunDelta:
    return RunDelta("sir", idx, (WriteRequest(NodeRecord(f"r{idx}", NodeKind.GROUP), 3),))


def row(idx: int) -> dict[str, object]:
    return {"idx": idx, "completed": 1, "timestamp": 10.0 + idx, "finish_timestamp": 20.0 + idx}


@pytest.mark.claim(89, 272)
def test_the_folder_is_named_by_the_trajectory(folder, snapshot, tmp_path):
    folder.begin(snapshot)
    assert (tmp_path / "resume" / "sir" / "environment.ecnt").exists()


@pytest.mark.claim(87)
def test_a_journal_appears_with_the_first_finished_run(folder, snapshot):
    folder.begin(snapshot)
    assert [path.suffix for path in folder.path.iterdir()] == [".ecnt"]
    folder.record(0, "a", row(0))
    assert sorted(path.suffix for path in folder.path.iterdir()) == [".ecnt", ".rcnt"]


@pytest.mark.claim(273)
def test_only_runs_that_did_not_finish_are_left(folder, snapshot, tmp_path):
    folder.begin(snapshot)
    folder.record(3, "d", row(3))
    folder.record(1, "b", row(1))
    state = ResumeFolder(tmp_path / "resume", "sir").load()
    assert state.left(5) == [0, 2, 4]
    assert state.results() == [(1, "b"), (3, "d")]
    assert state.snapshot == snapshot


def test_the_run_table_is_brought_up_to_date(folder, snapshot):
    folder.begin(snapshot)
    folder.record(1, "b", row(1))
    folder.record(7, "h", row(7))
    table = RunTable(3)
    folder.load().update_run_table(table)
    assert list(table.open_indices()) == [0, 2]
    assert table.row(1)["finish_timestamp"] == 21.0


def test_there_is_nothing_to_resume_without_a_snapshot(folder):
    with pytest.raises(NoSnapshotError, match="sir"):
        folder.load()


def test_resuming_again_keeps_all_finished_runs(folder, snapshot, tmp_path):
    folder.begin(snapshot)
    folder.record(0, "a", row(0))
    folder.close()
    again = ResumeFolder(tmp_path / "resume", "sir")
    again.proceed(ExperimentSnapshot({"beta": [9]}, len))
    again.record(1, "b", row(1))
    again.close()
    state = folder.load()
    assert state.results() == [(0, "a"), (1, "b")]
    assert state.snapshot.trajectory == {"beta": [9]}


def test_a_folder_in_use_is_refused(folder, snapshot):
    folder.begin(snapshot)
    with pytest.raises(PypetRuntimeError, match=r"environment\.ecnt.*another trajectory name"):
        folder.begin(snapshot)


def test_what_a_crash_before_the_first_run_left_is_cleared(folder, snapshot):
    folder.path.mkdir(parents=True)
    for name in ("storage.before", "environment.ecnt.tmp"):
        (folder.path / name).write_bytes(b"half")
    folder.begin(snapshot)
    assert [path.name for path in folder.path.iterdir()] == ["environment.ecnt"]


def test_a_begin_that_fails_leaves_nothing(folder, tmp_path):
    (tmp_path / "x.hdf5").write_bytes(b"data")
    with pytest.raises(PypetTypeError):
        folder.begin(ExperimentSnapshot((each for each in "ab"), len), tmp_path / "x.hdf5")
    assert not folder.path.exists()


@pytest.mark.claim(90)
def test_after_success_the_folder_is_gone_and_its_parent_stays(folder, snapshot, tmp_path):
    (tmp_path / "x.hdf5").write_bytes(b"data")
    folder.begin(snapshot, tmp_path / "x.hdf5")
    folder.record(0, "a", row(0))
    folder.remove()
    folder.remove()
    assert not folder.path.exists()
    assert folder.path.parent.exists()


def test_files_of_others_are_not_removed(folder, snapshot):
    folder.begin(snapshot)
    (folder.path / "notes.txt").write_text("mine")
    folder.remove()
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]


def test_what_runs_stored_can_be_written_again(folder, snapshot):
    folder.begin(snapshot)
    for idx in (0, 2, 1):
        folder.record(idx, None, row(idx), delta(idx))
    service = Service()
    assert folder.replay(service) == 3
    assert service.deltas == [delta(0), delta(2), delta(1)]


def test_single_runs_can_be_written_again(folder, snapshot):
    folder.begin(snapshot)
    for idx in range(3):
        folder.record(idx, None, row(idx), delta(idx))
    service = Service()
    assert folder.replay(service, only=[1]) == 1
    assert service.deltas == [delta(1)]


def test_a_damaged_file_gives_way_to_the_copy_and_is_kept(folder, snapshot, tmp_path):
    file = tmp_path / "x.hdf5"
    file.write_bytes(b"before")
    folder.begin(snapshot, file)
    file.write_bytes(b"damaged")
    assert folder.restore_copy(file) == tmp_path / "x.hdf5.damaged"
    assert file.read_bytes() == b"before"
    assert (tmp_path / "x.hdf5.damaged").read_bytes() == b"damaged"


def test_a_missing_file_is_replaced_by_the_copy(folder, snapshot, tmp_path):
    file = tmp_path / "x.hdf5"
    file.write_bytes(b"before")
    folder.begin(snapshot, file)
    file.unlink()
    assert folder.restore_copy(file) is None
    assert file.read_bytes() == b"before"


def test_without_a_copy_the_damaged_file_is_left_alone(folder, snapshot, tmp_path):
    file = tmp_path / "x.hdf5"
    file.write_bytes(b"damaged")
    folder.begin(snapshot)
    with pytest.raises(PypetRuntimeError, match="copy made before the first run"):
        folder.restore_copy(file)
    assert file.read_bytes() == b"damaged"
