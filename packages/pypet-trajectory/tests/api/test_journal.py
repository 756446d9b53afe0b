from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
from random import Random
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.api import journal as journal_module
from pypet_trajectory.api import journal_format
from pypet_trajectory.api.journal import SIGNATURE, Journal
from pypet_trajectory.exceptions import PypetOSError, PypetTypeError, PypetValueError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.journal"


def written(path, *payloads):
    with Journal(path) as journal:
        journal.append_many(payloads)
    return path.read_bytes()


def in_prefix(path):
    return [payload for payload, _ in Journal(path).prefix()]


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


@pytest.mark.parametrize("kept", range(len(SIGNATURE)))
def test_a_journal_whose_writer_died_in_the_signature_is_empty(path, kept):
    path.write_bytes(SIGNATURE[:kept])
    assert list(Journal(path)) == in_prefix(path) == []
    assert written(path, b"one") == written(path.with_name("new"), b"one")


# -------------------------------------------------------------------- prefix


def test_the_prefix_is_all_records_of_a_whole_journal(path):
    written(path, b"one", b"", b"three")
    assert [tuple(record) for record in Journal(path).prefix()] == [
        (b"one", len(SIGNATURE) + 23),
        (b"", len(SIGNATURE) + 43),
        (b"three", len(SIGNATURE) + 68),
    ]


def test_the_prefix_of_a_missing_journal_is_empty(path):
    assert in_prefix(path) == []
    assert not path.exists()


@pytest.mark.parametrize("place", ["marker", "length", "payload", "torn"])
def test_the_prefix_ends_at_the_first_damage(path, place):
    content = bytearray(written(path, b"first", b"second", b"third"))
    start = content.index(b"second")
    if place == "torn":
        del content[start + 2 :]
    else:
        content[start - {"marker": 20, "length": 14, "payload": 0}[place]] ^= 1
    path.write_bytes(bytes(content))
    assert in_prefix(path) == [b"first"]
    assert list(Journal(path)) == [b"first", b"third"][: 1 if place == "torn" else 2]


def test_other_files_have_no_prefix(path):
    path.write_bytes(b"something else")
    with pytest.raises(PypetValueError, match=r"runs\.journal"):
        in_prefix(path)


# ------------------------------------------------------------ end and cutting


def test_the_end_follows_what_is_appended(path):
    journal = Journal(path)
    assert journal.end == 0
    ends = []
    for payload in (b"one", b"", b"three"):
        journal.append(payload)
        assert path.stat().st_size == journal.end
        ends.append(journal.end)
    journal.close()
    assert ends == [end for _, end in Journal(path).prefix()]
    assert journal.end == ends[-1]


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_what_is_behind_the_end_given_is_dropped(path, is_open):
    journal = Journal(path)
    journal.append(b"one")
    end = journal.end
    journal.append_many([b"two", b"three"])
    if not is_open:
        journal.close()
    journal.truncate(end)
    assert list(Journal(path)) == [b"one"]
    assert journal.end == end
    journal.append(b"four")
    assert list(Journal(path)) == [b"one", b"four"]


def test_a_journal_cut_to_nothing_begins_anew(path):
    journal = Journal(path)
    journal.truncate(0)
    journal.append(b"one")
    journal.truncate(0)
    assert list(Journal(path)) == []
    journal.append(b"two")
    journal.close()
    Journal(path).truncate(0)
    assert path.read_bytes() == SIGNATURE


@pytest.mark.parametrize("end", [-1, 1, len(SIGNATURE) - 1, len(SIGNATURE) + 24, 2**70])
def test_a_journal_is_not_cut_where_no_record_can_end(path, end):
    content = written(path, b"one")
    with Journal(path) as journal:
        for _ in ("closed", "open"):
            with pytest.raises(PypetValueError, match=r"runs\.journal cannot be cut"):
                journal.truncate(end)
            with pytest.raises(PypetValueError, match=r"runs\.journal cannot be cut"):
                Journal(path).resume_at(end)
            assert path.read_bytes() == content
            journal.append_many([])
            journal.resume_at(len(content))


