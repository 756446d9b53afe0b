"""A storage that takes nothing any more stops everything, and nothing it did not confirm counts."""

import os
import queue
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.engine.context import MultiprocContext
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import MODES, WAYS, JournalStorageService, combinations, double
from pypet_multiproc.wrapping.base import WrapSettings
from pypet_trajectory import constants
from pypet_trajectory.exceptions import StorageFailedError

# Far below the minutes after which a writer without a sign of life is given up.
pytestmark = pytest.mark.timeout(30)

#: One after the other, so that NONE works as well: what stores and who does the runs.
SETTINGS = {
    "serial": {},
    **{f"{mode}, {way}": {"wrap_mode": mode, **WAYS[way]} for mode in MODES for way in WAYS},
    "NONE, pool": {"wrap_mode": "NONE", **WAYS["pool"], "ncores": 1},
    "NONE, process per run": {"wrap_mode": "NONE", **WAYS["process per run"], "ncores": 1},
}


class FullDisk(JournalStorageService):
    """Takes so many calls of a kind, then fails for good, whichever process calls.

    While it is open, what it got is in the file only after it was flushed or closed.

    Parameters
    ----------
    folder : str
        Where its files are.
    kind : str
        'delta', 'rows', 'flush' or 'close'.
    allowed : int
        How many calls of that kind it takes.
    """

    def __init__(self, folder, kind="delta", allowed=10**9):
        super().__init__(folder)
        self.kind, self.allowed = kind, allowed
        self._unsafe = []

    def __getstate__(self):
        return {**super().__getstate__(), "_unsafe": []}

    def _called(self, kind):
        if kind == self.kind:
            self._note("calls", kind)
            if len(self._noted("calls")) > self.allowed:
                self._note("full", "yes")
        if self._noted("full"):
            raise StorageFailedError("the disk is full")

    def empty(self):
        """Make room again."""
        os.unlink(self._path("full"))
        self.allowed = 10**9

    def _append(self, entries):
        if self.is_open:
            self._unsafe += entries
        else:
            super()._append(entries)

    def _make_safe(self):
        entries, self._unsafe = self._unsafe, []
        super()._append(entries)

    def store(self, msg, stuff_to_store, *args, **kwargs):
        kind = {constants.FLUSH: "flush", constants.CLOSE_FILE: "close"}.get(msg, "other")
        self._called(kind)
        if kind != "other":
            self._make_safe()
        super().store(msg, stuff_to_store, *args, **kwargs)

    def store_delta(self, delta):
        self._called("delta")
        super().store_delta(delta)

    def store_run_rows(self, rows):
        self._called("rows")
        super().store_run_rows(rows)

    def load(self, msg, stuff_to_load, *args, **kwargs):
        self._called("load")
        super().load(msg, stuff_to_load, *args, **kwargs)


@pytest.fixture
def service(tmp_path):
    return FullDisk(str(tmp_path))


class Trial:
    """Runs at each open point of a trajectory, and stores rows as an environment does."""

    def __init__(self, traj, service):
        self.traj, self.service = traj, service
        self.outcomes = []

    def run(self, func=double, *args, engine=None, **settings):
        engine = RunEngine(EngineSettings(**settings), **(engine or {}))
        tasks = map(RunTask, self.traj.v_runs.table.open_indices().tolist())
        outcomes = engine.run(Experiment(self.traj, func, args), tasks)
        try:
            for outcome in outcomes:
                self.outcomes.append(outcome)
                row = {name: value for name, value in outcome.row.items() if name != "idx"}
                self.traj.v_runs.table.set(outcome.idx, **row)
                engine.store_run_rows(self.traj.v_runs.rows(self.traj.v_name, [outcome.idx]))
        finally:
            outcomes.close()

    @property
    def completed(self):
        return {outcome.idx for outcome in self.outcomes if outcome.failure is None}

    @property
    def stored(self):
        return {int(name.split("run_")[1].split(".")[0]) for name in self.service.leaves()}

    def check(self):
        """Whatever counts as completed anywhere is in the file, and nothing has failed."""
        assert [outcome.idx for outcome in self.outcomes if outcome.failure is not None] == []
        open_runs = set(self.traj.v_runs.table.open_indices().tolist())
        assert self.completed <= set(range(len(self.traj))) - open_runs <= self.stored
        completed_rows = {idx for idx, row in self.service.rows().items() if row["completed"]}
        assert completed_rows <= self.completed


@pytest.fixture
def trial(make_traj, service):
    return Trial(make_traj(40), service)


CONTINUE = {"on_run_error": "continue", "retries": 3}


