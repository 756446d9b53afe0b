"""A lock belongs to its owner and is free once the owner is gone."""

import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from pypet_multiproc.testing import combinations
from pypet_multiproc.transport.locks import OwnerLock

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


# ------------------------------------------------------------------- stale lock files

EXPERIMENT = """
import os, sys, threading
from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import JournalStorageService
from pypet_trajectory.trajectory import Trajectory

def job(traj):
    traj.f_store_item(traj.f_add_result("$.z", traj.x))
    print("!", end="", flush=True)
    threading.Event().wait()

if __name__ == "__main__":
    traj = Trajectory("T", storage_service=JournalStorageService("."))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, 1]})
    traj.f_store(only_init=True)
    settings = EngineSettings(
        multiproc=True, ncores=2, wrap_mode="LOCK", start_method=sys.argv[1],
        use_pool=sys.argv[2] == "pool",
    )
    list(RunEngine(settings).run(Experiment(traj, job), map(RunTask, range(2))))
"""


@pytest.fixture
def folder(monkeypatch):
    """A folder for temporary files, of this process and of those it starts."""
    # Fork servers listen at a path in it, which must be shorter than those of pytest may be.
    folder = Path(tempfile.mkdtemp(prefix="locks-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def lock_files(folder):
    return sorted(path.name for path in folder.glob("*.lock"))


@pytest.fixture
def experiment_with_lock(folder, tmp_path):
    """Starts an experiment two runs of which have stored and go on for ever."""
    started = []

    def start(start_method, way):
        (tmp_path / "script.py").write_text(EXPERIMENT)
        main = subprocess.Popen(
            [sys.executable, "script.py", start_method, way],
            cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        started.append(main)
        assert main.stdout.read(2) == b"!!"
        assert len(lock_files(folder)) == 1
        return main

    yield start
    for main in started:
        _kill(main, "all")


def _kill(main, whom):
    """Kill processes of an experiment; returns when all of them have ended."""
    try:
        children = psutil.Process(main.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    if whom == "all":
        # By one call, so that nobody lives to tidy up after the others.
        try:
            os.killpg(main.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        main.kill()
    main.wait()
    main.stdout.close()
    psutil.wait_procs(children)


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted")
@pytest.mark.parametrize(
    ("start_method", "way", "whom"),
    combinations(["fork", "spawn", "forkserver"], ["pool", "process"], ["all", "main"], every=2),
)
def test_whoever_is_killed_no_file_of_a_lock_stays(
    experiment_with_lock, folder, start_method, way, whom
):
    main = experiment_with_lock(start_method, way)
    _kill(main, whom)
    lock = OwnerLock()
    assert lock_files(folder) == [os.path.basename(lock.path)]
    lock.remove()
    assert lock_files(folder) == []


def test_when_workers_are_killed_the_main_process_deletes_the_file(experiment, folder):
    def kill_worker(traj):
        if traj.x < 3:
            os.kill(os.getpid(), signal.SIGKILL)

    experiment(kill_worker, multiproc=True, ncores=2, use_pool=True, wrap_mode="LOCK",
               on_run_error="continue")  # fmt: skip
    assert experiment.statuses == dict.fromkeys(range(3), "lost")
    assert lock_files(folder) == []


@pytest.fixture
def gone():
    """Id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_process_that_lives_is_left_alone(folder, gone):
    mine = OwnerLock()
    other = folder / f"pypet-{os.getppid()}-abcdefgh.lock"
    os.close(os.open(other, os.O_CREAT, 0o600))
    stale = folder / f"pypet-{gone}-abcdefgh.lock"
    os.close(os.open(stale, os.O_CREAT, 0o600))
    another = OwnerLock()
    assert lock_files(folder) == sorted(
        [os.path.basename(mine.path), os.path.basename(another.path), other.name]
    )
    mine.remove()
    another.remove()


def test_a_lock_that_outlives_its_maker_is_left_alone_while_it_is_held(folder, gone):
    orphaned = OwnerLock(str(folder / f"pypet-{gone}-abcdefgh.lock"))
    twin = multiprocessing.get_context("fork")
    here, there = twin.Pipe()
    process = twin.Process(target=_hold, args=(orphaned, there))
    process.start()
    assert here.recv() == "held"
    OwnerLock().remove()
    assert lock_files(folder) == [os.path.basename(orphaned.path)]
    here.send("go on")
    assert here.recv() == "released"
    process.join()
    process.close()
    OwnerLock().remove()
    assert lock_files(folder) == []


def test_a_lock_that_this_process_holds_stays_held_when_another_is_made(folder, gone):
    with OwnerLock(str(folder / f"pypet-{gone}-abcdefgh.lock")) as orphaned:
        OwnerLock().remove()
        pid = os.fork()
        if pid == 0:
            os._exit(int(orphaned.acquire(block=False)))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    orphaned.remove()


def test_files_that_are_no_locks_of_ours_are_left_alone(folder, gone):
    def make(name, content="", mode=0o600):
        path = folder / name
        path.write_text(content)
        path.chmod(mode)
        return path

    make(f"pypet-{gone}-filledup.lock", "something")
    make(f"pypet-{gone}-modeodd1.lock", mode=0o644)
    make(f"pypet-{gone}-short.lock")
    make(f"mypypet-{gone}-abcdefgh.lock")
    make(f"pypet-{gone}-abcdefgh.lock.bak")
    make("pypet-abcdefgh.lock")
    make(f"pypet-{10**30}-abcdefgh.lock")
    target = make("target.lock")
    os.symlink(target, folder / f"pypet-{gone}-symlink1.lock")
    os.link(make("linked"), folder / f"pypet-{gone}-hardlink.lock")
    (folder / f"pypet-{gone}-folder01.lock").mkdir()
    before = sorted(os.listdir(folder))
    OwnerLock().remove()
    assert sorted(os.listdir(folder)) == before
