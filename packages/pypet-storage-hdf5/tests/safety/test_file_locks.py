"""Taking turns at a file that another process has open."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pypet_storage_hdf5 import HDF5FileError
from pypet_storage_hdf5.safety import turns

HOLD = """
import sys, tables
with tables.open_file(sys.argv[1], sys.argv[2]):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(path):
    """Let another process open the file; calling what comes back ends that."""
    processes = []

    def open_in_mode(mode):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, path, mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        process.stdout.readline()
        return process.communicate

    yield open_in_mode
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.timeout(60)
def test_loading_waits_for_a_program_that_writes_into_the_file(new, load, hold, monkeypatch):
    new().f_store()
    let_go = hold("a")
    monkeypatch.setattr(turns, "_pause", lambda path: let_go())
    load()


@pytest.mark.timeout(60)
def test_storing_waits_for_a_program_that_writes_into_the_file(new, load, hold, monkeypatch):
    traj = new()
    traj.f_store()
    let_go = hold("a")
    monkeypatch.setattr(turns, "_wait", lambda: let_go())
    traj.f_add_result("z", 1)
    traj.f_store()
    assert load().z == 1


@pytest.mark.timeout(60)
def test_storing_waits_for_no_reader(new, load, hold):
    traj = new()
    traj.f_store()
    hold("r")
    traj.f_add_result("z", 1)
    traj.f_store()
    assert load().z == 1


@pytest.mark.timeout(60)
def test_the_wait_for_another_process_has_an_end(new, load, path, hold, monkeypatch):
    new().f_store()
    hold("a")
    monkeypatch.setattr(turns, "PATIENCE", 0.0)
    with pytest.raises(HDF5FileError, match="holds it open"):
        load()
