"""A lock belongs to its owner and is free once the owner is gone."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading

import pytest

from pypet_multiproc.locks import OwnerLock

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def lock(tmp_path):
    lock = OwnerLock(str(tmp_path / "lock"))
    yield lock
    lock.remove()


def _hold(lock, connection):
    lock.acquire()
    connection.send("held")
    connection.recv()
    lock.release()
    connection.send("released")


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def holder(request, lock):
    """Another process that holds the lock, and a pipe to it."""
    context = multiprocessing.get_context(request.param)
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(lock, there))
    process.start()
    there.close()
    assert here.recv() == "held"
    yield process, here
    if process.is_alive():
        process.kill()
    process.join()
    process.close()
    here.close()


def test_one_process_at_a_time_holds_it(lock, holder):
    _, connection = holder
    assert not lock.acquire(block=False)
    connection.send("go on")
    assert connection.recv() == "released"
    assert lock.acquire(block=False)
    lock.release()


def test_it_is_free_when_its_owner_was_killed(lock, holder):
    process, _ = holder
    os.kill(process.pid, signal.SIGKILL)
    assert lock.acquire()
    lock.release()


def test_a_file_that_is_deleted_meanwhile_is_made_anew_for_all(lock, holder):
    _, connection = holder
    connection.send("go on")
    assert connection.recv() == "released"
    with lock:
        os.unlink(lock.path)  # by who tidies up the folder for temporary files
    with OwnerLock(lock.path):
        assert os.path.exists(lock.path)


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted")
def test_its_file_can_be_discarded_while_nobody_holds_it(lock, holder):
    _, connection = holder
    lock.discard()
    assert os.path.exists(lock.path)
    connection.send("go on")
    assert connection.recv() == "released"
    lock.discard()
    assert not os.path.exists(lock.path)
    with lock:
        assert os.path.exists(lock.path)


def test_files_of_locks_that_are_gone_are_closed(tmp_path):
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    for number in range(5):
        lock = OwnerLock(str(tmp_path / str(number)))
        with lock:
            os.unlink(lock.path)
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_it_is_not_inherited_by_a_forked_process(lock):
    with lock:
        pid = os.fork()
        if pid == 0:
            taken = lock.acquire(block=False)
            os._exit(int(taken))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert lock.acquire(block=False)
    lock.release()


def test_one_thread_at_a_time_holds_it(lock):
    taken = []
    with lock:
        thread = threading.Thread(target=lambda: taken.append(lock.acquire(block=False)))
        thread.start()
        thread.join()
    assert taken == [False]


def test_a_thread_releases_as_often_as_it_acquires(lock):
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()
    with pytest.raises(RuntimeError, match="not held by process"):
        lock.release()


def test_only_its_place_is_pickled(lock):
    twin = pickle.loads(pickle.dumps(lock))
    assert twin.path == lock.path


def test_removing_it_leaves_no_file():
    lock = OwnerLock()
    with lock:
        assert os.path.exists(lock.path)
    lock.remove()
    assert not os.path.exists(lock.path)


def test_two_locks_of_one_process_on_one_file_exclude_each_other(lock):
    twin, taken = OwnerLock(lock.path), []
    with lock:
        thread = threading.Thread(target=lambda: taken.append(twin.acquire(block=False)))
        thread.start()
        thread.join()
    assert taken == [False]