@pytest.mark.parametrize(
    ("kind", "allowed", "name"),
    [
        *combinations(["delta"], [0, 3], list(SETTINGS), every=1),
        *combinations(["flush"], [0], [name for name in SETTINGS if name[0] in "QP"], every=1),
        # Where files are opened for each run, closing is what makes them safe.
        *combinations(["close"], [0], ["serial", "LOCK, pool", "LOCAL, pool"], every=1),
    ],
)
def test_a_failed_storage_stops_everything_with_one_error(trial, service, kind, allowed, name):
    service.kind, service.allowed = kind, allowed
    with pytest.raises(StorageFailedError, match=r"^the disk is full$") as info:
        trial.run(**SETTINGS[name], **CONTINUE)
    assert not hasattr(info.value, "__notes__")
    trial.check()
    assert len(trial.completed) < 40
    service.empty()
    trial.run(**SETTINGS[name])
    trial.check()
    assert trial.completed == set(range(40))


@pytest.mark.parametrize("name", SETTINGS)
def test_it_does_so_where_rows_of_the_run_table_fail_first(trial, service, name):
    service.kind, service.allowed = "rows", 0
    with pytest.raises(StorageFailedError, match=r"^the disk is full$") as info:
        trial.run(**SETTINGS[name], **CONTINUE)
    assert not hasattr(info.value, "__notes__")
    trial.check()
    assert service.rows() == {}


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
@pytest.mark.parametrize("mode", MODES)
def test_it_does_so_whatever_starts_the_processes(trial, service, mode, start_method):
    service.allowed = 3
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(wrap_mode=mode, start_method=start_method, **WAYS["pool"], **CONTINUE)
    trial.check()


def processes():
    return ProcessPoolExecutor(2, get_context("fork"))


def threads():
    return ThreadPoolExecutor(2)


@pytest.mark.parametrize("executor", [processes, threads])
@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "LOCAL"])
def test_it_does_so_in_an_executor(trial, service, mode, executor):
    service.allowed = 3
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(wrap_mode=mode, executor=executor, **CONTINUE)
    trial.check()


@pytest.mark.parametrize("name", SETTINGS)
def test_it_does_so_where_outcomes_carry_what_was_stored(trial, service, name):
    service.allowed = 3
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(**SETTINGS[name], **CONTINUE, keep_deltas=True)
    trial.check()


def store_all_the_same(traj):
    """A run function that takes every error of storing for harmless."""
    leaf = traj.f_add_result("$.z", traj.x)
    try:
        traj.f_store_item(leaf)
    except OSError:
        return "not stored"
    return "stored"


@pytest.mark.parametrize(
    ("name", "keep_deltas"),
    [(name, False) for name in SETTINGS if not name.startswith("NONE")] + [("NONE, pool", True)],
)
def test_a_run_that_catches_the_error_does_not_count_as_completed(
    trial, service, name, keep_deltas
):
    service.allowed = 3
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(store_all_the_same, **SETTINGS[name], **CONTINUE, automatic_storing=False,
                  keep_deltas=keep_deltas)  # fmt: skip
    trial.check()


def fail_differently(traj):
    try:
        traj.f_store_item(traj.f_add_result("$.z", traj.x))
    except OSError as exc:
        raise LookupError("my model does not know what to do") from exc


@pytest.mark.parametrize("name", SETTINGS)
def test_an_error_that_a_run_makes_of_it_does_not_hide_it(trial, service, name):
    service.allowed = 3
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(fail_differently, **SETTINGS[name], **CONTINUE)
    trial.check()


def large(traj):
    traj.f_add_result("$.z", "x" * 3_000_000)


@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
@pytest.mark.parametrize("kind", ["delta", "flush"])
@pytest.mark.parametrize("queue_maxsize", [1, 0])
@pytest.mark.parametrize("way", WAYS)
def test_no_process_goes_on_waiting_to_send_to_the_writer(
    trial, service, mode, kind, queue_maxsize, way
):
    service.kind, service.allowed = kind, 0
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(large, wrap_mode=mode, queue_maxsize=queue_maxsize, **WAYS[way], **CONTINUE)
    trial.check()
    assert trial.completed == set()


@pytest.mark.parametrize("kind", ["delta", "close"])
def test_a_lock_of_the_users_is_given_back(trial, service, kind):
    # Nobody frees such a lock when its holder dies.
    service.kind, service.allowed = kind, 2
    lock = get_context("fork").Lock()

    class WithTheirLock:
        def __call__(self, settings):
            from pypet_multiproc.wrapping.lock import LockWrap

            return LockWrap(WrapSettings(**{**settings.__dict__, "resource": lock}))

    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(engine={"wrap_modes": {"LOCK": WithTheirLock()}}, wrap_mode="LOCK",
                  **WAYS["pool"], **CONTINUE)  # fmt: skip
    assert lock.acquire(block=False)
    trial.check()


def open_store_and_leave_open(traj):
    traj.v_storage_service.store(constants.OPEN_FILE, None, trajectory_name="T")
    double(traj)


