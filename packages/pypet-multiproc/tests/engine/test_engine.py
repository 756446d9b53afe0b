"""What the engine does around runs, and what must not grow with their number."""

import copyreg
import gc
import multiprocessing.synchronize
import os
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import double, nothing, raise_at
from pypet_trajectory.trajectory import snapshot

pytestmark = pytest.mark.timeout(60)

POOL = {"multiproc": True, "ncores": 2, "use_pool": True}
MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL")


def threads():
    return ThreadPoolExecutor(2)


def test_in_a_single_process_an_exception_leaves_the_engine_at_once(experiment):
    with pytest.raises(ZeroDivisionError):
        experiment(raise_at, 2)
    assert experiment.results == {0: 0, 1: 2}
    assert experiment.statuses == {2: "failed"}
    assert not experiment.traj.v_is_run


def test_the_cause_of_an_exception_shows_the_traceback_of_its_process(experiment):
    with pytest.raises(ZeroDivisionError) as info:
        experiment(raise_at, 2, wrap_mode="LOCAL", **POOL)
    assert "in raise_at" in str(info.value.__cause__)


def _raised_here(kind, args):
    try:
        raise kind(*args)
    except kind as exc:
        return exc


@pytest.mark.parametrize("way", [POOL, {"multiproc": True, "executor": threads}])
def test_the_traceback_shows_also_where_exceptions_travel_with_one(
    experiment, monkeypatch, caplog, way
):
    # As tblib lets them, which the import of distributed switches on for the whole process.
    monkeypatch.setitem(
        copyreg.dispatch_table, ZeroDivisionError, lambda exc: (_raised_here, (type(exc), exc.args))
    )
    with pytest.raises(ZeroDivisionError) as info:
        experiment(raise_at, 2, wrap_mode="LOCAL", **way)
    assert "in raise_at" in str(info.value.__cause__)
    assert "Run 2 failed (attempt 1): ZeroDivisionError" in caplog.text


def test_failures_may_be_data(experiment):
    experiment(raise_at, 2, on_run_error="continue")
    assert experiment.statuses == {2: "failed"}
    failure = experiment.failures[2]
    assert (failure.exception, failure.attempts) == ("ZeroDivisionError", 1)
    assert failure.host
    assert failure.timestamp > 0


class Speechless(Exception):
    def __str__(self):
        raise ValueError


def raise_speechless(traj):
    raise Speechless


@pytest.mark.parametrize("settings", [{}, POOL])
def test_an_exception_without_a_text_is_a_failure_like_any(experiment, settings):
    experiment(raise_speechless, runs=2, on_run_error="continue", wrap_mode="LOCAL", **settings)
    assert [failure.exception for failure in experiment.failures.values()] == ["Speechless"] * 2


def test_a_failed_run_is_logged_once_with_its_traceback(experiment, caplog):
    experiment(raise_at, 2, on_run_error="continue")
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage().startswith("Run 2 failed (attempt 1): ZeroDivisionError")
    assert record.exc_info


class Flaky:
    def __init__(self, fails):
        self.fails = fails

    def __call__(self, traj):
        if traj.v_idx == 1 and self.fails:
            self.fails -= 1
            raise ZeroDivisionError("not yet")
        return double(traj)


@pytest.mark.parametrize(("fails", "attempts"), [(1, 2), (2, 3)])
def test_a_run_that_failed_is_tried_again(experiment, fails, attempts):
    experiment(Flaky(fails), retries=2, runs=3)
    assert experiment.results == {0: 0, 1: 2, 2: 4}
    assert {outcome.idx: outcome.attempts for outcome in experiment.outcomes}[1] == attempts


def test_a_run_that_always_fails_is_given_up(experiment):
    with pytest.raises(ZeroDivisionError):
        experiment(Flaky(9), retries=2, runs=3)
    assert experiment.failures[1].attempts == 3


@pytest.mark.claim(76)
@pytest.mark.parametrize(("interval", "collections"), [(1, 6), (2, 3), (None, 0)])
def test_with_local_garbage_is_collected_in_the_main_process(
    experiment, interval, collections, monkeypatch
):
    collected = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(os.getpid()))
    experiment(double, wrap_mode="LOCAL", gc_interval=interval, **POOL)
    assert collected == [os.getpid()] * collections


