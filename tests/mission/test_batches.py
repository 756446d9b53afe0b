"""Experiments submitted to a cluster in batches, and what becomes of their files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pypet import load_trajectory

pytestmark = pytest.mark.timeout(60)

THE_TASK = """
import argparse
from pypet import Environment, cartesian_product

def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="x times y")

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=0)
    batch = parser.parse_args().batch
    env = Environment(
        trajectory=f"Example_22_Batch_{batch}", filename="batches/", file_title="SAGA",
        comment="One of several batches", log_config=None, report_progress=False,
    )
    traj = env.trajectory
    traj.f_add_parameter("x", 1.0)
    traj.f_add_parameter("y", 1.0)
    traj.f_explore(cartesian_product({
        "x": [batch * 2.0 + 1.0, batch * 2.0 + 2.0],
        "y": [1.0, 2.0, 3.0, 4.0, 5.0],
    }))
    env.run(multiply)

if __name__ == "__main__":
    main()
"""

MERGE_TRAJS = """
from pypet import merge_all_in_folder

merge_all_in_folder("batches", backup=False, delete_other_files=True)
"""


def run_script(folder: Path, text: str, *arguments: str) -> None:
    (folder / "script.py").write_text(text)
    subprocess.run([sys.executable, "script.py", *arguments], cwd=folder, check=True)


@pytest.mark.claim(188)
def test_batches_that_were_computed_apart_become_one_trajectory(tmp_path: Path) -> None:
    for batch in ("0", "1"):
        run_script(tmp_path, THE_TASK, "--batch", batch)
    run_script(tmp_path, MERGE_TRAJS)
    [file] = (tmp_path / "batches").glob("*.hdf5")
    traj = load_trajectory(index=-1, filename=str(file), load_data=2)
    assert len(traj) == 20
    assert traj.f_is_completed()
    expected = {}
    for idx in range(20):
        traj.v_idx = idx
        expected[idx] = traj.x * traj.y
    assert dict(traj.f_get_from_runs("z", fast_access=True, use_indices=True)) == expected
    assert sorted(expected.values()) == sorted(x * y for x in range(1, 5) for y in range(1, 6))
