"""Rows of the run table go with whatever else is written, and none is lost."""

import time

import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import double
from pypet_multiproc.wrapping import direct
from pypet_multiproc.writer.files import WaitingRows
from pypet_trajectory.api.records import RunFailure, RunRows

pytestmark = pytest.mark.timeout(60)

FAILURE = RunFailure("failed", "ValueError", "no", "")


def row_by_row(make_traj, func, *args, runs=100, **settings):
    """Run and store each row as soon as its outcome is there, as an environment may do."""
    engine = RunEngine(EngineSettings(**settings))
    traj = make_traj(runs)
    for outcome in engine.run(Experiment(traj, func, args), map(RunTask, range(runs))):
        engine.store_run_rows(RunRows(traj.v_name, {outcome.idx: outcome.row}))
        yield outcome.idx


def test_the_latest_row_of_a_run_takes_the_place_of_earlier_ones():
    rows = WaitingRows()
    rows.add(RunRows("T", {0: {"completed": 0}, 1: {"completed": 0}}))
    rows.add(RunRows("T", {1: {"completed": 1}}))
    assert rows.take() == [RunRows("T", {0: {"completed": 0}, 1: {"completed": 1}})]
    assert not rows


def test_a_run_that_completed_in_the_end_has_no_failure():
    rows = WaitingRows()
    rows.add(RunRows("T", {0: {"completed": 0}, 1: {"completed": 0}}, {0: FAILURE, 1: FAILURE}))
    rows.add(RunRows("T", {1: {"completed": 1}}))
    assert rows.take()[0].failures == {0: FAILURE}


def test_rows_of_two_trajectories_wait_side_by_side():
    rows = WaitingRows()
    rows.add(RunRows("T", {0: {"completed": 1}}))
    rows.add(RunRows("U", {0: {"completed": 0}}))
    assert [part.trajectory_name for part in rows.take()] == ["T", "U"]


@pytest.mark.parametrize("mode", [None, "LOCAL", "QUEUE"])
def test_rows_of_short_runs_are_stored_with_data_of_others(make_traj, service, mode, monkeypatch):
    monkeypatch.setattr(direct, "SHORT", 60.0)
    settings = {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": mode} if mode else {}
    assert len(list(row_by_row(make_traj, double, **settings))) == 100
    assert set(service.rows()) == set(range(100))
    assert all(row["completed"] == 1 for row in service.rows().values())
    assert len(service._noted("opened")) < 50


def take_a_moment(traj):
    time.sleep(0.01)
    return double(traj)


def test_in_a_single_process_rows_of_longer_runs_are_stored_at_once(make_traj, service):
    for idx in row_by_row(make_traj, take_a_moment, runs=3):
        assert set(service.rows()) == set(range(idx + 1))
    assert set(service.rows()) == set(range(3))
