"""A storage that can be held is held around everything that several processes do with it."""

import multiprocessing
import os
from contextlib import closing

import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.engine.context import MultiprocContext
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.failures import CleanUp
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import JournalStorageService, double, raise_at
from pypet_multiproc.wrapping.lock import LockWrapper
from pypet_trajectory import constants
from pypet_trajectory.api.service import SupportsHolding, SupportsTransactions, supports
from pypet_trajectory.exceptions import StorageFailedError

pytestmark = pytest.mark.timeout(30)

POOL = {"multiproc": True, "ncores": 2, "use_pool": True}
SETTINGS = {
    "serial": {},
    **{f"{mode}, pool": {"wrap_mode": mode, **POOL} for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL")},
    "NONE, pool": {"wrap_mode": "NONE", **POOL, "ncores": 1},
}


class Holdable(JournalStorageService):
    """Writes down what happens to it, in whichever process."""

    def __init__(self, folder):
        super().__init__(folder)
        self.held = 0
        self.release_fails = False

    def hold(self):
        self._note("events", f"hold{self.held}")
        self.held += 1

    def checkpoint(self):
        self._note("events", f"checkpoint{self.held}")

    def release(self):
        self.held -= 1
        self._note("events", f"release{self.held}")
        if self.release_fails:
            raise StorageFailedError("the disk is full")

    def _append(self, entries):
        self._note("events", f"stored{self.held}")
        super()._append(entries)

    def store(self, msg, stuff_to_store, *args, **kwargs):
        if msg in (constants.TRAJECTORY, constants.CLOSE_FILE):
            self._note("events", f"{msg}{self.held}")
        super().store(msg, stuff_to_store, *args, **kwargs)

    @property
    def events(self):
        return self._noted("events")


@pytest.fixture
def service(tmp_path):
    return Holdable(str(tmp_path))


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
@pytest.mark.parametrize("name", SETTINGS)
def test_all_processes_belong_to_the_session_of_the_engine(experiment, name, start_method):
    experiment(double, **SETTINGS[name], start_method=start_method)
    events = experiment.service.events
    first, *between, last = events[events.index("hold0") :]
    assert (first, last) == ("hold0", "release0")
    assert set(between) - {"CLOSE_FILE1"} == {"stored1"}


def test_a_file_that_is_open_is_closed_in_the_session_and_opened_after_it(make_traj, service):
    traj = make_traj(3)
    service.store(constants.OPEN_FILE, None, trajectory_name="T")
    engine = RunEngine(EngineSettings(wrap_mode="LOCK", **POOL))
    list(engine.run(Experiment(traj, double), map(RunTask, range(3))))
    events = service.events
    assert events[events.index("hold0") + 1] == "CLOSE_FILE1"
    assert events[-1] == "release0"
    assert service.is_open
    service.store(constants.CLOSE_FILE, None)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_error_of_releasing_is_raised(experiment, name):
    experiment.service.release_fails = True
    with pytest.raises(StorageFailedError, match="the disk is full"):
        experiment(double, **SETTINGS[name])
    assert len(experiment.results) == 6
    assert experiment.service.events.count("release0") == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_an_error_of_releasing_hides_no_other(experiment, name):
    experiment.service.release_fails = True
    with pytest.raises(ZeroDivisionError) as info:
        experiment(raise_at, 2, **SETTINGS[name], on_run_error="raise")
    assert info.value.__notes__ == ["Meanwhile also: StorageFailedError: the disk is full"]


def test_nor_one_of_the_caller_of_the_engine(make_traj, service):
    service.release_fails = True
    engine = RunEngine(EngineSettings())
    with (
        pytest.raises(LookupError) as info,
        closing(engine.run(Experiment(make_traj(3), double), map(RunTask, range(3)))) as outcomes,
    ):
        raise LookupError(next(outcomes))
    assert info.value.__notes__ == ["Meanwhile also: StorageFailedError: the disk is full"]


def test_a_caller_who_leaves_early_gets_it(make_traj, service):
    service.release_fails = True
    engine = RunEngine(EngineSettings())
    outcomes = engine.run(Experiment(make_traj(3), double), map(RunTask, range(3)))
    next(outcomes)
    with pytest.raises(StorageFailedError, match="the disk is full"):
        outcomes.close()


def test_a_failed_storage_that_cannot_be_released_is_not_told_twice(experiment):
    def fail(full_name):
        raise StorageFailedError("no room left")

    experiment.service.before_leaf = fail
    experiment.service.release_fails = True
    with pytest.raises(StorageFailedError, match="no room left") as info:
        experiment(double, wrap_mode="LOCAL", **POOL)
    assert not hasattr(info.value, "__notes__")


def test_the_last_of_several_errors_is_a_note_of_the_first():
    def fail():
        raise OSError("the second")

    with pytest.raises(ValueError, match="the first") as info, CleanUp(fail):
        raise ValueError("the first")
    assert info.value.__notes__ == ["Meanwhile also: OSError: the second"]


# ------------------------------------------------------------------------- contexts


def store_one(traj, idx):
    traj.f_store_item(traj.f_add_result(f"results.run_{idx:08d}.z", idx))


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "PIPE"])
def test_processes_of_the_user_belong_to_the_session_of_a_context(make_traj, service, mode):
    traj = make_traj(1)
    before = len(service.events)
    fork = multiprocessing.get_context("fork")
    with MultiprocContext(traj, wrap_mode=mode, full_copy=True):
        process = fork.Process(target=store_one, args=(traj, 0))
        process.start()
        process.join()
        process.close()
    events = service.events[before:]
    assert events[:2] == ["hold0", "TRAJECTORY1"]
    assert set(events[2:-1]) - {"CLOSE_FILE1"} == {"stored1"}
    assert events[-1] == "release0"


