"""Twelve runs, one raises, one kills its process, one never ends: one report everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet import load_trajectory
from tests.integration.experiments import explored, troubled

GOOD = [index for index in range(12) if index not in (3, 5, 7)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wrap_mode", ["LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE"])
@pytest.mark.parametrize("use_pool", [True, False], ids=["pool", "process per run"])
def test_twelve_runs_with_three_kinds_of_trouble_give_one_report(
    use_pool: bool, wrap_mode: str, tmp_path: Path
) -> None:
    file = tmp_path / "troubled.hdf5"
    env = explored(
        "troubled",
        file,
        12,
        multiproc=True,
        ncores=2,
        use_pool=use_pool,
        wrap_mode=wrap_mode,
        on_run_error="continue",
        run_timeout=2.0,
    )
    results = env.run(troubled)

    assert results == [(index, index) for index in GOOD]
    failures = env.failed_runs
    assert {run: failure.status for run, failure in failures.items()} == {
        "run_00000003": "failed",
        "run_00000005": "lost",
        "run_00000007": "timed_out",
    }
    assert failures["run_00000003"].exception == "ValueError"
    assert "run 3 is bound to fail" in failures["run_00000003"].traceback

    traj = load_trajectory(name="troubled", filename=str(file), load_data=2)
    assert [bool(traj.f_is_completed(index)) for index in range(12)] == [
        index in GOOD for index in range(12)
    ]
    for run, failure in failures.items():
        assert env.trajectory.f_get_run_information(run)["failure"] == failure
        assert traj.f_get_run_information(run)["failure"] == failure
    assert "failure" not in traj.f_get_run_information(0)
    stored = traj.f_get_from_runs("z", fast_access=True, use_indices=True)
    assert dict(stored) == {index: index for index in GOOD}
