"""Whatever kills a run, a worker or the writer: noticed in time, recorded, the rest completes."""

import os
import select
import signal
import time

import psutil
import pytest

from pypet_multiproc.failures import RunLostError, WriterDiedError
from pypet_multiproc.testing import (
    die_at,
    die_on_the_way,
    double,
    raise_at,
    twelve_with_trouble,
)

WAYS = {
    "pool": {"multiproc": True, "ncores": 2, "use_pool": True},
    "frozen pool": {"multiproc": True, "ncores": 2, "use_pool": True, "freeze_input": True},
    "process per run": {"multiproc": True, "ncores": 2},
}
MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL")

every_combination = pytest.mark.parametrize(
    ("way", "mode"), [(way, mode) for way in WAYS for mode in MODES]
)
#: Upper bound for six runs of which one dies; on a loaded machine most of it is waiting.
soon = pytest.mark.timeout(20)

OTHERS = {0: 0, 1: 2, 3: 6, 4: 8, 5: 10}


@soon
@every_combination
@pytest.mark.parametrize("how", ["kill", "exit", "pickle"])
def test_a_run_whose_process_dies_is_lost_and_the_others_complete(experiment, way, mode, how):
    experiment(die_at, 2, how, wrap_mode=mode, **WAYS[way])
    assert experiment.statuses == {2: "lost"}
    assert experiment.results == OTHERS
    assert experiment.stored == OTHERS
    assert ("exit code 3" if how == "exit" else "exit code -9") == experiment.failures[2].exception


@soon
@every_combination
def test_a_process_killed_while_it_stores_does_not_block_the_others(experiment, way, mode):
    experiment(die_on_the_way, 2, wrap_mode=mode, **WAYS[way])
    assert experiment.statuses == {2: "lost"}
    assert experiment.results == OTHERS
    assert experiment.stored == OTHERS


@soon
@every_combination
@pytest.mark.parametrize("how", ["raise", "sys.exit", "return"])
def test_a_run_that_fails_is_recorded_and_the_others_complete(experiment, way, mode, how):
    experiment(die_at, 2, how, wrap_mode=mode, on_run_error="continue", **WAYS[way])
    assert experiment.statuses == {2: "failed"}
    assert experiment.results == OTHERS
    assert "run 2" in experiment.failures[2].message.lower() or how == "sys.exit"


@soon
@every_combination
def test_a_run_that_never_ends_is_timed_out(experiment, way, mode):
    experiment(die_at, 2, "hang", wrap_mode=mode, run_timeout=0.5, **WAYS[way])
    assert experiment.statuses == {2: "timed_out"}
    assert experiment.results == OTHERS
    assert experiment.stored == OTHERS


@soon
@every_combination
def test_a_run_that_died_is_tried_again(experiment, way, mode, tmp_path):
    marker = str(tmp_path / "tried")
    experiment(die_at, 2, "kill", marker, wrap_mode=mode, retries=1, **WAYS[way])
    assert experiment.failures == {}
    assert experiment.results == {**OTHERS, 2: 4}
    assert {outcome.idx: outcome.attempts for outcome in experiment.outcomes}[2] == 2


@soon
@every_combination
def test_of_twelve_runs_three_fail_each_in_its_way(experiment, way, mode):
    experiment(
        twelve_with_trouble, runs=12, wrap_mode=mode, run_timeout=0.5,
        on_run_error="continue", **WAYS[way],
    )  # fmt: skip
    assert experiment.statuses == {3: "failed", 6: "lost", 9: "timed_out"}
    assert experiment.results == {idx: 2 * idx for idx in range(12) if idx not in (3, 6, 9)}
    assert experiment.stored == experiment.results
    failure = experiment.failures[3]
    assert failure.exception == "ZeroDivisionError"
    assert "run 3 divides by zero" in failure.traceback


@soon
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["pool", "frozen pool"])
def test_in_a_pool_an_exception_reaches_the_caller_after_its_outcome(experiment, way, mode):
    with pytest.raises(ZeroDivisionError, match="run 2 divides"):
        experiment(raise_at, 2, wrap_mode=mode, **WAYS[way])
    assert experiment.statuses == {2: "failed"}
    assert experiment.stored.items() >= experiment.results.items()


@soon
@pytest.mark.parametrize("mode", MODES)
def test_with_a_process_per_run_an_exception_is_recorded_only(experiment, mode):
    experiment(raise_at, 2, wrap_mode=mode, **WAYS["process per run"])
    assert experiment.statuses == {2: "failed"}
    assert experiment.results == OTHERS


