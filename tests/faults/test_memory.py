"""Opening the file of a killed process takes memory for what is loaded, and little beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pypet import StorageContextManager, Trajectory
from pypet_trajectory.testing.processes import in_forked_process

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]

MB = 1 << 20

OPEN = """
import resource, sys
import numpy as np
from pypet import Trajectory, load_trajectory
load_trajectory("small", filename=sys.argv[2], load_data=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
traj = load_trajectory("t", filename=sys.argv[1], load_data=1)
taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(taken * 1024, len(traj.results.many.f_get_children()))
"""


def test_recovery_needs_no_image_of_the_file(tmp_path: Path) -> None:
    file, small = tmp_path / "exp.hdf5", tmp_path / "small.hdf5"
    Trajectory("small", filename=str(small)).f_store()
    traj = Trajectory("t", filename=str(file), add_time=False)
    generator = np.random.default_rng(0)
    for number in range(20):
        traj.f_add_result(f"many.old{number}", generator.random(5 * MB // 8))
    traj.f_store()

    def work() -> None:
        with StorageContextManager(traj):
            for number in range(20):
                name = f"many.new{number}"
                traj.f_store_item(traj.f_add_result(name, generator.random(5 * MB // 8)))
            os._exit(0)

    assert in_forked_process(work) == 0
    assert (tmp_path / "exp.hdf5.session").exists()
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN, str(file), str(small)],
        capture_output=True,
        text=True,
        check=True,
    )
    taken, found = map(int, answer.stdout.split())
    assert found == 40
    assert file.stat().st_size > 150 * MB
    assert taken < 50 * MB
