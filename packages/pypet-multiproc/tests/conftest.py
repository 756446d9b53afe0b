"""Fixtures: a trajectory with a storage in files, and something that runs it."""

import logging
import os
from pathlib import Path

import psutil
import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.testing import JournalStorageService
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.trajectory.lifecycle import set_environment


@pytest.fixture
def service(tmp_path: Path) -> JournalStorageService:
    """A storage in files."""
    return JournalStorageService(str(tmp_path))


@pytest.fixture
def make_traj(service):
    """Make a trajectory with that storage, explored with ``x = 0, 1, ...``."""

    def make(runs: int = 6) -> Trajectory:
        traj = Trajectory("T", storage_service=service)
        set_environment(traj, "E", "e" * 40)
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": list(range(runs))})
        traj.f_store(only_init=True)
        return traj

    return make


class Experimenter:
    """Runs a function at each point of a fresh trajectory and keeps what came back."""

    def __init__(self, make_traj, service) -> None:
        self._make_traj, self.service = make_traj, service
        self.outcomes = []
        self.engine = None
        self.traj = None

    def __call__(self, func, *args, runs=6, tasks=None, engine=None, on_exhausted=None, **settings):
        self.traj = self._make_traj(runs)
        self.outcomes = []
        self.engine = RunEngine(EngineSettings(**settings), **(engine or {}))
        tasks = map(RunTask, range(runs)) if tasks is None else tasks
        experiment = Experiment(self.traj, func, args)
        for outcome in self.engine.run(experiment, tasks, on_exhausted):
            self.outcomes.append(outcome)
        return self

    @property
    def results(self):
        """What runs returned, by index; only those that completed."""
        return {outcome.idx: outcome.result for outcome in self.outcomes if not outcome.failure}

    @property
    def failures(self):
        """Why runs did not complete, by index."""
        return {outcome.idx: outcome.failure for outcome in self.outcomes if outcome.failure}

    @property
    def statuses(self):
        """Statuses of runs that did not complete, by index."""
        return {idx: failure.status for idx, failure in self.failures.items()}

    @property
    def stored(self):
        """Values of ``z`` in the storage by index of the run."""
        return {
            int(name.split("run_")[1].split(".")[0]): items["z"]
            for name, items in self.service.leaves().items()
        }


@pytest.fixture
def experiment(make_traj, service):
    """Runs functions; see :class:`Experimenter`."""
    return Experimenter(make_traj, service)


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path):
    """No test leaves processes, handlers, signal handlers or a changed working folder."""
    folder = os.getcwd()
    os.chdir(tmp_path)
    handlers, level = _handlers(), logging.root.level
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    descriptors = psutil.Process().num_fds()
    yield
    os.chdir(folder)
    sigint_handling.finalize()
    left = [
        child
        for child in psutil.Process().children(recursive=True)
        if child.pid not in before and not _is_server(child)
    ]
    # Those of an executor that broke are ended by a thread of the executor, a moment later.
    _, left = psutil.wait_procs(left, timeout=5)
    assert not left, f"left behind: {[child.cmdline() for child in left]}"
    assert _handlers() == handlers
    assert logging.root.level == level
    assert psutil.Process().num_fds() <= descriptors + 8


def _handlers() -> list[logging.Handler]:
    """Handlers of the root logger, but for those of pytest, which come and go."""
    return [
        handler for handler in logging.root.handlers if "_pytest" not in type(handler).__module__
    ]


def _is_server(process: psutil.Process) -> bool:
    """Whether this is one of the servers that `multiprocessing` keeps running by design."""
    try:
        line = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return True
    return "forkserver" in line or "resource_tracker" in line or process.pid == os.getpid()
