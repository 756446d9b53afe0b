"""NETLOCK and NETQUEUE as wrap modes, driven as the engine drives them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from itertools import chain
from pathlib import Path

import psutil
import pytest

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.wrapping.base import WrapSettings
from pypet_net.wrapping import WRAP_MODES, NetLockWrap, NetQueueWrap
from pypet_trajectory.api.records import NodeKind, NodeRecord, RunDelta, RunRows, WriteRequest
from pypet_trajectory.api.service import StorageService

pytestmark = pytest.mark.timeout(90)


class FileStore(StorageService):
    """Counts in a file in a way that loses counts if two processes do it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def store(self, msg, stuff_to_store, *args, **kwargs):
        if msg == "LEAF":
            if stuff_to_store == "die":
                os._exit(9)
            if stuff_to_store == "bad":
                raise ValueError("cannot be stored")
            content = self.path.read_text() if self.path.exists() else ""
            self.path.write_text(f"{content}{stuff_to_store}\n")

    def load(self, msg, stuff_to_load, *args, **kwargs):
        return self.path.read_text()

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []


class DeltaStore(FileStore):
    """The same for records."""

    def store_delta(self, delta):
        for request in delta.requests:
            self.store("LEAF", request.record.full_name)

    def store_run_rows(self, rows):
        for idx in rows.rows:
            self.store("LEAF", f"row{idx}")


def delta(*names: str) -> RunDelta:
    requests = tuple(WriteRequest(NodeRecord(name, NodeKind.GROUP), 3) for name in names)
    return RunDelta("sir", 0, requests)


@pytest.fixture
def start(tmp_path):
    """Call with a wrap mode, and perhaps settings, to have it started."""
    started = []

    def begin(kind, service=None, **settings):
        wrap = kind(WrapSettings(**settings))
        started.append(wrap)
        wrap.start(FileStore(tmp_path / "store") if service is None else service, "sir")
        return wrap

    yield begin
    for wrap in started:
        wrap.finalize()


def store_some(service, idx, values, outcomes=None):
    service.begin_run(idx, idx + 1)
    for value in values:
        service.store("LEAF", value, trajectory_name="sir")
    outcome = RunOutcome(idx)
    service.end_run(outcome)
    if outcomes is not None:
        outcomes.put(outcome)


def run_processes(wrap, jobs, method=None):
    """Run jobs in processes; returns the outcomes and the processes."""
    context = multiprocessing.get_context(method)
    outcomes = context.Queue()
    processes = []
    for idx, values in enumerate(jobs):
        wrap.before_process_start()
        process = context.Process(
            target=store_some, args=(wrap.worker_service(), idx, values, outcomes)
        )
        process.start()
        processes.append(process)
    arrived = [outcomes.get(timeout=60) for values in jobs if "die" not in values]
    for process in processes:
        process.join(30)
    outcomes.close()
    outcomes.join_thread()
    return arrived, processes


def test_the_wrap_modes_are_found_by_name():
    assert WRAP_MODES["NETLOCK"] is NetLockWrap
    assert WRAP_MODES["NETQUEUE"] is NetQueueWrap


@pytest.mark.claim(67)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_with_netlock_no_store_is_lost(start, tmp_path, method):
    wrap = start(NetLockWrap, start_method=method)
    jobs = [[f"{idx}-{number}" for number in range(20)] for idx in range(3)]
    outcomes, _ = run_processes(wrap, jobs, method)
    for outcome in outcomes:
        wrap.after_outcome(outcome)
    assert len(wrap.settled()) == 3
    assert sorted(FileStore(tmp_path / "store").lines) == sorted(chain.from_iterable(jobs))


@pytest.mark.claim(178)
def test_with_netlock_runs_can_load(start):
    wrap = start(NetLockWrap)
    service = wrap.worker_service()
    service.store("LEAF", "a", trajectory_name="sir")
    assert service.load("LEAF", "a") == "a\n"


def test_with_netlock_a_run_that_dies_while_it_stores_blocks_nobody(start, tmp_path):
    wrap = start(NetLockWrap)
    outcomes, processes = run_processes(wrap, [["die"], ["a"], ["b"]])
    assert {outcome.idx for outcome in outcomes} == {1, 2}
    assert processes[0].exitcode == 9
    assert sorted(FileStore(tmp_path / "store").lines) == ["a", "b"]


