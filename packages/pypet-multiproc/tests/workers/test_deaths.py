"""Whatever kills a run, a worker or the writer: noticed in time, recorded, the rest completes."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.engine.engine import WRAP_MODES
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.failures import RunLostError, WriterDiedError
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import (
    MODES,
    WAYS,
    JournalStorageService,
    combinations,
    die_at,
    die_on_the_way,
    double,
    raise_at,
    twelve_with_trouble,
)
from pypet_trajectory.trajectory import Trajectory

#: Upper bound for runs of which some die. They take a second or two, but where several times as
#: many processes start as there are cores, twelve interpreters one after another take longer.
soon = pytest.mark.timeout(60)

OTHERS = {0: 0, 1: 2, 3: 6, 4: 8, 5: 10}


#: So large that of the combinations that do not fork only the first is in the short suite.
FEW = 10


def every_combination(*fates, every=1):
    """Parameters `start_method`, `way`, `mode`, and `how` if there are fates to choose from.

    Combinations that fork are cheap, so `every` is for these.
    """
    names = ("start_method", "way", "mode", "how")[: 3 + len(fates)]
    choices = (list(WAYS), MODES, *fates)
    return pytest.mark.parametrize(
        names,
        [
            *combinations(["fork"], *choices, every=every),
            *combinations(["forkserver", "spawn"], *choices, every=FEW),
        ],
    )


@soon
@every_combination(["kill", "exit", "pickle"], every=3)
def test_a_run_whose_process_dies_is_lost_and_the_others_complete(
    experiment, start_method, way, mode, how
):
    experiment(die_at, 2, how, wrap_mode=mode, start_method=start_method, **WAYS[way])
    assert experiment.statuses == {2: "lost"}
    assert experiment.results == OTHERS
    assert experiment.stored == OTHERS
    assert ("exit code 3" if how == "exit" else "exit code -9") == experiment.failures[2].exception


@soon
@every_combination()
def test_a_process_killed_while_it_stores_does_not_block_the_others(
    experiment, start_method, way, mode
):
    experiment(die_on_the_way, 2, wrap_mode=mode, start_method=start_method, **WAYS[way])
    assert experiment.statuses == {2: "lost"}
    assert experiment.results == OTHERS
    assert experiment.stored == OTHERS


@soon
@every_combination(["raise", "sys.exit", "return"], every=3)
def test_a_run_that_fails_is_recorded_and_the_others_complete(
    experiment, start_method, way, mode, how
):
    experiment(die_at, 2, how, wrap_mode=mode, start_method=start_method, on_run_error="continue",
               **WAYS[way])  # fmt: skip
    assert experiment.statuses == {2: "failed"}
    assert experiment.results == OTHERS
    assert "run 2" in experiment.failures[2].message.lower() or how == "sys.exit"


@soon
@every_combination(every=3)
def test_a_run_that_died_is_tried_again(experiment, start_method, way, mode, tmp_path):
    marker = str(tmp_path / "tried")
    experiment(die_at, 2, "kill", marker, wrap_mode=mode, start_method=start_method, retries=1,
               **WAYS[way])  # fmt: skip
    assert experiment.failures == {}
    assert experiment.results == {**OTHERS, 2: 4}
    assert {outcome.idx: outcome.attempts for outcome in experiment.outcomes}[2] == 2


@soon
@every_combination(every=3)
def test_of_twelve_runs_three_fail_each_in_its_way(experiment, start_method, way, mode):
    experiment(
        twelve_with_trouble, runs=12, wrap_mode=mode, start_method=start_method, run_timeout=0.5,
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
@pytest.mark.parametrize(
    ("start_method", "way", "mode"),
    [
        *combinations(["fork"], list(WAYS), ["QUEUE", "PIPE"], every=1),
        *combinations(["forkserver", "spawn"], list(WAYS), ["QUEUE", "PIPE"], every=4),
    ],
)
def test_a_dead_writer_stops_the_experiment_with_an_error(
    experiment, start_method, way, mode, tmp_path
):
    pid_file = tmp_path / "writer"

    class Noting(WRAP_MODES[mode]):
        def start(self, service, trajectory_name):
            super().start(service, trajectory_name)
            pid_file.write_text(str(self.writer_pid))

    with pytest.raises(WriterDiedError, match="SIGKILL"):
        experiment(
            _kill_writer, str(pid_file), runs=40, wrap_mode=mode,
            start_method=start_method, engine={"wrap_modes": {mode: Noting}}, **WAYS[way],
        )  # fmt: skip
    assert experiment.stored.items() >= experiment.results.items()


def _hang(traj, fifo):
    double(traj)
    traj.f_store()
    with open(fifo, "w", encoding="utf-8") as file:
        file.write("!")
    threading.Event().wait()


def _orphan(settings, folder, fifo):
    """Runs in a process of its own, which is killed."""
    traj = Trajectory("T", storage_service=JournalStorageService(folder))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, 1, 2]})
    engine = RunEngine(EngineSettings(**settings))
    list(engine.run(Experiment(traj, _hang, (fifo,)), map(RunTask, range(3))))


@soon
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs process descriptors")
@every_combination()
def test_no_process_outlives_the_main_process(start_method, way, mode, tmp_path):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    listening = os.open(fifo, os.O_RDWR)
    settings = {"wrap_mode": mode, "start_method": start_method, **WAYS[way]}
    # A forked process would take the fork server of this one for its own.
    context = multiprocessing.get_context("fork" if start_method == "fork" else "spawn")
    main = context.Process(target=_orphan, args=(settings, str(tmp_path), fifo))
    main.start()
    for _ in range(2):
        assert os.read(listening, 1) == b"!"
    os.close(listening)
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
    main.close()


SCRIPT = """
import sys, threading
from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
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
@pytest.mark.parametrize(("mode", "way"), combinations(MODES, ["pool", "process"], every=2))
def test_a_script_that_fails_while_runs_go_on_ends(mode, way, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "script.py", mode, way], capture_output=True, text=True, timeout=15,
        cwd=tmp_path,
    )  # fmt: skip
    assert "the user's own mistake" in ended.stderr
    assert ended.returncode == 1