@pytest.mark.parametrize("name", ["serial", "NONE, process per run", "LOCK, process per run"])
def test_what_a_run_leaves_in_an_open_file_is_flushed_before_it_counts(trial, service, name):
    service.kind, service.allowed = "flush", 0
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(open_store_and_leave_open, **SETTINGS[name], **CONTINUE)
    trial.check()
    assert trial.completed == set()
    if service.is_open:
        service._journal.close()


@pytest.mark.parametrize("mode", MODES)
def test_an_error_of_closing_at_the_end_is_not_lost(trial, service, mode):
    service.kind, service.allowed = "close", 0
    with pytest.raises(StorageFailedError, match="the disk is full"):
        trial.run(**WAYS["pool"], wrap_mode=mode)
    trial.check()


@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_what_the_main_process_stores_meanwhile_meets_the_same_error(make_traj, service, mode):
    traj = make_traj(4)
    service.kind, service.allowed = "delta", 0

    def store_more():
        leaf = traj.f_add_result("more", 1)
        while True:  # until the writer has ended
            traj.f_store_item(leaf, store_data=3)

    engine = RunEngine(EngineSettings(wrap_mode=mode, **WAYS["pool"]))
    with pytest.raises(StorageFailedError, match="the disk is full"):
        list(engine.run(Experiment(traj, double), map(RunTask, range(2)), store_more))


# ------------------------------------------------------ processes of the user's own


def store_some(traj, idx, count=1):
    for number in range(count):
        leaf = traj.f_add_result(f"results.run_{idx:08d}.z{number}", number)
        traj.f_store_item(leaf)


def run_process(context, *args):
    process = context.Process(target=store_some, args=args)
    process.start()
    process.join()
    exitcode = process.exitcode
    process.close()
    return exitcode


@pytest.mark.parametrize("kind", ["delta", "flush"])
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_a_context_raises_it_at_the_end(make_traj, service, mode, kind):
    traj = make_traj(2)
    service.kind, service.allowed = kind, 0
    context = MultiprocContext(traj, wrap_mode=mode, full_copy=True)
    context.start()
    run_process(get_context("fork"), traj, 0)
    with pytest.raises(StorageFailedError, match="the disk is full"):
        context.finalize()
    assert traj.v_storage_service is service
    assert service.leaves() == {}


def test_with_a_lock_processes_of_the_user_meet_it_themselves(make_traj, service):
    traj = make_traj(2)
    service.allowed = 0
    with MultiprocContext(traj, wrap_mode="LOCK", full_copy=True):
        assert run_process(get_context("fork"), traj, 0) == 1
        assert traj.v_storage_service.lock.acquire(block=False)
        traj.v_storage_service.lock.release()


def test_with_local_the_main_process_meets_it(make_traj, service):
    traj = make_traj(2)
    service.allowed = 0
    with MultiprocContext(traj, wrap_mode="LOCAL") as context:
        store_some(traj, 0)
        with pytest.raises(StorageFailedError, match="the disk is full"):
            context.store_references(traj.v_storage_service.references)


@pytest.mark.parametrize("kind", ["delta", "flush", "close"])
def test_a_bounded_queue_of_the_users_does_not_block_its_senders(make_traj, service, kind):
    traj = make_traj(2)
    service.kind, service.allowed = kind, 0
    fork = get_context("fork")
    with fork.Manager() as manager:
        theirs = manager.Queue(1)
        context = MultiprocContext(traj, wrap_mode="QUEUE", queue=theirs, full_copy=True)
        context.start()
        for idx in range(2):
            assert run_process(fork, traj, idx, 5) == 0
        with pytest.raises(StorageFailedError, match="the disk is full"):
            context.finalize()
        with pytest.raises(queue.Empty):
            theirs.get_nowait()
    assert kind == "close" or service.leaves() == {}


@pytest.mark.parametrize("kind", ["delta", "flush"])
def test_a_pipe_of_the_users_does_not_block_its_senders(make_traj, service, kind):
    traj = make_traj(2)
    service.kind, service.allowed = kind, 0
    fork = get_context("fork")
    receiving, sending = fork.Pipe(duplex=False)
    with (
        receiving,
        sending,
        pytest.raises(StorageFailedError, match="the disk is full"),
        MultiprocContext(traj, wrap_mode="PIPE", queue=(receiving, sending), full_copy=True),
    ):
        assert run_process(fork, traj, 0, 200) == 0
    assert service.leaves() == {}


def test_an_error_in_the_block_of_a_context_gets_a_note_of_it(make_traj, service):
    traj = make_traj(2)
    service.allowed = 0

    def store_and_raise():
        with MultiprocContext(traj, wrap_mode="QUEUE"):
            store_some(traj, 0)
            raise LookupError("mine")

    with pytest.raises(LookupError) as info:
        store_and_raise()
    assert info.value.__notes__ == ["Meanwhile also: StorageFailedError: the disk is full"]
