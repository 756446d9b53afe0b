"""A first request to stop lets runs end; a second one stops at once."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import psutil
import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.processes.children import start_quietly
from pypet_multiproc.processes.interrupt import SIGNALS, InterruptHandler, sigint_handling
from pypet_multiproc.testing import WAYS as WAYS_OF_PROCESSES
from pypet_multiproc.testing import JournalStorageService, double
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.timeout(60)

WAYS = {"serial": {}, **WAYS_OF_PROCESSES}


def _signals():
    """What handles signals at the moment."""
    return {number: signal.getsignal(number) for number in SIGNALS}


def test_the_handler_notes_the_first_signal_and_raises_at_the_second():
    before = _signals()
    handler = InterruptHandler()
    handler.start()
    os.kill(os.getpid(), signal.SIGINT)
    assert handler.hit
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    handler.finalize()
    assert not handler.hit
    assert _signals() == before


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_that_schedulers_send_is_a_request_to_stop(number):
    handler = InterruptHandler()
    handler.start()
    try:
        os.kill(os.getpid(), number)
        assert handler.hit
    finally:
        handler.finalize()


def test_only_the_main_thread_can_install_the_handler():
    raised = []

    def start():
        try:
            InterruptHandler().start()
        except ValueError as exc:
            raised.append(str(exc))

    thread = threading.Thread(target=start, name="worker-7")
    thread.start()
    thread.join()
    assert "worker-7" in raised[0]


def _job(traj, started, go_on):
    """Tell that the run has started, and go on when there is a byte for it."""
    with open(started, "w", encoding="utf-8") as file:
        file.write("!")
    with open(go_on, "rb", buffering=0) as file:
        file.read(1)
    return double(traj)


def _main(way, mode, folder, fifos, results, settings):
    """Runs in a session of its own, so that a signal can reach its whole process group."""
    os.setsid()
    traj = Trajectory("T", storage_service=JournalStorageService(folder))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(8))})
    traj.f_store(only_init=True)
    engine = RunEngine(EngineSettings(wrap_mode=mode, **settings, **WAYS[way]))
    outcomes = {}
    try:
        for outcome in engine.run(Experiment(traj, _job, fifos), map(RunTask, range(8))):
            outcomes[outcome.idx] = outcome.result
        results.send((outcomes, engine.interrupted, _children()))
    except KeyboardInterrupt:
        results.send((outcomes, "KeyboardInterrupt", _children()))


def _children():
    """Number of children, but for servers that `multiprocessing` keeps until the end."""
    count = 0
    for child in psutil.Process().children():
        try:
            line = " ".join(child.cmdline())
        except psutil.ZombieProcess:
            # A fork server that was ended by the signal.
            continue
        count += "forkserver" not in line and "resource_tracker" not in line
    return count


class Group:
    """An experiment in a process group of its own."""

    def __init__(self, way, mode, folder, **settings):
        fifos = tuple(os.path.join(folder, name) for name in ("started", "go_on"))
        for fifo in fifos:
            os.mkfifo(fifo)
        self.started, self.go_on = (os.open(fifo, os.O_RDWR) for fifo in fifos)
        # A forked process would take the fork server of this one for its own.
        forks = settings.get("start_method", "fork") == "fork"
        context = multiprocessing.get_context("fork" if forks else "spawn")
        self.results, results = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_main, args=(way, mode, folder, fifos, results, settings)
        )
        self.process.start()
        results.close()

    def wait_for_runs(self, count):
        for _ in range(count):
            assert os.read(self.started, 1) == b"!"

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def let_runs_end(self):
        os.write(self.go_on, bytes(8))

    def result(self):
        assert self.results.poll(15)
        result = self.results.recv()
        self.process.join(10)
        assert self.process.exitcode == 0
        self.process.close()
        self.results.close()
        os.close(self.started)
        os.close(self.go_on)
        return result


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "PIPE", "LOCAL"])
@pytest.mark.parametrize("way", WAYS)
def test_after_ctrl_c_active_runs_end_and_are_stored(way, mode, tmp_path):
    group = Group(way, mode, str(tmp_path), graceful_exit=True)
    active = 1 if way == "serial" else 2
    group.wait_for_runs(active)
    group.signal(signal.SIGINT)
    group.let_runs_end()
    outcomes, interrupted, children = group.result()
    assert interrupted is True
    assert children == 0
    assert outcomes == {idx: 2 * idx for idx in range(active)}
    stored = JournalStorageService(str(tmp_path)).leaves()
    assert sorted(items["z"] for items in stored.values()) == sorted(outcomes.values())


@pytest.mark.parametrize(
    ("number", "start_method"),
    [(signal.SIGTERM, "fork"), (signal.SIGTERM, "forkserver"), (signal.SIGUSR1, "spawn")],
)
def test_signals_of_schedulers_act_like_ctrl_c(number, start_method, tmp_path):
    group = Group("pool", "QUEUE", str(tmp_path), graceful_exit=True, start_method=start_method)
    group.wait_for_runs(2)
    group.signal(number)
    group.let_runs_end()
    outcomes, interrupted, children = group.result()
    assert (sorted(outcomes), interrupted, children) == ([0, 1], True, 0)


def _ignoring(answers):
    sigint_handling.ignore()
    answers.send("alive")


def test_a_request_ends_no_process_that_is_being_spawned():
    answers, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_ignoring, args=(sender,))
    sigint_handling.start()
    try:
        start_quietly(process)
        os.kill(process.pid, signal.SIGUSR1)
    finally:
        sigint_handling.finalize()
    sender.close()
    assert answers.poll(30)
    assert answers.recv() == "alive"
    process.join(10)
    assert process.exitcode == 0
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & {signal.SIGUSR1, signal.SIGINT}


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "LOCAL"])
@pytest.mark.parametrize("way", WAYS)
def test_without_graceful_exit_ctrl_c_stops_at_once_and_leaves_nothing(way, mode, tmp_path):
    group = Group(way, mode, str(tmp_path))
    group.wait_for_runs(1 if way == "serial" else 2)
    group.signal(signal.SIGINT)
    outcomes, interrupted, children = group.result()
    assert (outcomes, interrupted, children) == ({}, "KeyboardInterrupt", 0)


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    group = Group("pool", "QUEUE", str(tmp_path), graceful_exit=True)
    group.wait_for_runs(2)
    os.kill(group.process.pid, signal.SIGINT)
    os.kill(group.process.pid, signal.SIGTERM)
    _, interrupted, children = group.result()
    assert (interrupted, children) == ("KeyboardInterrupt", 0)


def ask_to_stop(traj):
    if traj.v_idx == 1:
        sigint_handling._handle_sigint(None, None)
    elif traj.v_idx > 1:
        time.sleep(0.01)
    return double(traj)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_can_ask_to_stop(experiment, way):
    experiment(ask_to_stop, runs=200, graceful_exit=True, wrap_mode="LOCAL", **WAYS[way])
    assert experiment.engine.interrupted
    assert 1 in experiment.results
    assert len(experiment.results) < 200
    assert experiment.stored == experiment.results


def end_own_processes(traj):
    process = multiprocessing.get_context("fork").Process(target=signal.pause)
    process.start()
    process.terminate()
    process.join()
    program = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    program.terminate()
    return process.exitcode, program.wait()


@pytest.mark.parametrize("way", WAYS)
def test_a_run_can_end_the_processes_that_it_starts(experiment, way):
    experiment(end_own_processes, runs=2, graceful_exit=True, wrap_mode="LOCAL", **WAYS[way])
    ended = (-signal.SIGTERM, -signal.SIGTERM)
    assert experiment.results == {0: ended, 1: ended}


def terminate_oneself(traj):
    os.kill(os.getpid(), signal.SIGTERM)
    return bytes(10_000_000)  # would wait for ever in the pipe of a broken executor


def test_processes_of_a_forking_executor_end_when_it_breaks(experiment):
    executor = partial(ProcessPoolExecutor, 1, mp_context=multiprocessing.get_context("fork"))
    experiment(
        terminate_oneself, runs=1, graceful_exit=True, wrap_mode="LOCAL", executor=executor,
        on_run_error="continue",
    )  # fmt: skip
    assert not experiment.results  # and no process is left behind, as after any test


def test_after_an_interrupt_the_engine_can_run_what_is_left(experiment):
    experiment(ask_to_stop, runs=6, graceful_exit=True)
    assert sorted(experiment.results) == [0, 1]
    left = map(RunTask, range(2, 6))
    outcomes = experiment.engine.run(Experiment(experiment.traj, double), left)
    assert [outcome.idx for outcome in outcomes] == [2, 3, 4, 5]
    assert not experiment.engine.interrupted
