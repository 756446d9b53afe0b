"""What was decided where the mission contradicts itself, or pypet 0.7 contradicts itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pypet import Environment

pytestmark = pytest.mark.timeout(60)

QUIET = {"log_config": None, "report_progress": False}


def explored(values, **kwargs):
    env = Environment("t", filename="t.hdf5", **QUIET, **kwargs)
    env.trajectory.f_add_parameter("x", values[0])
    env.trajectory.f_explore({"x": values})
    return env


def fail_at_two(traj):
    if traj.x == 2:
        raise ZeroDivisionError("two is too much")
    return traj.x


def test_a_run_that_fails_in_a_process_of_its_own_is_recorded_only():
    env = explored([1, 2, 3], multiproc=True, ncores=2)
    assert env.run(fail_at_two) == [(0, 1), (2, 3)]
    assert list(env.failed_runs) == ["run_00000001"]


@pytest.mark.parametrize("way", [{}, {"multiproc": True, "ncores": 2, "use_pool": True}])
def test_a_run_that_fails_in_a_pool_or_in_the_main_process_raises(way):
    env = explored([1, 2, 3], **way)
    with pytest.raises(ZeroDivisionError, match="two is too much"):
        env.run(fail_at_two)
    assert list(env.failed_runs) == ["run_00000001"]


def test_explicit_arguments_win_over_a_config_file_by_position_too(folder: Path):
    Path("my.ini").write_text("[trajectory]\ntrajectory='from_file'\ncomment='kept'\n")
    traj = Environment("explicit", config="my.ini", filename="t.hdf5", **QUIET).trajectory
    assert (traj.v_name, traj.v_comment) == ("explicit", "kept")


def wait_for_postprocessing(traj, signal):
    if traj.v_idx == 0:
        while not Path(signal).exists():
            time.sleep(0.01)
    return traj.v_idx


@pytest.mark.claim(84)
def test_immediate_postprocessing_sees_results_as_they_come_and_run_returns_them_in_order(folder):
    seen, signal = [], folder / "postprocessing_has_begun"

    def look(traj, results):
        seen.append([idx for idx, _ in results])
        signal.touch()

    env = explored([1, 2, 3, 4], multiproc=True, ncores=2, immediate_postproc=True)
    env.add_postprocessing(look)
    assert env.run(wait_for_postprocessing, str(signal)) == [(idx, idx) for idx in range(4)]
    assert 0 not in seen[0]
    assert seen[-1] == [0, 1, 2, 3]