@pytest.mark.claim(46)
def test_with_netlock_a_run_that_takes_too_long_loses_the_lock(start, caplog):
    wrap = start(NetLockWrap, timeout=0.3)
    slow = wrap.worker_service()
    quick = pickle.loads(pickle.dumps(slow))
    slow.acquire_lock()
    quick.store("LEAF", "a", trajectory_name="sir")
    slow.release_lock()
    assert "Could not release the lock" in caplog.text
    quick.lock.finalize()


def test_with_netlock_the_death_of_the_server_is_noticed(start):
    wrap = start(NetLockWrap)
    assert wrap.failure() is None
    wrap._server._process.kill()
    [sentinel] = wrap.waitables()
    assert multiprocessing.connection.wait([sentinel], timeout=10)
    wrap._server._process.join(10)
    assert "lock server" in str(wrap.failure())


def test_with_netlock_rows_of_the_run_table_are_stored_under_the_lock(start, tmp_path):
    wrap = start(NetLockWrap, DeltaStore(tmp_path / "store"))
    wrap.store_run_rows(RunRows("sir", {3: {}}))
    assert DeltaStore(tmp_path / "store").lines == ["row3"]


def test_a_lock_of_the_users_own_needs_no_server(start):
    lock = threading.Lock()
    wrap = start(NetLockWrap, resource=lock)
    assert wrap.lock is lock
    assert wrap.url is None


@pytest.mark.parametrize("kind", [NetLockWrap, NetQueueWrap])
def test_a_port_can_be_given(start, kind):
    url = start(kind, port=(20000, 29999)).url
    assert url.startswith("tcp://127.0.0.1:2")


@pytest.mark.parametrize("kind", [NetLockWrap, NetQueueWrap])
def test_finalizing_is_idempotent_and_leaves_no_process(start, kind):
    wrap = start(kind)
    wrap.finalize()
    wrap.finalize()
    assert wrap.url is None
    assert multiprocessing.active_children() == []


@pytest.mark.claim(68, 180)
@pytest.mark.parametrize(
    ("method", "maxsize"),
    [*((method, 0) for method in multiprocessing.get_all_start_methods()), (None, 1), (None, 4)],
)
def test_with_netqueue_everything_arrives(start, tmp_path, method, maxsize):
    wrap = start(NetQueueWrap, start_method=method, queue_maxsize=maxsize)
    jobs = [[f"{idx}-{number}" for number in range(20)] for idx in range(3)]
    outcomes, _ = run_processes(wrap, jobs, method)
    for outcome in outcomes:
        assert outcome.sent == 20
        wrap.after_outcome(outcome)
    assert {outcome.idx for outcome in wrap.drain()} == {0, 1, 2}
    lines = FileStore(tmp_path / "store").lines
    assert sorted(lines) == sorted(chain.from_iterable(jobs))
    for job in jobs:
        assert [line for line in lines if line in job] == job


def test_with_netqueue_a_record_is_sent_as_such(start, tmp_path):
    wrap = start(NetQueueWrap, DeltaStore(tmp_path / "store"))
    sender = wrap.worker_service()
    sender.begin_run(0, 1)
    sender.send(("DELTA", (delta("a", "b"),), {}))
    outcome = RunOutcome(0)
    sender.end_run(outcome)
    wrap.after_outcome(outcome)
    assert wrap.drain() == [outcome]
    assert DeltaStore(tmp_path / "store").lines == ["a", "b"]


@pytest.mark.claim(180)
def test_with_netqueue_runs_cannot_load(start):
    with pytest.raises(NotImplementedError, match="LOCK"):
        start(NetQueueWrap).worker_service().load("LEAF", "a")


def test_with_netqueue_what_cannot_be_stored_fails_its_run_only(start):
    wrap = start(NetQueueWrap)
    outcomes, _ = run_processes(wrap, [["a"], ["bad"], ["b"]])
    for outcome in outcomes:
        wrap.after_outcome(outcome)
    failures = {outcome.idx: outcome.failure for outcome in wrap.drain()}
    assert failures[0] is None
    assert failures[2] is None
    assert "cannot be stored" in failures[1].message


def test_with_netqueue_the_death_of_the_writer_is_noticed(start):
    wrap = start(NetQueueWrap)
    assert wrap.failure() is None
    psutil.Process(wrap.writer_pid).kill()
    while wrap.failure() is None:
        assert multiprocessing.connection.wait(wrap.waitables(), timeout=10)
        wrap.settled()
    assert "QueuingServerProcess" in str(wrap.failure())
