"""A process that is killed while it writes takes nothing with it that was stored before.

Each mode is killed a few times here and often with ``-m soak``; ``PYPET_TEST_KILLS`` says how
often. A kill hits the few microseconds that matter once in some fifty times, so the damage is also
done on purpose, in ``test_group_index.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet_storage_hdf5 import (
    HDF5StorageService,
    SharedEArray,
    SharedResult,
    SharedTable,
    StorageContextManager,
)
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

OLD = 300

WRITER = """
import sys
import numpy as np
from pypet_storage_hdf5 import SharedCArray, SharedResult, StorageContextManager
from pypet_trajectory.storage.storing import delta_from_message
from pypet_trajectory.trajectory import Trajectory
path, mode = sys.argv[1:]
traj = Trajectory("writer", filename=path)
traj.f_load(name="traj", load_data=1)
traj.f_load_item("shared")
same = traj.f_get("many.same", auto_load=True)
number = 0


def confirm():
    print(number, flush=True)


def add(name, **more):
    data = {"a": np.full(20, number), "b": str(number), **more}
    traj.f_store_item(traj.f_add_result(f"many.{name}{number}", **data))


def add_without_flushing():
    leaf = traj.f_add_result(f"many.new{number}", a=np.full(20, number), b=str(number))
    delta = delta_from_message("LEAF", leaf, trajectory_name=traj.v_name)
    traj.v_storage_service.store_delta(delta)


def once_more():
    global number
    if mode in ("add", "add, opening the file each time"):
        add("new")
    elif mode == "add where nothing was":
        add(f"set{number // 50}.new")
    elif mode == "add many between flushes":
        for _ in range(19):
            add_without_flushing()
            number += 1
        add_without_flushing()
        traj.v_storage_service.store("FLUSH", None)
    elif mode == "add large":
        add("new", large=np.full(5_000_000, number))
    elif mode == "overwrite":
        same.f_set(a=np.full(20, number), b=str(number))
        traj.f_store_item(same, store_data=3)
    elif mode == "append to shared data":
        traj.f_get("shared").table.append([(number, float(number))])
        traj.f_get("shared").array.append(np.full((1, 50), float(number)))
    elif mode == "create shared data":
        result = traj.f_add_result(SharedResult, f"many.new{number}", a=SharedCArray(), b="")
        traj.f_store_item(result)
        result.a.create_shared_data(obj=np.full(20, number))
    elif mode == "merge":
        other = Trajectory(f"other{number}", filename=path)
        other.f_add_parameter("x", 0)
        other.f_explore({"x": [number]})
        other.f_store()
        other.f_set_crun(0)
        other.f_add_result("runs.$.z", a=np.full(20, number), b=str(number))
        other.f_restore_default()
        other.f_store()
        traj.f_merge(other, move_data=number % 2, backup=False)


def run():
    global number
    while True:
        number += 1
        once_more()
        confirm()


if "each time" in mode or mode == "merge":
    run()
with StorageContextManager(traj):
    run()
"""

MODES = (
    "add",
    "add, opening the file each time",
    "add where nothing was",
    "add many between flushes",
    "add large",
    "overwrite",
    "append to shared data",
    "create shared data",
    "merge",
)


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A file with many old results in one group."""
    path = tmp_path_factory.mktemp("killed") / "original.hdf5"
    traj = Trajectory("traj", filename=str(path))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, -1]})
    traj.f_store()
    with StorageContextManager(traj):
        for number in range(OLD):
            traj.f_add_result(f"many.old{number}", a=np.full(20, number), b=str(number))
        traj.f_add_result("many.same", a=np.zeros(20), b="0", untouched=[1, 2])
        shared = traj.f_add_result(
            SharedResult, "shared", table=SharedTable(), array=SharedEArray()
        )
        traj.f_store()
        shared.table.create_shared_data(first_row={"n": 0, "v": 0.0})
        shared.array.create_shared_data(obj=np.zeros((1, 50)))
    return path


def killed(path: Path, mode: str, seconds: float) -> int:
    """Let a process write and kill it; how often it confirmed that something was stored."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), mode], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    confirmed = int(writer.stdout.readline())
    timer = threading.Timer(seconds, writer.send_signal, [signal.SIGKILL])
    timer.start()
    for line in writer.stdout:
        if line.endswith(b"\n"):
            confirmed = int(line)
    writer.communicate()  # waits and closes the pipe
    timer.cancel()
    return confirmed


def check(path: Path, mode: str, confirmed: int) -> None:
    """Everything old and everything confirmed is there, complete."""
    traj = Trajectory("checking", storage_service=HDF5StorageService(str(path)))
    traj.f_load(name="traj", load_data=2)
    many = {leaf.v_name: leaf for leaf in traj.f_get("results.many").f_iter_leaves()}
    for number in range(OLD):
        assert_is(many[f"old{number}"], number)
    same = many.pop("same")
    assert same.untouched == [1, 2]
    assert_is(same, int(same.b))
    if mode == "overwrite":
        assert int(same.b) >= confirmed
    elif mode == "append to shared data":
        shared = traj.f_get("shared")
        assert shared.table.col("n")[: confirmed + 1].tolist() == list(range(confirmed + 1))
        assert shared.array.read()[: confirmed + 1, 0].tolist() == list(range(confirmed + 1))
    elif mode == "create shared data":
        for number in range(1, confirmed + 1):
            assert many[f"new{number}"].a.read().tolist() == [number] * 20
    elif mode == "merge":
        found = {
            leaf.b: leaf
            for leaf in traj.f_get("results.runs").f_iter_leaves()
            if leaf.v_name == "z"
        }
        for number in range(1, confirmed + 1):
            assert_is(found[str(number)], number)
    else:
        assert set(many) >= {f"new{number}" for number in range(1, confirmed + 1)}
        for name, leaf in many.items():
            assert_is(leaf, int(name.removeprefix("new").removeprefix("old")))


def assert_is(leaf: Any, number: int) -> None:
    assert leaf.b == str(number), leaf.v_full_name
    assert np.array_equal(leaf.a, np.full(20, number)), leaf.v_full_name


def campaign(original: Path, folder: Path, mode: str, kills: int) -> None:
    generator = np.random.default_rng()
    for kill in range(kills):
        path = folder / f"{kill}.hdf5"
        path.write_bytes(original.read_bytes())
        confirmed = killed(path, mode, generator.uniform(0, 0.3))
        check(path, mode, confirmed)
        again = Trajectory("again", storage_service=HDF5StorageService(str(path)))
        again.f_load(name="traj", load_data=1)
        again.f_add_result("afterwards", 1)
        again.f_store()  # recovers the file on disk
        check(path, mode, confirmed)
        path.unlink()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "add large"])
def test_a_killed_writer_loses_nothing(original, tmp_path, mode):
    campaign(original, tmp_path, mode, int(os.environ.get("PYPET_TEST_KILLS", "1")))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_a_writer_killed_hundreds_of_times_loses_nothing(original, tmp_path, mode):
    campaign(original, tmp_path, mode, int(os.environ.get("PYPET_TEST_KILLS", "50")))