def test_a_context_that_does_not_start_releases(make_traj, service, monkeypatch):
    traj = make_traj(1)

    def fail(self, *args, **kwargs):
        raise LookupError("not today")

    monkeypatch.setattr(type(traj), "f_store", fail)
    with pytest.raises(LookupError):
        MultiprocContext(traj, wrap_mode="LOCK").start()
    assert service.held == 0
    assert traj.v_storage_service is service


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "LOCAL"])
def test_an_error_of_releasing_is_raised_by_a_context(make_traj, service, mode):
    traj = make_traj(1)
    service.release_fails = True
    context = MultiprocContext(traj, wrap_mode=mode)
    context.start()
    with pytest.raises(StorageFailedError, match="the disk is full"):
        context.finalize()
    context.finalize()
    assert traj.v_storage_service is service


# ------------------------------------------------------------------------- wrappers


class Transactional(Holdable):
    """Also knows transactions, and whether its lock is held."""

    def transaction(self, name):
        service = self

        class Transaction:
            def __enter__(self):
                service._note("events", "begin")

            def __exit__(self, *exc_info):
                service._note("events", "end")

        return Transaction()


def protocols(traj):
    service = traj.v_storage_service
    return supports(service, SupportsHolding), supports(service, SupportsTransactions)


@pytest.mark.parametrize("keep_deltas", [False, True])
@pytest.mark.parametrize("name", [name for name in SETTINGS if not name.startswith("NONE")])
def test_what_wraps_a_service_cannot_be_held(experiment, name, keep_deltas):
    experiment(protocols, **SETTINGS[name], keep_deltas=keep_deltas)
    assert {result[0] for result in experiment.results.values()} == {False}


def test_nor_can_what_records_a_service(experiment):
    experiment(protocols, **SETTINGS["NONE, pool"], keep_deltas=True)
    assert {result[0] for result in experiment.results.values()} == {False}


class NotedLock:
    def __init__(self, service):
        self._service = service

    def acquire(self):
        self._service._note("events", "locked")

    def release(self):
        self._service._note("events", "unlocked")


def test_a_transaction_is_all_of_it_under_the_lock(make_traj, tmp_path):
    service = Transactional(str(tmp_path))
    traj = make_traj(1)
    wrapper = LockWrapper(service, NotedLock(service))
    assert supports(wrapper, SupportsTransactions)
    traj.v_storage_service = wrapper
    before = len(service.events)
    with wrapper.transaction("T"):
        store_one(traj, 0)
        store_one(traj, 1)
    store_one(traj, 2)
    assert service.events[before:] == [
        *("locked", "begin", "stored0", "stored0", "end", "unlocked"),
        *("locked", "stored0", "unlocked"),
    ]


def test_a_service_without_transactions_has_none_when_it_is_wrapped(service):
    wrapper = LockWrapper(service)
    assert not supports(wrapper, SupportsTransactions)
    wrapper.lock.remove()
    assert not os.path.exists(wrapper.lock.path)
