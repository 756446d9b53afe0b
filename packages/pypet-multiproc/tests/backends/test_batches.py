"""Short runs travel and are stored together; a death or a long run costs the others nothing."""

import os
import signal
import time

import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.model.tasks import Attempt
from pypet_multiproc.testing import Fatal, double, where
from pypet_multiproc.workers.process import LONG
from pypet_multiproc.workers.single_run import ReusingRunner, RunPolicy
from pypet_multiproc.wrapping.base import WrapSettings
from pypet_multiproc.wrapping.local import LocalWrap
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.timeout(60)

POOL = {"multiproc": True, "ncores": 2, "use_pool": True}
MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL")


def die_in(traj, victims):
    if traj.v_idx in victims:
        os.kill(os.getpid(), signal.SIGKILL)
    return double(traj)


@pytest.mark.parametrize("mode", MODES)
def test_a_death_among_many_short_runs_costs_one_run(experiment, mode):
    victims = (60, 61, 150)
    experiment(die_in, victims, runs=300, wrap_mode=mode, **POOL)
    assert experiment.statuses == dict.fromkeys(victims, "lost")
    assert experiment.results == {idx: 2 * idx for idx in range(300) if idx not in victims}
    assert experiment.stored == experiment.results


def return_fatal(traj):
    double(traj)
    return Fatal() if traj.v_idx == 60 else traj.x * 2


@pytest.mark.parametrize("mode", MODES)
def test_a_death_while_outcomes_are_sent_costs_one_run(experiment, mode):
    experiment(return_fatal, runs=200, wrap_mode=mode, **POOL)
    assert experiment.statuses == {60: "lost"}
    assert experiment.results == {idx: 2 * idx for idx in range(200) if idx != 60}


def wait_at_50(traj):
    if traj.v_idx == 50:
        time.sleep(4 * LONG)
    return time.monotonic()


def test_short_runs_do_not_wait_behind_a_long_one(experiment):
    experiment(wait_at_50, runs=400, wrap_mode="LOCAL", **POOL)
    ends = experiment.results
    assert len(ends) == 400
    late = [idx for idx, end in ends.items() if end > ends[50]]
    assert late == []


def slow_now_and_then(traj):
    if traj.v_idx % 50 == 20:
        time.sleep(1.2 * LONG)
    return double(traj)


@pytest.mark.parametrize("mode", MODES)
def test_each_run_is_done_once_whoever_gets_it_in_the_end(experiment, mode):
    experiment(slow_now_and_then, runs=200, wrap_mode=mode, **POOL)
    assert len(experiment.outcomes) == 200
    assert experiment.results == {idx: 2 * idx for idx in range(200)}
    assert experiment.stored == experiment.results
    assert len(experiment.service.leaves()) == 200


# ------------------------------------------------------------------ stored together


def test_with_a_lock_short_runs_share_opening_the_file(experiment):
    experiment(double, runs=300, wrap_mode="LOCK", **POOL)
    assert len(experiment.service._noted("opened")) < 150
    assert experiment.service.overlaps() == []


def store_then_look(traj):
    double(traj)
    traj.f_store()
    return traj.v_storage_service.leaves()[f"results.run_{traj.v_idx:08d}.z"]["z"]


def test_what_a_run_stores_itself_is_stored_at_once(experiment):
    experiment(store_then_look, runs=40, wrap_mode="LOCK", **POOL)
    assert experiment.results == {idx: 2 * idx for idx in range(40)}


def load_the_one_before(traj):
    double(traj)
    if traj.v_idx == 0:
        return 0
    other = Trajectory("T").f_add_result(f"run_{traj.v_idx - 1:08d}.z")
    traj.v_storage_service.load("LEAF", other, trajectory_name="T")
    return other.z


def test_loading_sees_what_earlier_runs_of_the_worker_stored(experiment):
    experiment(load_the_one_before, runs=40, wrap_mode="LOCK", multiproc=True, ncores=1,
               use_pool=True)  # fmt: skip
    assert experiment.results == {idx: max(0, 2 * idx - 2) for idx in range(40)}


def _fail_at_40(full_name):
    if "run_00000040" in full_name:
        raise OSError("disk full")


def test_an_error_of_storing_together_is_that_of_one_run(experiment):
    experiment.service.before_leaf = _fail_at_40
    experiment(double, runs=100, wrap_mode="LOCK", on_run_error="continue", **POOL)
    assert experiment.statuses == {40: "failed"}
    assert experiment.failures[40].message == "disk full"
    assert experiment.stored == {idx: 2 * idx for idx in range(100) if idx != 40}


