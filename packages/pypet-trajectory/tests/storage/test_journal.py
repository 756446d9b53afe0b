from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.storage import journal as journal_module
from pypet_trajectory.storage.journal import SIGNATURE, Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.journal"


def written(path, *payloads):
    with Journal(path) as journal:
        journal.append_many(payloads)
    return path.read_bytes()


def test_records_come_back_in_order(path):
    written(path, b"one", b"", b"three")
    with Journal(path) as journal:
        journal.append(b"four")
        assert list(journal) == [b"one", b"", b"three", b"four"]


def test_a_missing_journal_is_empty_and_stays_missing(path):
    assert list(Journal(path)) == []
    assert not path.exists()


def test_appending_nothing_creates_nothing(path):
    Journal(path).append_many([])
    assert not path.exists()


@given(payloads=st.lists(st.binary(max_size=40), max_size=6), data=st.data())
def test_a_torn_tail_costs_the_torn_record_only(tmp_path_factory, payloads, data):
    path = tmp_path_factory.mktemp("torn") / "runs.journal"
    with Journal(path) as journal:
        journal.append_many(payloads)
        journal.append(b"last")
    whole = path.read_bytes()
    kept = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:kept])
    with Journal(path) as journal:
        journal.append(b"new")
    *before, new = list(Journal(path))
    assert new == b"new"
    assert before == payloads[: len(before)]
    ends = [len(SIGNATURE)]
    for payload in payloads:
        ends.append(ends[-1] + 20 + len(payload))
    assert len(before) == max((n for n, end in enumerate(ends) if end <= kept), default=0)


def test_reading_never_repairs_the_file(path):
    torn = written(path, b"one", b"two")[:-1]
    path.write_bytes(torn)
    assert list(Journal(path)) == [b"one"]
    assert path.read_bytes() == torn


def test_damage_costs_only_the_records_it_hits(path, caplog):
    content = bytearray(written(path, b"first", b"second", b"third"))
    content[content.index(b"second")] ^= 1
    path.write_bytes(bytes(content))
    assert list(Journal(path)) == [b"first", b"third"]
    assert "damaged" in caplog.text
    with Journal(path) as journal:
        journal.append(b"fourth")
    assert list(Journal(path)) == [b"first", b"third", b"fourth"]


def test_payloads_may_look_like_records(path):
    inner = written(path.with_name("inner"), b"nested")
    written(path, inner, inner[13:], b"end")
    assert list(Journal(path)) == [inner, inner[13:], b"end"]


@pytest.mark.parametrize("content", [b"something else", b"x", SIGNATURE[:-1] + b"\x09rest"])
def test_other_files_are_neither_read_nor_overwritten(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"runs\.journal"):
        list(Journal(path))
    with pytest.raises(ValueError, match=r"runs\.journal"):
        Journal(path).append(b"new")
    assert path.read_bytes() == content


def test_a_failed_append_adds_nothing(path, monkeypatch):
    journal = Journal(path)
    journal.append(b"one")
    real_write = os.write
    calls = []

    def half_then_full_disk(descriptor, data):
        calls.append(data)
        if len(calls) == 1:
            return real_write(descriptor, bytes(data)[:7])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_module.os, "write", half_then_full_disk)
    with pytest.raises(OSError, match="No space left"):
        journal.append(b"two")
    monkeypatch.undo()
    journal.append(b"three")
    journal.close()
    assert list(Journal(path)) == [b"one", b"three"]


def test_several_records_are_one_write(path, monkeypatch):
    journal = Journal(path)
    journal.append(b"one")
    real_write, calls = os.write, []
    monkeypatch.setattr(
        journal_module.os,
        "write",
        lambda descriptor, data: calls.append(len(data)) or real_write(descriptor, data),
    )
    journal.append_many([b"x" * 10] * 50)
    assert len(calls) == 1


def test_a_pickled_journal_opens_the_file_again(path):
    journal = Journal(path)
    journal.append(b"one")
    twin = pickle.loads(pickle.dumps(journal))
    journal.close()
    with twin:
        twin.append(b"two")
    assert list(Journal(path)) == [b"one", b"two"]


_WRITER = """
import sys
from pypet_trajectory.storage.journal import Journal
journal = Journal(sys.argv[1])
number = 0
while True:
    journal.append(b"%d:" % number + b"x" * (number % 4000))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.timeout(60)
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_confirmed_records_survive_a_kill(path):
    for stop_at in (3, 40, 150):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        confirmed = -1
        for line in writer.stdout:
            confirmed = int(line)
            if confirmed == stop_at:
                writer.send_signal(signal.SIGKILL)
                break
        writer.communicate()
        found = [int(payload.split(b":")[0]) for payload in Journal(path)]
        assert found == list(range(len(found)))
        assert len(found) > confirmed
