"""Whichever process of an experiment is killed, the others go on, or one error says why not.

The file stays good, and what is missing is done by calling ``run`` again.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from pypet import Trajectory, load_trajectory
from pypet_multiproc.testing import combinations, die_at, die_on_the_way, double
from pypet_trajectory.exceptions import PypetError
from tests.integration.experiments import explored
from tests.integration.matrix import DEFAULT, OTHERS, WAYS, WRAP_MODES, settings_of

#: What bounds each of these: most of it is for machines under load.
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL"),
]

VICTIMS = ["computing", "storing"]
#: Wrap modes with a process that all runs depend on.
SERVED = ["QUEUE", "PIPE", "NETLOCK", "NETQUEUE"]


def killed(traj: Trajectory, victim: str) -> int:
    """Run 2 is killed, when it computes or in the middle of storing."""
    if victim == "computing":
        return die_at(traj, 2, "kill")
    return die_on_the_way(traj, 2)


def kills_its_server(traj: Trajectory, main: int) -> int:
    """Run 2 kills what is neither the main process nor a worker."""
    if traj.v_idx == 2:
        for child in psutil.Process(main).children():
            if child.pid != os.getpid() and _is_ours(child):
                os.kill(child.pid, signal.SIGKILL)
    return double(traj)


def _is_ours(process: psutil.Process) -> bool:
    """Whether it lives and is not a server of `multiprocessing`."""
    try:
        return "resource_tracker" not in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def check_file(file: Path, completed: set[int]) -> None:
    """The file says which runs have completed, and has their results."""
    traj = load_trajectory(name="killed", filename=str(file), load_data=2)
    assert {idx for idx in range(len(traj)) if traj.f_is_completed(idx)} == completed
    for idx in completed:
        assert traj.f_get(f"results.run_{idx:08d}.z").z == 2 * (idx + 1)


@pytest.mark.parametrize(
    ("victim", "start_method", "way", "wrap_mode"),
    [
        *combinations(VICTIMS, [DEFAULT], list(WAYS), WRAP_MODES, every=6),
        *combinations(VICTIMS, OTHERS, list(WAYS), WRAP_MODES, every=10),
    ],
)
def test_a_killed_run_costs_no_other_run(
    victim: str, start_method: str, way: str, wrap_mode: str, tmp_path: Path
) -> None:
    file = tmp_path / "killed.hdf5"
    env = explored("killed", file, 4, **settings_of(start_method, way, wrap_mode))
    assert env.run(killed, victim) == [(0, 2), (1, 4), (3, 8)]
    assert {run: failure.status for run, failure in env.failed_runs.items()} == {
        "run_00000002": "lost"
    }
    check_file(file, {0, 1, 3})
    assert env.run(double) == [(2, 6)]
    check_file(file, {0, 1, 2, 3})


@pytest.mark.parametrize(
    ("start_method", "way", "wrap_mode"),
    [
        *combinations([DEFAULT], list(WAYS), SERVED, every=3),
        *combinations(["spawn"], list(WAYS), SERVED, every=6),
    ],
)
def test_without_its_server_an_experiment_ends_with_an_error_and_can_go_on(
    start_method: str, way: str, wrap_mode: str, tmp_path: Path
) -> None:
    file = tmp_path / "killed.hdf5"
    settings = settings_of(start_method, way, wrap_mode) | {"ncores": 1}
    env = explored("killed", file, 8, **settings)
    with pytest.raises(PypetError, match=r"SIGKILL|exit code -9|has ended"):
        env.run(kills_its_server, os.getpid())
    done = {idx for idx in range(8) if env.trajectory.f_is_completed(idx)}
    check_file(file, done)
    env.run(double)
    check_file(file, set(range(8)))