def _die_at_40(full_name):
    if "run_00000040" in full_name:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_death_while_storing_together_costs_the_run_that_caused_it(experiment):
    experiment.service.before_leaf = _die_at_40
    experiment(double, runs=100, wrap_mode="LOCK", **POOL)
    assert experiment.statuses == {40: "lost"}
    assert experiment.results == {idx: 2 * idx for idx in range(100) if idx != 40}


# -------------------------------------------------------------------- in one process


def test_a_single_process_stores_short_runs_together(experiment):
    experiment(double, runs=200)
    assert len(experiment.service._noted("opened")) < 100
    assert experiment.stored == {idx: 2 * idx for idx in range(200)}


def is_open(traj):
    double(traj)
    return traj.v_storage_service.is_open


def test_in_a_single_process_the_file_is_closed_while_a_run_function_is_called(experiment):
    experiment(is_open, runs=50)
    assert set(experiment.results.values()) == {False}


def look_at_earlier_runs(traj):
    time.sleep(0.01)
    double(traj)
    return len(traj.v_storage_service.leaves())


def test_runs_that_take_a_moment_are_stored_when_they_end(experiment):
    experiment(look_at_earlier_runs, runs=5)
    assert experiment.results == {idx: idx for idx in range(5)}


def test_in_a_single_process_an_error_of_storing_is_that_of_its_run(experiment):
    experiment.service.before_leaf = _fail_at_40
    experiment(double, runs=60, on_run_error="continue")
    assert experiment.statuses == {40: "failed"}
    assert experiment.stored == {idx: 2 * idx for idx in range(60) if idx != 40}


def take_a_moment_at_41(traj):
    if traj.v_idx == 41:
        time.sleep(0.02)
    return double(traj)


def test_an_error_of_storing_stays_that_of_its_run_when_a_longer_run_stores_first(experiment):
    experiment.service.before_leaf = _fail_at_40
    experiment(take_a_moment_at_41, runs=60, on_run_error="continue")
    assert experiment.statuses == {40: "failed"}


def test_in_a_single_process_loading_sees_what_earlier_runs_stored(experiment):
    experiment(load_the_one_before, runs=40)
    assert experiment.results == {idx: max(0, 2 * idx - 2) for idx in range(40)}


def test_a_file_that_was_open_before_stays_open(make_traj, service):
    traj = make_traj(3)
    service.store("OPEN_FILE", None, trajectory_name="T")
    list(RunEngine(EngineSettings()).run(Experiment(traj, double), map(RunTask, range(3))))
    assert service.is_open
    service.store("CLOSE_FILE", None)


@pytest.mark.parametrize("settings", [{}, {"multiproc": True, "ncores": 2}, POOL])
def test_a_trajectory_without_storage_can_be_run(make_traj, settings):
    traj = make_traj(3)
    traj.v_storage_service = None
    engine = RunEngine(EngineSettings(automatic_storing=False, **settings))
    outcomes = list(engine.run(Experiment(traj, where_x), map(RunTask, range(3))))
    assert sorted(outcome.result for outcome in outcomes) == [0, 1, 2]


def where_x(traj):
    return traj.x


def test_results_stay_in_memory_if_wanted(experiment):
    experiment(where, runs=3, clean_up_runs=False)
    assert experiment.traj.f_get("results.run_00000002.z").z == 4


@pytest.mark.parametrize("mode", ["LOCK", "LOCAL"])
def test_workers_can_be_waited_for_as_windows_does(experiment, mode, monkeypatch):
    from pypet_multiproc.backends import supervision
    from pypet_multiproc.backends.supervision import ConnectionWaiter

    monkeypatch.setattr(supervision, "make_waiter", ConnectionWaiter)
    experiment(die_in, (3,), runs=60, wrap_mode=mode, **POOL)
    assert experiment.statuses == {3: "lost"}
    assert experiment.results == {idx: 2 * idx for idx in range(60) if idx != 3}


# ------------------------------------------------------------- in the main process


def test_with_local_a_run_is_stored_at_once_unless_another_one_was_just_stored(make_traj, service):
    traj = make_traj(2)
    runner = ReusingRunner(traj, double, (), {}, RunPolicy())
    wrap = LocalWrap(WrapSettings())
    wrap.start(service, "T")
    runner.prepare(wrap.worker_service())
    first, second = (runner.run(Attempt(RunTask(idx), 1, idx)) for idx in range(2))
    wrap.after_outcome(first)
    assert wrap.settled() == [first]
    wrap.after_outcome(second)
    assert wrap.settled() == []
    assert len(service.leaves()) == 1
    assert wrap.drain() == [second]
    assert len(service.leaves()) == 2
    wrap.finalize()