@soon
def test_a_lost_run_is_raised_if_asked_for(experiment):
    with pytest.raises(RunLostError, match="Run 2"):
        experiment(die_at, 2, "kill", on_run_error="raise", wrap_mode="LOCAL", **WAYS["pool"])


def _kill_writer(traj, pid_file):
    if traj.v_idx == 2:
        with open(pid_file, encoding="utf-8") as file:
            os.kill(int(file.read()), signal.SIGKILL)
    time.sleep(0.02)
    return double(traj)


@soon
@pytest.mark.claim(166)
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
@pytest.mark.parametrize("way", WAYS)
def test_a_dead_writer_stops_the_experiment_with_an_error(experiment, way, mode, tmp_path):
    from pypet_multiproc.wrapping.registry import WRAP_MODES

    pid_file = tmp_path / "writer"

    class Noting(WRAP_MODES[mode]):
        def start(self, service, trajectory_name):
            super().start(service, trajectory_name)
            pid_file.write_text(str(self.writer_pid))

    with pytest.raises(WriterDiedError, match="SIGKILL"):
        experiment(
            _kill_writer, str(pid_file), runs=40, wrap_mode=mode,
            engine={"wrap_modes": {mode: Noting}}, **WAYS[way],
        )  # fmt: skip
    assert experiment.stored.items() >= experiment.results.items()


def _orphan(way, mode, folder, ready):
    """Runs in a process of its own, which is killed."""
    from pypet_multiproc.engine import RunEngine
    from pypet_multiproc.experiment import Experiment, RunTask
    from pypet_multiproc.settings import EngineSettings
    from pypet_multiproc.testing import JournalStorageService
    from pypet_trajectory.trajectory import Trajectory

    def hang(traj):
        double(traj)
        traj.f_store()
        ready.send(os.getpid())
        while True:
            time.sleep(60)

    traj = Trajectory("T", storage_service=JournalStorageService(folder))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, 1, 2]})
    engine = RunEngine(EngineSettings(wrap_mode=mode, **WAYS[way]))
    list(engine.run(Experiment(traj, hang), map(RunTask, range(3))))


@soon
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs process descriptors")
@every_combination
def test_no_process_outlives_the_main_process(way, mode, tmp_path):
    import multiprocessing

    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    main = context.Process(target=_orphan, args=(way, mode, str(tmp_path), sending))
    main.start()
    for _ in range(2):
        assert receiving.poll(10)
        receiving.recv()
    children = [child.pid for child in psutil.Process(main.pid).children(recursive=True)]
    assert len(children) >= 2
    ends = {os.pidfd_open(pid): pid for pid in children}
    main.kill()
    main.join()
    left = dict(ends)
    deadline = time.monotonic() + 5
    while left and time.monotonic() < deadline:
        for end in select.select(left, [], [], 5)[0]:
            del left[end]
    for end in ends:
        os.close(end)
    for pid in left.values():
        os.kill(pid, signal.SIGKILL)
    assert not left
    receiving.close()
    sending.close()
    main.close()


SCRIPT = """
import sys, threading
from pypet_multiproc.engine import RunEngine
from pypet_multiproc.experiment import Experiment, RunTask
from pypet_multiproc.settings import EngineSettings
from pypet_multiproc.testing import JournalStorageService
from pypet_trajectory.trajectory import Trajectory

def job(traj):
    traj.f_add_result("$.z", traj.x)
    if traj.x:
        threading.Event().wait()

if __name__ == "__main__":
    traj = Trajectory("T", storage_service=JournalStorageService("."))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, 1, 2]})
    traj.f_store(only_init=True)
    settings = EngineSettings(multiproc=True, ncores=2, wrap_mode=sys.argv[1],
                              use_pool=sys.argv[2] == "pool")
    outcomes = RunEngine(settings).run(Experiment(traj, job), map(RunTask, range(3)))
    next(outcomes)
    raise LookupError("the user's own mistake")
"""


@soon
@pytest.mark.parametrize("way", ["pool", "process"])
@pytest.mark.parametrize("mode", MODES)
def test_a_script_that_fails_while_runs_go_on_ends(mode, way, tmp_path):
    import subprocess
    import sys

    (tmp_path / "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "script.py", mode, way], capture_output=True, text=True, timeout=15,
        cwd=tmp_path,
    )  # fmt: skip
    assert "the user's own mistake" in ended.stderr
    assert ended.returncode == 1
