"""An experiment killed at any moment leaves a file that loads and tells the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pypet import load_trajectory
from tools.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")

#: Runs forever after run 3 has told that runs 0 to 2 are done.
SCRIPT = """
import sys, time
from pypet import Environment

def job(traj):
    if traj.v_idx == 3:
        print("three done", flush=True)
        while True:
            time.sleep(3600)
    traj.f_add_result("z", traj.x)

if __name__ == "__main__":
    env = Environment(trajectory="killed", filename=sys.argv[1], log_config=None,
                      report_progress=False, **eval(sys.argv[2]))
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [10, 11, 12, 13, 14]})
    env.run(job)
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        *(
            {"multiproc": True, "ncores": 1, "use_pool": True, "wrap_mode": mode}
            for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE")
        ),
    ],
    ids=lambda settings: settings.get("wrap_mode", "serial"),
)
def test_a_killed_experiment_leaves_its_parameters_and_finished_runs_and_no_process(
    settings: dict[str, object], tmp_path: Path
) -> None:
    script, file = tmp_path / "killed.py", tmp_path / "killed.hdf5"
    script.write_text(SCRIPT, "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script), str(file), repr(settings)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "three done\n"
    helpers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    _, alive = psutil.wait_procs(helpers, timeout=10)
    assert alive == []

    traj = load_trajectory(name="killed", filename=str(file), load_data=2)
    assert traj.f_get("x").f_get_range() == [10, 11, 12, 13, 14]
    assert len(traj) == 5
    stored = traj.f_get_from_runs("z", fast_access=True, use_indices=True)
    completed = [index for index in range(5) if traj.f_is_completed(index)]
    assert set(completed) <= set(stored) <= {0, 1, 2}
    assert all(stored[index] == 10 + index for index in stored)