def test_resuming_does_not_read_the_records(path, monkeypatch):
    content = written(path, b"one", b"two")
    end = len(content) - 23

    def fail(*args, **options):
        raise AssertionError("records were read")

    monkeypatch.setattr(journal_module, "records", fail)
    with Journal(path).resume_at(end) as journal:
        assert path.read_bytes() == content[:end]
        journal.append(b"three")
    monkeypatch.undo()
    assert in_prefix(path) == [b"one", b"three"]


def test_a_missing_journal_is_resumed_at_its_beginning_only(path):
    with pytest.raises(PypetValueError, match="it has 0"):
        Journal(path).resume_at(40)
    assert not path.exists()
    with Journal(path).resume_at(0) as journal:
        journal.append(b"one")
    assert in_prefix(path) == [b"one"]


@pytest.mark.parametrize("end", [0, 20])
def test_other_files_are_not_cut(path, end):
    path.write_bytes(b"something else that is longer")
    for cut in (Journal(path).truncate, Journal(path).resume_at):
        with pytest.raises(PypetValueError, match=r"runs\.journal is no journal"):
            cut(end)
    assert path.read_bytes() == b"something else that is longer"


# ------------------------------------------------------------- many parts


def parts_of_all_kinds():
    return [
        b"bytes",
        bytearray(b"array"),
        memoryview(b"view"),
        b"",
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 3)),
        pickle.PickleBuffer(b"buffer"),
    ]


JOINED = (
    b"bytesarrayview"
    + np.arange(6, dtype=">i4").tobytes()
    + np.arange(6.0).reshape(2, 3).tobytes("F")
    + b"buffer"
)


@pytest.mark.parametrize("joined", [0, 1 << 16])
def test_parts_become_one_payload(path, monkeypatch, joined):
    monkeypatch.setattr(journal_module, "_JOINED", joined)
    with Journal(path) as journal:
        journal.append_parts(parts_of_all_kinds())
        journal.append_parts([])
        assert journal.end == path.stat().st_size
    assert in_prefix(path) == [JOINED, b""]


@pytest.mark.parametrize("at_once", [1, 3, 10**6])
@pytest.mark.parametrize("buffers", [1, 2, 1000])
def test_parts_are_written_whatever_the_system_takes_at_once(path, monkeypatch, at_once, buffers):
    monkeypatch.setattr(journal_module, "_JOINED", 0)
    monkeypatch.setattr(journal_module, "_BUFFERS_PER_WRITE", buffers)
    monkeypatch.setattr(journal_module, "_MAX_WRITE", 50)
    real = os.write

    def write(descriptor, data):
        assert len(data) <= 50
        return real(descriptor, bytes(data)[:at_once])

    monkeypatch.setattr(journal_module.os, "write", write)
    monkeypatch.setattr(
        journal_module.os, "writev", lambda descriptor, parts: write(descriptor, b"".join(parts))
    )
    parts = [b"x" * (number % 70) for number in range(100)]
    with Journal(path) as journal:
        journal.append_parts(parts)
    assert in_prefix(path) == [b"".join(parts)]


def test_more_parts_than_one_call_takes_are_one_record(path):
    parts = [bytes([number % 256]) * 40 for number in range(5000)]
    with Journal(path) as journal:
        journal.append_parts(parts)
    assert in_prefix(path) == [b"".join(parts)]


def test_parts_are_not_joined_in_memory(path):
    part = np.ones(4 << 20, dtype=np.uint8)
    with Journal(path) as journal:
        journal.append(b"open")
        tracemalloc.start()
        try:
            journal.append_parts([part] * 5)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
    assert [len(payload) for payload in in_prefix(path)] == [4, 5 * part.size]


