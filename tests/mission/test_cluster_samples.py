"""What the mission says about clusters, with scripts that a user would write."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pypet import load_trajectory
from tools.repository import ROOT

pytestmark = pytest.mark.timeout(120)

SIMULATION = """
from pypet import Environment

def square(traj):
    traj.f_add_result("y", traj.x**2, comment="x squared")
    return traj.x**2

if __name__ == "__main__":
    with Environment("mysimulation", filename="mysimulation.hdf5", multiproc=True, use_scoop=True,
                     wrap_mode="LOCAL", freeze_input=FREEZE, log_config=None) as env:
        env.trajectory.f_add_parameter("x", 0)
        env.trajectory.f_explore({"x": list(range(8))})
        print(env.run(square))
"""


def run(*command: str) -> str:
    """What a command prints; `python` is the interpreter of the tests."""
    folder = os.path.dirname(sys.executable)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False,
        env=os.environ | {"PATH": folder + os.pathsep + os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_squares_are_stored(printed: str) -> None:
    assert printed.splitlines()[-1] == str([(x, x**2) for x in range(8)])
    traj = load_trajectory("mysimulation", filename="mysimulation.hdf5", load_data=2)
    assert list(traj.f_get_from_runs("y", fast_access=True).values()) == [x**2 for x in range(8)]
    assert all(traj.f_is_completed(name) for name in traj.f_get_run_names())


@pytest.mark.claim(36, 37, 183, 185, 187)
def test_a_file_with_hosts():
    pytest.importorskip("scoop")
    Path("hosts").write_text("localhost 3\n")
    Path("my_script.py").write_text(SIMULATION.replace("FREEZE", "True"))
    command = "python -m scoop --hostfile hosts -vv -n 3 my_script.py"
    assert_squares_are_stored(run(*command.split()))


@pytest.mark.claim(36, 37, 183, 187)
@pytest.mark.skipif(os.name != "posix", reason="a script for bash")
def test_a_script_for_the_sun_grid_engine():
    pytest.importorskip("scoop")
    Path("mysimulation.py").write_text(SIMULATION.replace("FREEZE", "False"))
    Path("mybash.sh").write_text(
        textwrap.dedent("""\
            #!/bin/bash
            #$ -l h_rt=3600
            #$ -N mysimulation
            #$ -pe mp 4
            #$ -cwd

            # Launch the simulation with SCOOP
            python -m scoop -vv mysimulation.py
        """)
    )
    assert_squares_are_stored(run("bash", "mybash.sh"))


@pytest.mark.claim(187)
def test_host_file_and_job_script_are_explained():
    page = (ROOT / "docs" / "guide" / "cluster.md").read_text("utf-8")
    for text in ("python -m scoop --hostfile hosts -vv -n 16 script.py", "node01 10",
                 "#$ -pe", "#$ -N", "#$ -l h_rt", "#$ -cwd"):  # fmt: skip
        assert text in page


BATCH = """
import argparse
from pypet import Environment, cartesian_product

def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="Product")

def add_points(traj, batch):
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("y", 0)
    x_values = range(5 * batch, 5 * batch + 5)
    traj.f_explore(cartesian_product({"x": list(x_values), "y": [10, 20]}))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int)
    batch = parser.parse_args().batch
    env = Environment(f"batch_{batch}", filename=f"./batches/batch_{batch}.hdf5", log_config=None)
    add_points(env.trajectory, batch)
    env.run(multiply)
"""


@pytest.mark.claim(188)
def test_batches_of_separate_jobs_are_merged_into_one_trajectory(monkeypatch):
    Path("the_task.py").write_text(BATCH)
    for batch in ("0", "1"):
        monkeypatch.setattr(sys, "argv", ["the_task.py", "--batch", batch])
        runpy.run_path("the_task.py", run_name="__main__")
    merged = load_trajectory("batch_0", filename="batches/batch_0.hdf5", load_data=0)
    other = load_trajectory("batch_1", filename="batches/batch_1.hdf5", load_data=0)
    merged.f_merge(other, backup=False, move_data=True, delete_other_trajectory=False)
    merged.f_store()
    traj = load_trajectory("batch_0", filename="batches/batch_0.hdf5", load_data=2)
    assert len(traj) == 20
    products = traj.f_get_from_runs("z", fast_access=True, use_indices=True)
    points = zip(traj.f_get("x").f_get_range(), traj.f_get("y").f_get_range(), strict=True)
    assert [products[idx] for idx in range(20)] == [x * y for x, y in points]
    assert sorted(set(traj.f_get("x").f_get_range())) == list(range(10))


@pytest.mark.claim(189)
def test_threads_of_openblas_are_explained_and_limited():
    page = (ROOT / "docs" / "guide" / "running.md").read_text("utf-8")
    assert "OMP_NUM_THREADS=1" in page
    assert "OPENBLAS_NUM_THREADS=1" in page
    script = """
        import os
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.pop(name, None)
        from pypet import Environment

        def job(traj):
            return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")

        if __name__ == "__main__":
            env = Environment(multiproc=True, ncores=4096, start_method="spawn", log_config=None)
            print(env.run(job))
    """
    Path("threads.py").write_text(textwrap.dedent(script))
    assert run("python", "threads.py").splitlines()[-1] == "[(0, ('1', '1'))]"