@pytest.mark.claim(77)
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_with_a_writer_garbage_is_collected_there(experiment, mode, monkeypatch, tmp_path):
    def note():
        with open(tmp_path / "collected", "a") as file:
            file.write(f"{os.getpid()} ")

    monkeypatch.setattr(gc, "collect", note)
    experiment(double, wrap_mode=mode, gc_interval=2, **POOL)
    collected = (tmp_path / "collected").read_text().split()
    assert len(collected) == 3
    assert {int(pid) for pid in collected} == experiment.service.writers()


@pytest.mark.claim(78)
@pytest.mark.parametrize("mode", MODES)
def test_garbage_is_collected_nowhere_unless_asked_for(experiment, mode, monkeypatch, tmp_path):
    monkeypatch.setattr(gc, "collect", (tmp_path / "collected").touch)
    experiment(double, wrap_mode=mode, **POOL)
    assert not (tmp_path / "collected").exists()


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_made_that_outlives_a_killed_process(experiment, mode, monkeypatch):
    def refuse(*args):
        raise AssertionError("a semaphore")

    monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", refuse)
    experiment(double, wrap_mode=mode, **POOL)
    assert len(experiment.results) == 6


def test_runs_may_be_added_while_others_are_active(experiment):
    calls = []

    def more():
        calls.append(len(experiment.outcomes))
        return map(RunTask, [3, 4]) if len(calls) == 1 else None

    experiment(double, runs=5, tasks=map(RunTask, range(3)), on_exhausted=more, multiproc=True,
               ncores=2, wrap_mode="LOCK")  # fmt: skip
    assert experiment.results == {idx: 2 * idx for idx in range(5)}
    assert len(calls) == 2


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_the_run_table_reach_the_storage_while_runs_go_on(make_traj, service, mode):
    traj = make_traj(4)
    engine = RunEngine(EngineSettings(wrap_mode=mode, **POOL))
    for outcome in engine.run(Experiment(traj, double), map(RunTask, range(4))):
        outcome.row.pop("idx")
        traj.v_runs.table.set(outcome.idx, **outcome.row)
        engine.store_run_rows(traj.v_runs.rows(traj.v_name, [outcome.idx]))
    assert {idx: row["completed"] for idx, row in service.rows().items()} == dict.fromkeys(
        range(4), 1
    )
    engine.store_run_rows(traj.v_runs.rows(traj.v_name, [0]))


def test_before_the_first_run_there_is_nowhere_to_store_rows(make_traj):
    with pytest.raises(RuntimeError, match="run table"):
        RunEngine(EngineSettings()).store_run_rows(make_traj(1).v_runs.rows("t", [0]))


@pytest.mark.parametrize("mode", MODES)
def test_leaving_the_engine_early_ends_everything(make_traj, service, mode):
    traj = make_traj(100)
    before = psutil.Process().children()
    engine = RunEngine(EngineSettings(wrap_mode=mode, **POOL))
    outcomes = engine.run(Experiment(traj, double), map(RunTask, range(100)))
    next(outcomes)
    outcomes.close()
    assert psutil.Process().children() == before
    assert traj.v_storage_service is service


def test_workers_that_cannot_be_set_up_stop_the_experiment(make_traj):
    from pypet_multiproc.model.failures import WorkerStartError

    traj = make_traj(2)

    class Broken:
        def prepare(self, service):
            raise LookupError("no such model")

    engine = RunEngine(
        EngineSettings(wrap_mode="LOCAL", **POOL), make_runner=lambda policy: Broken()
    )
    with pytest.raises(WorkerStartError, match="no such model"):
        list(engine.run(Experiment(traj, nothing), map(RunTask, range(2))))


def test_workers_that_end_before_they_can_run_stop_the_experiment(make_traj):
    from pypet_multiproc.model.failures import WorkerStartError

    class Deadly:
        def prepare(self, service):
            os._exit(5)

    engine = RunEngine(
        EngineSettings(wrap_mode="LOCAL", **POOL), make_runner=lambda policy: Deadly()
    )
    with pytest.raises(WorkerStartError, match="exit code 5"):
        list(engine.run(Experiment(make_traj(2), nothing), map(RunTask, range(2))))