@pytest.mark.parametrize(
    "part", ["text", 5, np.arange(9)[::2], np.array([(0, None)], dtype="i4,O")], ids=repr
)
def test_what_is_no_block_of_memory_is_refused(path, part):
    with Journal(path) as journal:
        journal.append(b"one")
        with pytest.raises(PypetTypeError, match=type(part).__name__):
            journal.append_parts([b"good", part])
        journal.append(b"two")
    assert in_prefix(path) == [b"one", b"two"]


# ------------------------------------------------------------ failing appends


@pytest.mark.skipif(os.name == "nt", reason="resource")
@pytest.mark.parametrize(
    "append",
    [
        lambda journal: journal.append_parts([b"x" * 1000] * 300),
        lambda journal: journal.append(b"x" * 300_000),
    ],
    ids=["parts", "one"],
)
def test_a_full_disk_leaves_the_journal_as_it_was(path, append):
    import resource

    written(path, b"one")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        journal.append(b"two")
        before = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
        try:
            with pytest.raises(PypetOSError, match=r"runs\.journal.*Nothing was added"):
                append(journal)
            assert path.read_bytes() == before
            assert journal.end == len(before)
            journal.append(b"three")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert in_prefix(path) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("then", ["append", "sync", "truncate", "close"])
def test_what_could_not_be_cut_off_never_counts(path, monkeypatch, then):
    journal = Journal(path)
    journal.append(b"one")
    real_write = os.write

    def all_but_one_byte(descriptor, data):
        if len(data) == 1:
            raise OSError(5, "Input/output error")
        return real_write(descriptor, bytes(data)[:-1])

    def no_cut(descriptor, size):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journal_module.os, "write", all_but_one_byte)
    monkeypatch.setattr(journal_module.os, "ftruncate", no_cut)
    with pytest.raises(PypetOSError, match="cannot be cut"):
        journal.append_many([b"two", b"three"])
    with pytest.raises(PypetOSError, match="cannot be cut"):
        journal.append(b"four")
    monkeypatch.undo()
    if then == "sync":
        journal.sync()
    elif then == "truncate":
        journal.truncate(journal.end)
    elif then == "close":
        journal.close()
    journal.append(b"five")
    journal.close()
    assert list(Journal(path)) == [b"one", b"five"]


