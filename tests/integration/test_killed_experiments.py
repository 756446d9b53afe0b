"""An experiment killed at any moment leaves a file that loads and is true, and no process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from pypet import Trajectory, load_trajectory
from tests.integration.experiments import explored
from tests.integration.leftovers import still_there
from tests.integration.matrix import every_combination, settings_of

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL"),
]

VALUES = [1, 2, 3, 4, 5]


def tells_and_hangs(traj: Trajectory, fifo: str) -> None:
    """Runs 0 to 2 end; run 3 tells so and never ends."""
    if traj.v_idx == 3:
        with open(fifo, "w", encoding="utf-8") as file:
            file.write("three done")
        threading.Event().wait()
    traj.f_add_result("z", traj.x)


def main(settings: dict[str, object], file: Path, fifo: str) -> None:
    """What the process does that will be killed."""
    explored("killed", file, len(VALUES), **settings).run(tells_and_hangs, fifo)


def kill_in_run_three(settings: dict[str, object], folder: Path) -> Path:
    """Kill an experiment when three runs have ended; gives its file."""
    file, fifo = folder / "killed.hdf5", str(folder / "fifo")
    os.mkfifo(fifo)
    method = "fork" if settings.get("start_method", "fork") == "fork" else "spawn"
    process = multiprocessing.get_context(method).Process(target=main, args=(settings, file, fifo))
    process.start()
    with open(fifo, encoding="utf-8") as told:
        assert told.read() == "three done"
        assert process.pid is not None
        helpers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert process.exitcode == -signal.SIGKILL
    process.close()
    assert still_there(helpers) == []
    for name in os.listdir(tempfile.gettempdir()):
        if name.endswith(".lock"):
            # Only the process that made it may remove it, and that is dead.
            os.unlink(os.path.join(tempfile.gettempdir(), name))
    return file


def check(settings: dict[str, object], folder: Path) -> None:
    """Kill the experiment and read what it left."""
    file = kill_in_run_three(settings, folder)
    traj = load_trajectory(name="killed", filename=str(file), load_data=2)
    assert traj.f_get("x").f_get_range() == VALUES
    assert len(traj) == len(VALUES)
    stored = traj.f_get_from_runs("z", fast_access=True, use_indices=True)
    completed = [index for index in range(len(VALUES)) if traj.f_is_completed(index)]
    assert set(completed) <= set(stored) <= {0, 1, 2}
    assert all(stored[index] == VALUES[index] for index in stored)


def test_a_killed_process_leaves_its_parameters_and_finished_runs(tmp_path: Path) -> None:
    check({}, tmp_path)


@every_combination(default_every=3, others_every=9)
def test_a_killed_main_process_leaves_finished_runs_and_no_other_process(
    start_method: str, way: str, wrap_mode: str, tmp_path: Path
) -> None:
    check(settings_of(start_method, way, wrap_mode) | {"ncores": 1}, tmp_path)
