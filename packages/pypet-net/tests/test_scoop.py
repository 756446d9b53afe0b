"""Runs in the workers of SCOOP, in scripts that SCOOP starts."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("scoop")
pytestmark = pytest.mark.timeout(120)

SCRIPT = """
    import json, os, sys
    from pypet_multiproc.engine import BACKENDS, WRAP_MODES, RunEngine
    from pypet_multiproc.model.experiment import Experiment, RunTask
    from pypet_multiproc.model.settings import EngineSettings
    from pypet_net.scoop_backend import ScoopBackend
    from pypet_net.wrapping import WRAP_MODES as NET_WRAP_MODES
    from pypet_trajectory.storage.archive.service import ArchiveStorageService
    from pypet_trajectory.trajectory import Trajectory

    def job(traj, factor):
        traj.f_add_result("z", factor * traj.x, comment="product")
        if traj.x == 100:
            raise ValueError("a hundred is too much")
        return os.getpid()

    if __name__ == "__main__":
        wrap_mode, path, values, options = json.loads(sys.argv[1])
        traj = Trajectory("products", storage_service=ArchiveStorageService(path))
        traj.f_add_parameter("x", 0, comment="factor")
        traj.f_explore({"x": values})
        traj.f_store()
        engine = RunEngine(
            EngineSettings(multiproc=True, wrap_mode=wrap_mode, **options),
            wrap_modes={**WRAP_MODES, **NET_WRAP_MODES},
            backends={**BACKENDS, "scoop": ScoopBackend},
            backend="scoop",
        )
        outcomes = list(engine.run(Experiment(traj, job, (3,)), map(RunTask, range(len(values)))))
        again = Trajectory(storage_service=ArchiveStorageService(path))
        again.f_load(name="products", load_results=2)
        print(json.dumps({
            "runs": sorted(outcome.idx for outcome in outcomes),
            "failed": [outcome.failure.message for outcome in outcomes if outcome.failure],
            "processes": len({outcome.result for outcome in outcomes if outcome.result}),
            "stored": {name: node.z for name, node in again.results.runs.f_get_children().items()},
        }))
"""


@pytest.fixture
def run(tmp_path):
    """Call with a wrap mode to have the experiment run, and what it printed."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))

    def start(wrap_mode, values, *, scoop=True, **options):
        argument = json.dumps([wrap_mode, str(tmp_path / "store.traj"), values, options])
        module = ["-m", "scoop", "-n", "2"] if scoop else []
        done = subprocess.run(
            [sys.executable, *module, str(script), argument],
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stderr
        return json.loads(lines[-1]), done.stderr

    return start


@pytest.mark.claim(36, 37, 183, 184, 186)
@pytest.mark.parametrize("wrap_mode", ["LOCAL", "NETLOCK", "NETQUEUE"])
def test_runs_are_done_by_scoop_and_stored(run, wrap_mode):
    found, _ = run(wrap_mode, list(range(40)))
    assert found["runs"] == list(range(40))
    assert found["failed"] == []
    assert found["processes"] in (1, 2)  # the other worker may come too late to get any
    assert found["stored"] == {f"run_{idx:08}": 3 * idx for idx in range(40)}


@pytest.mark.claim(185)
def test_workers_of_scoop_can_freeze_what_they_were_given(run):
    found, _ = run("LOCAL", list(range(40)), freeze_input=True)
    assert found["runs"] == list(range(40))
    assert found["stored"] == {f"run_{idx:08}": 3 * idx for idx in range(40)}


def test_a_run_that_fails_costs_no_other_run(run):
    found, _ = run("LOCAL", [1, 100, 2], on_run_error="continue")
    assert found["runs"] == [0, 1, 2]
    assert found["failed"] == ["a hundred is too much"]


def test_without_scoop_the_runs_are_done_here_and_the_log_says_so(run):
    found, stderr = run("LOCAL", [1, 2, 3], scoop=False)
    assert found["stored"] == {"run_00000000": 3, "run_00000001": 6, "run_00000002": 9}
    assert found["processes"] == 1
    assert "SCOOP is not running" in stderr


@pytest.mark.claim(45)
def test_a_timeout_can_be_given(run):
    found, _ = run("LOCAL", [1, 2, 3], timeout=50.0)
    assert found["runs"] == [0, 1, 2]
