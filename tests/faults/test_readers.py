"""Reading a running experiment in a tight loop: no error, no wait, and no writer is disturbed."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables

from pypet import Trajectory, load_trajectory
from pypet_storage_hdf5.safety import turns
from tests.faults.conftest import READER
from tests.faults.scenarios import environment

pytestmark = pytest.mark.timeout(120)

RUNS = 100
POOL: dict[str, Any] = {"multiproc": True, "ncores": 2, "use_pool": True}
WAYS: dict[str, dict[str, Any]] = {
    "serial": {},
    "LOCK": POOL | {"wrap_mode": "LOCK"},
    "QUEUE": POOL | {"wrap_mode": "QUEUE"},
    "LOCAL": POOL | {"wrap_mode": "LOCAL"},
}


def job(traj: Trajectory) -> int:
    """Work a little and store a little."""
    threading.Event().wait(0.01)
    traj.f_add_result("z", np.full(50, traj.x))
    return int(traj.x)


def read_ours(file: Path) -> int:
    """Load all with this library; the number of runs that are done."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    done = [index for index in range(len(traj)) if traj.f_is_completed(index)]
    for index in done:
        assert traj.f_get(f"results.runs.run_{index:08d}.z").f_get(0).tolist() == [index] * 50
    return len(done)


def read_h5py(file: Path) -> int:
    """Read all with h5py."""
    with h5py.File(file) as opened:
        opened.visititems(lambda _, node: node[()] if isinstance(node, h5py.Dataset) else None)
        return int(opened["t/overview/runs"][()]["completed"].sum())


def read_pytables(file: Path) -> int:
    """Read all with PyTables."""
    with tables.open_file(file) as opened:
        for node in opened.walk_nodes("/", "Leaf"):
            node.read()
        return int(opened.root.t.overview.runs.col("completed").sum())


LOOP = """
import select, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from tests.faults import test_readers
read, file = getattr(test_readers, sys.argv[1]), Path(sys.argv[2])
waits = test_readers.note_waits()
count, last = 0, 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    if file.exists():
        now = read(file)
        assert now >= last, (now, last)
        count, last = count + 1, now
print(count, last, len(waits), flush=True)
"""


def note_waits() -> list[str]:
    """From now on note each time that a reader waits."""
    waits: list[str] = []
    pause = turns._pause

    def noted(path: str) -> None:
        waits.append(path)
        pause(path)

    turns._pause = noted
    return waits


@contextmanager
def reading_in_a_loop(command: list[str]) -> Iterator[list[tuple[int, ...]]]:
    """Another process reads the file again and again; gives how often, and what it saw last."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    answer: list[tuple[int, ...]] = []
    try:
        yield answer
    finally:
        output, _ = process.communicate("stop\n")
        assert process.returncode == 0
        answer.append(tuple(map(int, output.split())))


@pytest.mark.parametrize(
    ("way", "read"),
    [
        pytest.param(way, read, marks=() if number in (0, 1, 6, 9) else pytest.mark.soak)
        for number, (read, way) in enumerate(
            itertools.product((read_ours, read_h5py, read_pytables), WAYS)
        )
    ],
)
def test_a_reader_in_a_loop_gets_no_error_and_disturbs_no_writer(
    way: str, read: Callable[[Path], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "exp.hdf5"
    env = environment("t", {"filename": str(file), **WAYS[way]})
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": list(range(RUNS))})
    monkeypatch.setattr(turns, "PATIENCE", 0.0)  # the writer waits for nothing
    command = [sys.executable, "-W", "ignore", "-c", LOOP, read.__name__, str(file), *sys.path]
    with reading_in_a_loop(command) as seen:
        env.run(job)
    ((count, last, waits),) = seen
    assert count > 1
    assert waits == 0
    assert last <= RUNS
    assert read(file) == RUNS


@pytest.mark.parametrize("way", ["LOCK", "QUEUE"])
def test_pypet_07_may_read_in_a_loop_as_well(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pypet07_python: str
) -> None:
    file = tmp_path / "exp.hdf5"
    env = environment("t", {"filename": str(file), **WAYS[way]})
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": list(range(RUNS))})
    monkeypatch.setattr(turns, "PATIENCE", 0.0)
    with reading_in_a_loop([pypet07_python, "-E", str(READER), "loop", str(file)]) as seen:
        env.run(job)
    ((count, last, _),) = seen
    assert count > 0
    assert last <= RUNS


def test_a_reader_sees_runs_while_the_experiment_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "exp.hdf5"
    env = environment("t", {"filename": str(file), "wrap_mode": "QUEUE", **POOL})
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": list(range(RUNS))})
    seen: list[int] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            if file.exists():
                seen.append(read_h5py(file))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        env.run(job)
    finally:
        ended.set()
        reader.join()
    assert any(0 < number < RUNS for number in seen)
    assert seen == sorted(seen)
