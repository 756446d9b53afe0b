"""Processes of the user's own that store one trajectory."""

import multiprocessing
import os
import signal

import pytest

from pypet_multiproc.engine.context import MultiprocContext
from pypet_multiproc.model.failures import StoringFailedError, WriterDiedError

pytestmark = pytest.mark.timeout(60)

MODES = ("LOCK", "QUEUE", "PIPE")


def store_one(traj, idx):
    traj.f_set_crun(idx)
    traj.f_start_run()
    traj.f_add_result("$.z", traj.x * 2)
    traj.f_store()
    traj.f_finalize_run(store_meta_data=False)
    return getattr(traj.v_storage_service, "references", None)


def run_processes(context, traj, count=4):
    processes = [context.Process(target=store_one, args=(traj, idx)) for idx in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
        process.close()


def values(service):
    return sorted(items["z"] for items in service.leaves().values())


@pytest.mark.claim(182)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_processes_can_store(make_traj, service, mode, start_method):
    traj = make_traj(4)
    with MultiprocContext(traj, wrap_mode=mode, full_copy=True):
        assert traj.v_storage_service.multiproc_safe
        run_processes(multiprocessing.get_context(start_method), traj, 2)
    assert values(service) == [0, 2]
    assert traj.v_storage_service is service
    assert service.overlaps() == []


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE"])
def test_pools_can_store(make_traj, service, mode):
    traj = make_traj(4)
    context = multiprocessing.get_context("fork")
    with MultiprocContext(traj, wrap_mode=mode, full_copy=True), context.Pool(2) as pool:
        pool.starmap(store_one, [(traj, idx) for idx in range(4)])
    assert values(service) == [0, 2, 4, 6]


def test_a_pipe_cannot_be_sent_to_a_pool(make_traj):
    import pickle

    traj = make_traj(4)
    with MultiprocContext(traj, wrap_mode="PIPE"), pytest.raises(pickle.PicklingError):
        pickle.dumps(traj.v_storage_service)


def test_with_local_processes_give_back_what_they_noted(make_traj, service):
    traj = make_traj(4)
    context = multiprocessing.get_context("fork")
    with (
        MultiprocContext(traj, wrap_mode="LOCAL", full_copy=True) as wrapped,
        context.Pool(2) as pool,
    ):
        for references in pool.starmap(store_one, [(traj, idx) for idx in range(4)]):
            wrapped.store_references(references)
    assert values(service) == [0, 2, 4, 6]
    assert service.writers() == {os.getpid()}


def test_references_belong_to_local(make_traj):
    with (
        MultiprocContext(make_traj(1), wrap_mode="LOCK") as wrapped,
        pytest.raises(RuntimeError, match="LOCAL"),
    ):
        wrapped.store_references({})


@pytest.mark.parametrize("mode", ["NONE", "WISH"])
def test_there_is_nothing_to_wrap_with_other_modes(make_traj, mode):
    with pytest.raises(RuntimeError, match=mode):
        MultiprocContext(make_traj(1), wrap_mode=mode).start()


@pytest.mark.parametrize(
    ("mode", "present"),
    [
        ("LOCK", {"lock", "lock_wrapper"}),
        ("QUEUE", {"queue", "queue_wrapper"}),
        ("PIPE", {"pipe", "pipe_wrapper"}),
        ("LOCAL", {"reference_wrapper"}),
    ],
)
def test_properties_give_what_is_used(make_traj, mode, present):
    names = {"lock", "lock_wrapper", "queue", "queue_wrapper", "pipe", "pipe_wrapper",
             "reference_wrapper"}  # fmt: skip
    context = MultiprocContext(make_traj(1), wrap_mode=mode)
    context.f_start()
    context.start()
    assert {name for name in names if getattr(context, name) is not None} == present
    assert context.v_lock is context.lock
    context.f_finalize()
    context.finalize()
    assert not any(getattr(context, name) for name in names)


class NotedLock:
    def __init__(self):
        self.taken = 0
        self._lock = multiprocessing.get_context("fork").Lock()

    def acquire(self):
        self.taken += 1
        return self._lock.acquire()

    def release(self):
        self._lock.release()


def test_a_lock_of_the_users_is_used(make_traj, service):
    traj, lock = make_traj(2), NotedLock()
    with MultiprocContext(traj, wrap_mode="LOCK", lock=lock):
        store_one(traj, 1)
    assert lock.taken == 1
    assert values(service) == [2]


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE"])
def test_a_manager_of_the_users_is_used_and_left_running(make_traj, service, mode):
    traj = make_traj(4)
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        with (
            MultiprocContext(traj, wrap_mode=mode, manager=manager, full_copy=True),
            context.Pool(2) as pool,
        ):
            pool.starmap(store_one, [(traj, idx) for idx in range(4)])
        assert manager.list([1])[0] == 1
    assert values(service) == [0, 2, 4, 6]


def test_a_queue_of_the_users_is_used(make_traj, service):
    traj = make_traj(4)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with MultiprocContext(traj, wrap_mode="QUEUE", queue=queue, full_copy=True):
        run_processes(context, traj)
    queue.close()
    queue.join_thread()
    assert values(service) == [0, 2, 4, 6]


def test_a_pipe_of_the_users_is_used(make_traj, service):
    traj = make_traj(4)
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    with MultiprocContext(traj, wrap_mode="PIPE", queue=(receiving, sending), full_copy=True):
        run_processes(context, traj)
    receiving.close()
    sending.close()
    assert values(service) == [0, 2, 4, 6]


def _refuse(full_name):
    raise OSError("disk full")


@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_an_error_of_storing_is_raised_at_the_end(make_traj, service, mode):
    service.before_leaf = _refuse
    traj = make_traj(2)
    context = MultiprocContext(traj, wrap_mode=mode)
    context.start()
    store_one(traj, 1)
    with pytest.raises(StoringFailedError, match="disk full"):
        context.finalize()
    assert traj.v_storage_service is service


@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_a_writer_that_was_killed_is_reported_at_the_end(make_traj, mode):
    traj = make_traj(2)
    context = MultiprocContext(traj, wrap_mode=mode)
    context.start()
    os.kill(context._wrap.writer_pid, signal.SIGKILL)
    with pytest.raises(WriterDiedError):
        context.finalize()


def test_an_exception_in_the_block_is_not_hidden(make_traj, service):
    traj = make_traj(2)
    with pytest.raises(LookupError), MultiprocContext(traj, wrap_mode="QUEUE"):
        raise LookupError
    assert traj.v_storage_service is service


def test_full_copy_is_set(make_traj):
    traj = make_traj(2)
    traj.v_full_copy = False
    MultiprocContext(traj, full_copy=True)
    assert traj.v_full_copy


def test_helper_processes_log_to_their_own_files(make_traj, tmp_path):
    from pypet_multiproc.logs import simple_logging_config

    @simple_logging_config
    def config(self, **kwargs):
        return kwargs["log_config"]

    traj = make_traj(2)
    with MultiprocContext(traj, wrap_mode="QUEUE", log_config=config(None, log_folder="logs")):
        store_one(traj, 0)
    assert [path for path in tmp_path.rglob("*LOG.txt") if "QueueProcess" in path.name]
