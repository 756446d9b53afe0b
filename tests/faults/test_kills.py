"""SIGKILL at any moment, of any process, in any way to store: the file is whole and true.

A sample here; the campaign of more than a thousand kills with ``-m soak``, or as many rounds as
``PYPET_TEST_KILLS`` says.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pypet import load_trajectory
from tests.faults import checking, scenarios
from tests.faults.checking import assert_whole, check_experiment, check_operation
from tests.faults.scenarios import EXPERIMENTS, NEW, OLD, OPERATIONS, Scenario

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL"),
]

Load = Callable[[Path], dict[str, int]]

ROUNDS = int(os.environ.get("PYPET_TEST_KILLS", "8"))
POOL = {"multiproc": True, "ncores": 2, "use_pool": True}
#: Ways to run, by name, and which processes there are to kill.
WAYS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "serial": ({}, ("main",)),
    "LOCK": (POOL | {"wrap_mode": "LOCK"}, ("main", "worker", "group")),
    "LOCAL": (POOL | {"wrap_mode": "LOCAL"}, ("main", "worker", "group")),
    "QUEUE": (POOL | {"wrap_mode": "QUEUE"}, ("main", "worker", "writer", "group")),
    "PIPE": (POOL | {"wrap_mode": "PIPE"}, ("main", "worker", "writer", "group")),
    "NETLOCK": (POOL | {"wrap_mode": "NETLOCK"}, ("main", "worker", "writer", "group")),
    "NETQUEUE": (POOL | {"wrap_mode": "NETQUEUE"}, ("main", "worker", "writer", "group")),
    "process per run, LOCK": (
        {"multiproc": True, "ncores": 2, "use_pool": False, "wrap_mode": "LOCK"},
        ("main", "worker", "group"),
    ),
}
#: How processes of ours that are no workers are called.
_SERVERS = ("Queue", "Pipe", "Server", "server", "Process-1")


@pytest.fixture
def file(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    copy = tmp_path / "exp.hdf5"
    shutil.copy2(template, copy)
    return copy


class Victim:
    """A process that performs a scenario and is killed."""

    def __init__(self, scenario: Scenario, file: Path, settings: dict[str, Any]) -> None:
        self.log = file.with_name(f"{file.name}.log")
        self.log.unlink(missing_ok=True)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            ["tests.faults.scenarios", "pypet_storage_hdf5", "pypet_net"]
        )
        self.process = context.Process(
            target=scenarios.perform, args=(scenario, file, settings, str(self.log))
        )
        self.process.start()

    def has_begun(self) -> bool:
        """Wait until the interesting part begins; false if the process ended before."""
        while not self.lines():
            self.process.join(0.005)
            if not self.process.is_alive():
                return bool(self.lines())
        return True

    def lines(self) -> list[str]:
        """What was told so far, in complete lines."""
        if not self.log.exists():
            return []
        return self.log.read_text("utf-8").split("\n")[:-1]

    def kill_after(self, seconds: float, whom: str) -> None:
        """Kill one process of the group, or all of them, unless all has ended before."""
        self.process.join(seconds)
        pid = self.process.pid
        assert pid is not None
        if not self.process.is_alive():
            return
        try:
            if whom == "main":
                os.kill(pid, signal.SIGKILL)
            elif whom == "group":
                os.killpg(pid, signal.SIGKILL)
            else:
                self._kill_child(psutil.Process(pid), whom)
        except (ProcessLookupError, psutil.NoSuchProcess):
            return

    def _kill_child(self, main: psutil.Process, whom: str) -> None:
        children = [child for child in main.children() if "resource_tracker" not in _command(child)]
        children.sort(key=lambda child: child.create_time())
        if children:
            # The writer, or the server, is started before the workers.
            (children[0] if whom == "writer" else children[-1]).kill()

    def end(self) -> None:
        """Wait for the end of every process of the group."""
        self.process.join(60)
        assert not self.process.is_alive(), "it hangs"
        pid = self.process.pid
        assert pid is not None
        members = [process for process in psutil.process_iter() if _group_of(process) == pid]
        _, alive = psutil.wait_procs(members, timeout=15)
        assert not alive, "processes were left behind"


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _group_of(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except (ProcessLookupError, PermissionError):
        return 0


def kill(scenario: Scenario, file: Path, way: str, whom: str, seconds: float) -> list[str]:
    """Let a scenario be killed some time after it began; what it told before."""
    victim = Victim(scenario, file, WAYS[way][0])
    if victim.has_begun():
        victim.kill_after(seconds, whom)
    victim.end()
    ended_well = victim.process.exitcode in (0, -signal.SIGKILL)
    assert ended_well or whom in ("writer", "worker"), "it ended with an error of its own"
    return victim.lines()


def redo(scenario: Scenario, file: Path) -> None:
    """What a user does after a crash: the same once more; everything is done then."""
    name = "new" if scenario is scenarios.first_session else "t"
    try:
        traj = load_trajectory(name, filename=str(file), load_data=2)
    except ValueError:  # it was not there yet
        scenario(file, {}, lambda what: None)
    else:
        env = scenarios.environment(traj, {})
        if scenario is not scenarios.first_session and len(traj) < OLD + NEW:
            traj.f_expand({"x": list(range(len(traj), OLD + NEW))})
        env.run(scenarios.job)
    values = list(range(NEW if name == "new" else OLD + NEW))
    traj = checking.assert_true(file, name, values, set(range(len(values))))
    assert len(traj) == len(values)


def trial_of_an_experiment(
    file: Path, scenario: Scenario, way: str, whom: str, seed: int, pypet07_loads: Load
) -> None:
    generator = random.Random(seed)
    lines = kill(scenario, file, way, whom, generator.uniform(0, 0.5))
    assert_whole(file)
    assert pypet07_loads(file)["t"] >= OLD
    if generator.random() < 0.3:  # the recovery is killed as well
        kill(scenarios.recover, file, "serial", "main", generator.uniform(0, 0.05))
        assert_whole(file)
    check_experiment(file, scenario.__name__, lines)
    redo(scenario, file)
    assert_whole(file)


def trial_of_an_operation(file: Path, scenario: Scenario, seed: int, pypet07_loads: Load) -> None:
    generator = random.Random(seed)
    if scenario is scenarios.merge_from_another_file:
        shutil.copy2(file, scenarios.second(file))
    lines = kill(scenario, file, "serial", "main", generator.uniform(0, 0.25))
    assert_whole(file)
    assert pypet07_loads(file)["t"] >= OLD
    if generator.random() < 0.3:
        kill(scenarios.recover, file, "serial", "main", generator.uniform(0, 0.05))
        assert_whole(file)
    check_operation(file, scenario.__name__, lines)


COMBINATIONS = [
    (scenario, way, whom)
    for scenario in EXPERIMENTS
    for way, (_, processes) in WAYS.items()
    for whom in processes
]
_IDS = [f"{scenario.__name__}-{way}-{whom}" for scenario, way, whom in COMBINATIONS]


def _fresh(template: Path, folder: Path, rounds: int) -> Iterator[Path]:
    for number in range(rounds):
        place = folder / str(number)
        place.mkdir()
        file = place / "exp.hdf5"
        shutil.copy2(template, file)
        yield file
        shutil.rmtree(place)


@pytest.mark.parametrize(("scenario", "way", "whom"), COMBINATIONS[::5], ids=_IDS[::5])
def test_a_killed_experiment_leaves_a_whole_and_true_file(
    scenario: Scenario, way: str, whom: str, file: Path, pypet07_loads: Load
) -> None:
    seed = random.randrange(1 << 30)
    trial_of_an_experiment(file, scenario, way, whom, seed, pypet07_loads)


@pytest.mark.parametrize("scenario", OPERATIONS, ids=lambda scenario: scenario.__name__)
def test_a_killed_operation_happened_or_did_not(
    scenario: Scenario, file: Path, pypet07_loads: Load
) -> None:
    trial_of_an_operation(file, scenario, random.randrange(1 << 30), pypet07_loads)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("scenario", "way", "whom"), COMBINATIONS, ids=_IDS)
def test_campaign_against_experiments(
    scenario: Scenario, way: str, whom: str, template: Path, tmp_path: Path, pypet07_loads: Load
) -> None:
    _campaign(
        template,
        tmp_path,
        ROUNDS,
        lambda *trial: trial_of_an_experiment(
            trial[0], scenario, way, whom, trial[1], pypet07_loads
        ),
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", OPERATIONS, ids=lambda scenario: scenario.__name__)
def test_campaign_against_operations(
    scenario: Scenario, template: Path, tmp_path: Path, pypet07_loads: Load
) -> None:
    _campaign(
        template,
        tmp_path,
        6 * ROUNDS,
        lambda file, seed: trial_of_an_operation(file, scenario, seed, pypet07_loads),
    )


def _campaign(
    template: Path, folder: Path, rounds: int, trial: Callable[[Path, int], None]
) -> None:
    for file in _fresh(template, folder, rounds):
        seed = random.randrange(1 << 30)
        try:
            trial(file, seed)
        except BaseException as error:
            error.add_note(f"with seed {seed}")
            raise