def test_an_interrupted_append_adds_nothing(path, monkeypatch):
    journal = Journal(path)
    journal.append(b"one")
    real_write = os.write
    calls = []

    def interrupted(descriptor, data):
        calls.append(data)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real_write(descriptor, bytes(data)[:7])

    monkeypatch.setattr(journal_module.os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(b"two")
    monkeypatch.undo()
    journal.append(b"three")
    journal.close()
    assert in_prefix(path) == [b"one", b"three"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(PypetOSError, match=r"gone/runs\.journal"):
        Journal(tmp_path / "gone" / "runs.journal").append(b"one")
    with pytest.raises(PypetOSError, match="cannot be read"):
        list(Journal(tmp_path))


# ------------------------------------------------- what no journal wrote


def test_records_within_damaged_records_are_not_taken_for_records(path):
    inner = written(path.with_name("inner"), b"nested", b"nested too")
    content = bytearray(written(path, inner, b"last"))
    content[len(SIGNATURE)] ^= 1
    path.write_bytes(bytes(content))
    assert list(Journal(path)) == [b"last"]


def test_records_that_change_places_are_damage(path):
    content = written(path, b"one", b"two", b"end")
    head = len(SIGNATURE)
    first, second, last = (content[head + 23 * n : head + 23 * (n + 1)] for n in range(3))
    path.write_bytes(SIGNATURE + second + first + last)
    assert list(Journal(path)) == [b"end"]


def forged(position, length, payload_check=0):
    """A header that is right about its place, with any length."""
    place = journal_format._PLACE.pack(position, length)
    return journal_format._HEADER.pack(journal_format._MARKER, length, crc32(place), payload_check)


@pytest.mark.parametrize("length", [2**31, 2**40, 2**64 - 1])
def test_a_length_that_is_not_there_takes_no_memory(path, length):
    written(path, b"one")
    content = path.read_bytes()
    path.write_bytes(content + forged(len(content), length) + b"rest")
    tracemalloc.start()
    try:
        assert list(Journal(path)) == in_prefix(path) == [b"one"]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(os.name == "nt", reason="sparse files")
def test_holes_of_a_file_take_no_memory(path):
    content = written(path, b"one")
    path.write_bytes(content + forged(len(content), 64 << 20))
    os.truncate(path, path.stat().st_size + (64 << 20))
    tracemalloc.start()
    try:
        assert list(Journal(path)) == in_prefix(path) == [b"one"]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["markers", "headers that claim the rest", "short headers"])
def test_reading_takes_time_proportional_to_the_size(path, monkeypatch, kind):
    size = 400_000
    content = bytearray(SIGNATURE)
    while len(content) < size:
        if kind == "markers":
            content += b"\xf1PJ\x0d" * 5
        elif kind == "short headers":
            content += forged(len(content), 3) + b"bad?"
        else:
            content += forged(len(content), max(0, size - len(content) - 20))
    path.write_bytes(bytes(content))
    looked_at = 0

    def counting(data, *start):
        nonlocal looked_at
        looked_at += len(data)
        return crc32(data, *start)

    monkeypatch.setattr(journal_format, "crc32", counting)
    assert list(Journal(path)) == []
    assert looked_at < 5 * len(content)


def assert_only_what_was_written(path, payloads, original):
    try:
        found = list(Journal(path))
        prefix = list(Journal(path).prefix())
    except PypetValueError:
        assert not path.read_bytes().startswith(SIGNATURE)
        return
    assert [payload for payload, _ in prefix] == payloads[: len(prefix)]
    assert found[: len(prefix)] == payloads[: len(prefix)]
    later = iter(payloads)
    assert all(payload in later for payload in found), "not written, or in another order"
    if prefix:
        end = prefix[-1].end
        assert path.read_bytes()[:end] == original[:end]


def survive(path, mutants, count):
    random = Random(0)
    payloads = [b"%d:" % n + random.randbytes(random.choice((0, 3, 50, 700))) for n in range(30)]
    payloads[7] += written(path.with_name("inner"), b"nested", b"nested too")
    content = written(path, *payloads)
    for number, damaged in enumerate(mutants(content, count)):
        path.write_bytes(damaged)
        tracemalloc.start()
        try:
            assert_only_what_was_written(path, payloads, content)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
        if number % 5 == 0 and damaged.startswith(SIGNATURE):
            before = list(Journal(path))
            with Journal(path) as journal:
                journal.append(b"new")
            assert list(Journal(path)) == [*before, b"new"]


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_damaged_journals_yield_only_what_was_written(path, mutants, monkeypatch, piece):
    monkeypatch.setattr(journal_format, "_PIECE", piece)
    survive(path, mutants, 75)


@pytest.mark.soak
@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_many_damaged_journals_yield_only_what_was_written(path, mutants, monkeypatch, piece):
    monkeypatch.setattr(journal_format, "_PIECE", piece)
    survive(path, mutants, 2000)


def test_an_error_keeps_no_view_of_the_views_that_were_to_be_written(path):
    # The garbage collector of CPython before 3.12.7 crashes over a view of a view in a cycle.
    part = pickle.PickleBuffer(np.zeros(10)).raw()
    journal = Journal(path / "no such folder" / "f.journal")
    with pytest.raises(OSError) as caught:
        journal.append_parts([part, part])
    part.release()
    assert caught.value.__traceback__ is not None


_WRITER = """
import sys
from pypet_trajectory.api.journal import Journal
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
