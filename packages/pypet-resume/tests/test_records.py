"""Records of finished runs, and what is left of them when their writer is killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pypet_resume import RunJournal
from pypet_trajectory.api.records import NodeKind, NodeRecord, RunDelta, WriteRequest
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.rcnt"


def delta(idx: int, value: object) -> RunDelta:
    record = NodeRecord(f"results.runs.run_{idx:08}.z", NodeKind.LEAF, "Result", items={"z": value})
    return RunDelta("sir", idx, (WriteRequest(record, 3),))


@pytest.mark.claim(279)
def test_finished_runs_come_back_in_order_of_index(path):
    journal = RunJournal(path)
    for idx in (2, 0, 1):
        journal.append(idx, idx * 10, {"idx": idx, "completed": 1})
    journal.close()
    found = RunJournal(path).finished()
    assert [(run.idx, run.result) for run in found.values()] == [(0, 0), (1, 10), (2, 20)]
    assert found[2].row == {"idx": 2, "completed": 1}


def test_no_journal_means_no_finished_runs(path):
    assert RunJournal(path).finished() == {}
    assert list(RunJournal(path).deltas()) == []


def test_what_runs_stored_comes_back(path):
    journal = RunJournal(path)
    journal.append(1, None, {}, delta(1, [1, 2]))
    journal.append(0, None, {})
    assert list(journal.deltas()) == [delta(1, [1, 2])]
    journal.close()


def test_of_a_run_done_twice_the_later_record_counts(path):
    journal = RunJournal(path)
    journal.append(0, "old", {}, delta(0, "old"))
    journal.append(0, "new", {}, delta(0, "new"))
    assert journal.finished()[0].result == "new"
    assert list(journal.deltas()) == [delta(0, "new")]
    journal.close()


def test_a_lambda_can_be_a_return_value(path):
    journal = RunJournal(path)
    journal.append(0, lambda: 42, {})
    assert journal.finished()[0].result() == 42
    journal.close()


@pytest.mark.parametrize("what", ["the return value of run 7", "what run 7 stored"])
def test_what_cannot_be_pickled_is_named(path, what):
    journal = RunJournal(path)
    door = (each for each in "ab")
    arguments = (door, {}) if "return" in what else (None, {}, delta(7, door))
    with pytest.raises(PypetTypeError, match=what):
        journal.append(7, *arguments)
    assert journal.finished() == {}
    journal.close()


def test_what_cannot_be_rebuilt_here_is_named(path, tmp_path):
    (tmp_path / "vanishing.py").write_text("class Thing: pass\n")
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from vanishing import Thing
        from pypet_resume import RunJournal
        journal = RunJournal({str(path)!r})
        journal.append(3, Thing(), {{}})
        journal.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=50)
    with pytest.raises(PypetRuntimeError, match=r"run 3.*vanishing"):
        RunJournal(path).finished()


def test_a_torn_record_is_dropped_and_appending_goes_on(path):
    journal = RunJournal(path)
    journal.append(0, "a", {})
    journal.append(1, "b", {})
    journal.close()
    path.write_bytes(path.read_bytes()[:-3])
    journal = RunJournal(path)
    assert set(journal.finished()) == {0}
    journal.append(2, "c", {})
    journal.close()
    assert set(RunJournal(path).finished()) == {0, 2}


@pytest.mark.parametrize("size", [0, 5])
def test_a_journal_whose_writer_was_killed_while_creating_it_is_empty(path, size):
    before = RunJournal(path)
    before.append(0, None, {})
    before.close()
    path.write_bytes(path.read_bytes()[:size])
    journal = RunJournal(path)
    assert journal.finished() == {}
    journal.append(1, None, {})
    assert set(journal.finished()) == {1}
    journal.close()


def test_records_are_forced_to_the_disk_at_intervals(path, monkeypatch):
    syncs = []
    monkeypatch.setattr(
        "pypet_trajectory.api.journal.Journal.sync", lambda self: syncs.append(self)
    )
    journal = RunJournal(path, sync_interval=3600.0)
    journal.append(0, None, {})
    assert syncs == []
    journal = RunJournal(path, sync_interval=0.0)
    journal.append(1, None, {})
    journal.append(2, None, {})
    assert len(syncs) == 2


WRITER = """
    import sys
    from pypet_resume import RunJournal
    from pypet_trajectory.api.records import NodeKind, NodeRecord, RunDelta, WriteRequest

    journal = RunJournal(sys.argv[1])
    start = int(sys.argv[2])
    for idx in range(start, start + 100_000):
        record = NodeRecord(f"r{idx}", NodeKind.LEAF, "Result", items={"z": bytes(idx % 20_000)})
        delta = RunDelta("sir", idx, (WriteRequest(record, 3),))
        journal.append(idx, idx * 2, {"idx": idx, "completed": 1}, delta)
        sys.stdout.write(f"{idx}\\n")
        sys.stdout.flush()
"""


@pytest.mark.claim(88)
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
def test_everything_confirmed_is_read_back_after_sigkill(path):
    """Ten writers in a row append to one journal, and each is killed at a random moment."""
    moments = random.Random(3)
    confirmed: list[int] = []
    for _ in range(10):
        start = (confirmed[-1] + 1000) if confirmed else 0
        command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(moments.randrange(1, 300)):
                confirmed.append(int(writer.stdout.readline()))
            writer.kill()
            # What was confirmed between the last line read and the kill counts as well. The
            # last line may be cut.
            rest = writer.stdout.read()
            confirmed += map(int, rest[: rest.rfind("\n") + 1].split())
    finished = RunJournal(path).finished()
    assert set(confirmed) <= set(finished)
    assert len(finished) <= len(confirmed) + 10  # at most one unconfirmed record per writer
    assert all(run.result == 2 * idx for idx, run in finished.items())
    stored = {each.run_index: each for each in RunJournal(path).deltas()}
    for idx in confirmed:
        [request] = stored[idx].requests
        assert request.record.items == {"z": bytes(idx % 20_000)}
