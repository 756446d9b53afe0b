"""Rows of the run table that were being rewritten when the process was killed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from pypet_storage_hdf5 import HDF5StorageService, StorageContextManager, repair_hdf5_file
from pypet_trajectory import Trajectory, load_trajectory
from pypet_trajectory.exceptions import PypetError

h5py = pytest.importorskip("h5py")


@pytest.fixture
def killed(tmp_path):
    """The file and the journal of a process that was killed after it had rewritten a row."""
    path = tmp_path / "whole.hdf5"
    traj = Trajectory("t", storage_service=HDF5StorageService(str(path)), add_time=False)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(40))})
    traj.f_store()
    with StorageContextManager(traj):
        traj._run_table.set(3, completed=1, timestamp=11.0, runtime="1 s")
        traj.v_storage_service.store_run_rows(traj._run_rows([3]))
        for name in ("hdf5", "hdf5.journal"):
            shutil.copy(tmp_path / f"whole.{name}", tmp_path / f"killed.{name}")
    return tmp_path / "killed.hdf5"


def destroy_chunk(path, row):
    """Overwrite the chunk that holds a row of the run table."""
    with h5py.File(path, "r") as file:
        chunk = file["t/overview/runs"].id.get_chunk_info_by_coord((row,))
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))


@pytest.mark.parametrize("torn", [False, True])
def test_a_torn_chunk_comes_back_with_the_row_that_was_written(killed, torn):
    if torn:
        destroy_chunk(killed, 3)
    loaded = load_trajectory("t", filename=str(killed))
    assert len(loaded) == 40
    rows = [loaded.f_get_run_information(idx) for idx in range(40)]
    assert [row["idx"] for row in rows] == list(range(40))
    assert [idx for idx, row in enumerate(rows) if row["completed"]] == [3]
    assert rows[3]["timestamp"] == 11.0
    assert rows[4]["name"] == "run_00000004"


def test_the_file_is_whole_after_it_was_opened_for_writing(killed):
    destroy_chunk(killed, 3)
    traj = load_trajectory("t", filename=str(killed))
    traj.f_add_result("z", 1)
    traj.f_store()
    assert not killed.with_suffix(".hdf5.journal").exists()
    with h5py.File(killed, "r") as file:
        assert file["t/overview/runs"]["completed"].tolist() == [0] * 3 + [1] + [0] * 36


def test_a_torn_chunk_that_nobody_changed_is_reported(killed):
    destroy_chunk(killed, 35)
    with pytest.raises(PypetError, match=r"overview/runs.* is damaged"):
        load_trajectory("t", filename=str(killed))


def test_repair_saves_what_else_is_in_a_file_with_a_torn_run_table(killed, tmp_path):
    destroy_chunk(killed, 35)
    report = repair_hdf5_file(str(killed), str(tmp_path / "saved.hdf5"))
    assert any("overview" in problem.path for problem in report.problems)
    assert load_trajectory("t", filename=str(tmp_path / "saved.hdf5"), load_data=2).x == 0


@pytest.mark.parametrize("wildcard", [None, lambda idx: f"run_of_{idx}"])
def test_rows_of_new_runs_that_did_not_make_it_to_the_file_are_written_anew(
    killed, tmp_path, wildcard
):
    traj = load_trajectory("t", filename=str(killed), load_parameters=2)
    if wildcard:
        traj = Trajectory("u", filename=str(killed), wildcard_functions={("$", "crun"): wildcard})
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [0]})
        traj.f_store()
    path = tmp_path / "expanded.hdf5"
    length = len(traj)
    with StorageContextManager(traj):
        traj.f_expand({"x": [100, 101]})
        traj.f_store()
        for suffix in ("", ".journal"):
            shutil.copy(f"{killed}{suffix}", f"{path}{suffix}")
    with h5py.File(path, "a") as file:
        rows = file[f"{traj.v_name}/overview/runs"]
        rows[length:] = np.zeros(2, rows.dtype)
    with HDF5StorageService(str(path)).opened(traj.v_name, writable=True) as backend:
        assert len(backend.read_runs()) == length + 2
    with h5py.File(path, "r") as file:
        names = [name.decode() for name in file[f"{traj.v_name}/overview/runs"]["name"]]
    assert names == [traj.f_wildcard("$", idx) for idx in range(length + 2)]
