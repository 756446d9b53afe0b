"""A trajectory that is interrupted and taken up again, without an environment."""

from __future__ import annotations

import pytest

from pypet_resume import ExperimentSnapshot, ResumeFolder
from pypet_trajectory.storage.memory import InMemoryStorageService
from pypet_trajectory.storage.storing import delta_from_message
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.timeout(60)


def job(traj):
    traj.f_add_result("z", traj.x**2, comment="square")
    return traj.x


@pytest.mark.claim(273, 279)
def test_finished_runs_are_rebuilt_and_the_rest_is_left(tmp_path):
    traj = Trajectory("squares", storage_service=InMemoryStorageService())
    traj.f_add_parameter("x", 0, comment="base")
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()
    folder = ResumeFolder(tmp_path, "squares")
    folder.begin(ExperimentSnapshot(traj, job))
    for idx in (0, 2):
        traj.f_start_run(idx)
        result = job(traj)
        delta = delta_from_message("SINGLE_RUN", traj, (), {"trajectory_name": traj.v_name})
        traj.f_finalize_run()
        folder.record(idx, result, traj.v_runs.table.row(idx), delta)
    folder.close()

    state = folder.load()
    again = state.snapshot.trajectory
    state.update_run_table(again.v_runs.table)
    folder.replay(again.v_storage_service)

    assert state.results() == [(0, 1), (2, 3)]
    assert state.left(len(again)) == [1]
    assert not again.f_is_completed(1)
    assert again.f_is_completed(2)
    again.f_load(load_results=2)
    assert again.results.runs.run_00000002.z == 9
    assert "run_00000001" not in again.results.runs
