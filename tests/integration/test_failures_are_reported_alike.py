"""Twelve runs, one raises, one kills its process, one never ends: one report everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet import load_trajectory
from tests.integration.experiments import explored, troubled
from tests.integration.matrix import (
    every_combination,
    every_executor,
    executor_settings,
    settings_of,
)

#: What becomes of the three that are in trouble; in one process nobody may end it.
TROUBLE = {3: "failed", 5: "lost", 7: "timed_out"}
SERIAL_TROUBLE = {3: "failed", 7: "timed_out"}

pytestmark = pytest.mark.timeout(120)


def check(
    file: Path, trouble: dict[int, str] = TROUBLE, run_timeout: float = 1.0, **settings: object
) -> None:
    """Run the twelve and read the report, in memory and in the file."""
    settings |= {"on_run_error": "continue", "run_timeout": run_timeout}
    env = explored("troubled", file, 12, **settings)
    results = env.run(troubled, 5 in trouble)

    good = [index for index in range(12) if index not in trouble]
    assert results == [(index, index) for index in good]
    failures = env.failed_runs
    assert {run: failure.status for run, failure in failures.items()} == {
        f"run_{index:08d}": status for index, status in trouble.items()
    }
    assert failures["run_00000003"].exception == "ValueError"
    assert "run 3 is bound to fail" in failures["run_00000003"].traceback
    assert failures["run_00000007"].exception == "RunTimeoutError"

    traj = load_trajectory(name="troubled", filename=str(file), load_data=2)
    assert [bool(traj.f_is_completed(index)) for index in range(12)] == [
        index in good for index in range(12)
    ]
    for run, failure in failures.items():
        assert env.trajectory.f_get_run_information(run)["failure"] == failure
        assert traj.f_get_run_information(run)["failure"] == failure
    assert "failure" not in traj.f_get_run_information(0)
    stored = traj.f_get_from_runs("z", fast_access=True, use_indices=True)
    assert dict(stored) == {index: index for index in good}


def patience(start_method: str) -> float:
    """Seconds for a run; the first one of a process that is not forked imports what it needs."""
    return {"fork": 1.0, "forkserver": 2.0}.get(start_method, 4.0)


@every_combination(default_every=3, others_every=9)
def test_twelve_runs_with_three_kinds_of_trouble_give_one_report(
    start_method: str, way: str, wrap_mode: str, tmp_path: Path
) -> None:
    settings = settings_of(start_method, way, wrap_mode)
    check(tmp_path / "troubled.hdf5", run_timeout=patience(start_method), **settings)


@every_executor(default_every=8, others_every=8)
def test_they_give_the_same_report_in_an_executor(
    start_method: str, wrap_mode: str, tmp_path: Path
) -> None:
    settings = executor_settings(start_method, wrap_mode)
    check(tmp_path / "troubled.hdf5", run_timeout=patience(start_method), **settings)


def test_they_give_the_same_report_in_one_process(tmp_path: Path) -> None:
    check(tmp_path / "troubled.hdf5", SERIAL_TROUBLE)