# ------------------------------------------------------------------------- counts


@pytest.fixture
def pickles(monkeypatch, tmp_path):
    """Counts how often a trajectory is pickled, in any process."""

    class Counting(snapshot._Pickler):
        def __init__(self, *args):
            with open(tmp_path / "pickles", "a") as file:
                file.write("x")
            super().__init__(*args)

    monkeypatch.setattr(snapshot, "_Pickler", Counting)
    path = tmp_path / "pickles"
    return lambda: len(path.read_text()) if path.exists() else 0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({**POOL}, 1),
        ({**POOL, "start_method": "spawn"}, 1),
        ({**POOL, "freeze_input": True}, 0),
        ({"multiproc": True, "ncores": 2}, 0),
        ({}, 0),
    ],
)
def test_the_trajectory_is_pickled_at_most_once_however_many_runs(experiment, pickles, settings,
                                                                 expected):  # fmt: skip
    experiment(double, runs=30 if "start_method" not in settings else 4, wrap_mode="LOCAL",
               **settings)  # fmt: skip
    assert pickles() == expected


class CountsPickling:
    """Notes in a file each time it is pickled."""

    def __init__(self, path):
        self.path = path

    def __getstate__(self):
        with open(self.path, "a") as file:
            file.write("x")
        return {"path": self.path}


def take(traj, thing):
    return traj.x


@pytest.mark.claim(43)
@pytest.mark.claim(153)
@pytest.mark.parametrize("freeze_input", [True, False])
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_an_argument_is_pickled_at_most_twice(experiment, tmp_path, freeze_input, start_method):
    path = tmp_path / "argument"
    path.write_text("")
    experiment(take, CountsPickling(str(path)), runs=20, wrap_mode="LOCAL",
               freeze_input=freeze_input, start_method=start_method, **POOL)  # fmt: skip
    assert len(experiment.results) == 20
    assert len(path.read_text()) <= 2


@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_the_writer_opens_the_file_once(experiment, mode):
    experiment(double, runs=50, wrap_mode=mode, **POOL)
    assert len(experiment.service._noted("opened")) == 1


def test_the_main_process_opens_the_file_less_often_than_there_are_runs(experiment):
    experiment(double, runs=200, wrap_mode="LOCAL", **POOL)
    assert len(experiment.service._noted("opened")) <= 40


def test_what_is_sent_per_run_does_not_depend_on_the_number_of_runs(make_traj, monkeypatch):
    from pypet_multiproc.workers import handles as worker_handles

    def bytes_per_run(runs):
        sizes = []

        def counting(obj, dumps=worker_handles.dumps):
            data = dumps(obj)
            sizes.append(len(data))
            return data

        with monkeypatch.context() as patch:
            patch.setattr(worker_handles, "dumps", counting)
            engine = RunEngine(EngineSettings(wrap_mode="LOCAL", **POOL))
            list(engine.run(Experiment(make_traj(runs), nothing), map(RunTask, range(100))))
        return sum(sizes) / 100

    assert bytes_per_run(10_000) <= 1.2 * bytes_per_run(100)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_memory_stays_flat_over_a_hundred_thousand_runs(make_traj):
    traj = make_traj(100_000)
    engine = RunEngine(EngineSettings(wrap_mode="QUEUE", **POOL))
    process = psutil.Process()
    sizes = {}
    for count, _ in enumerate(
        engine.run(Experiment(traj, nothing), map(RunTask, range(100_000))), start=1
    ):
        if count in (20_000, 99_000):
            sizes[count] = {
                one.pid: one.memory_info().rss
                for one in (process, *process.children(recursive=True))
            }
    assert count == 100_000
    early, late = sizes.values()
    assert early.keys() == late.keys()
    assert all(late[pid] < early[pid] + 10 * 2**20 for pid in early)


# ----------------------------------------------------------------- odds and ends


def stores_before_failing(traj, marker):
    first = not os.path.exists(marker)
    open(marker, "w").close()
    leaf = traj.f_add_result("$.z", "first try" if first else "second try")
    traj.f_store_item(leaf)
    if first:
        raise ZeroDivisionError("first try")


@pytest.mark.parametrize("mode", MODES)
def test_what_a_failed_try_stored_is_replaced_by_the_next_one(tmp_path, mode):
    from pypet_trajectory.storage.archive.service import ArchiveStorageService
    from pypet_trajectory.trajectory import Trajectory

    service = ArchiveStorageService(str(tmp_path / "file.traj"))
    traj = Trajectory("T", storage_service=service)
    traj.f_store()
    engine = RunEngine(EngineSettings(wrap_mode=mode, retries=1, **POOL))
    experiment = Experiment(traj, stores_before_failing, (str(tmp_path / "marker"),))
    (outcome,) = engine.run(experiment, map(RunTask, [0]))
    assert (outcome.failure, outcome.attempts) == (None, 2)
    again = Trajectory(storage_service=service)
    again.f_load(name="T", load_data=2)
    assert again.f_get("results.run_00000000.z").z == "second try"


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "PIPE", "NONE"])
def test_a_storage_in_memory_needs_local(mode):
    from pypet_trajectory.storage.memory import InMemoryStorageService
    from pypet_trajectory.trajectory import Trajectory

    traj = Trajectory("T", storage_service=InMemoryStorageService())
    traj.f_store()
    engine = RunEngine(EngineSettings(wrap_mode=mode, **POOL))
    with pytest.raises(ValueError, match="LOCAL"):
        list(engine.run(Experiment(traj, nothing), map(RunTask, [0])))


def test_a_storage_in_memory_works_with_local():
    from pypet_trajectory.storage.memory import InMemoryStorageService
    from pypet_trajectory.trajectory import Trajectory

    traj = Trajectory("T", storage_service=InMemoryStorageService())
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()
    engine = RunEngine(EngineSettings(wrap_mode="LOCAL", **POOL))
    list(engine.run(Experiment(traj, double), map(RunTask, range(3))))
    traj.f_load(load_data=2)
    assert [traj.f_get(f"results.run_{idx:08d}.z").z for idx in range(3)] == [2, 4, 6]


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_is_open_is_closed_before_processes_start(make_traj, service, mode):
    traj = make_traj(3)
    service.store("OPEN_FILE", None, trajectory_name="T")
    engine = RunEngine(EngineSettings(wrap_mode=mode, **POOL))
    for outcome in engine.run(Experiment(traj, double), map(RunTask, range(3))):
        assert outcome.failure is None
        assert not service.is_open
    assert service.is_open
    service.store("CLOSE_FILE", None)


def full_copy(traj):
    return traj.v_full_copy, traj.f_get("x").f_has_range()


@pytest.mark.parametrize(
    ("start_method", "flag", "freeze_input"),
    [("fork", flag, freeze) for flag in (True, False) for freeze in (True, False)]
    + [("spawn", False, True)],
)
def test_full_copy_is_seen_as_it_was(make_traj, start_method, flag, freeze_input):
    traj = make_traj(2)
    traj.v_full_copy = flag
    engine = RunEngine(EngineSettings(wrap_mode="LOCAL", start_method=start_method,
                                      freeze_input=freeze_input, **POOL))  # fmt: skip
    outcomes = list(engine.run(Experiment(traj, full_copy), map(RunTask, range(2))))
    assert {outcome.result for outcome in outcomes} == {(flag, flag or freeze_input)}
    assert traj.v_full_copy is flag


@pytest.mark.parametrize("safe", [True, False])
def test_without_wrapping_the_main_process_stays_away_from_an_unsafe_service(
    make_traj, service, monkeypatch, safe
):
    monkeypatch.setattr(type(service), "multiproc_safe", safe)
    traj = make_traj(3)
    engine = RunEngine(EngineSettings(wrap_mode="NONE", multiproc=True, use_pool=True))
    rows_while_running = []
    for outcome in engine.run(Experiment(traj, double), map(RunTask, range(3))):
        outcome.row.pop("idx")
        traj.v_runs.table.set(outcome.idx, **outcome.row)
        engine.store_run_rows(traj.v_runs.rows(traj.v_name, [outcome.idx]))
        rows_while_running.append(len(service.rows()))
    assert rows_while_running == ([1, 2, 3] if safe else [0, 0, 0])
    assert sorted(service.rows()) == [0, 1, 2]
