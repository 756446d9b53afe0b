"""A disk fills up: one clear error within seconds, nothing false; with space again it goes on."""

from __future__ import annotations

import errno
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tables

pytest.importorskip("resource")

from pypet import (
    Environment,
    SharedEArray,
    SharedResult,
    Trajectory,
    compact_hdf5_file,
    load_trajectory,
)
from pypet_trajectory.exceptions import StorageFailedError
from tests.faults import scenarios
from tests.faults.checking import assert_true, assert_whole
from tests.faults.disks import KINDS, MIB, Disk
from tests.faults.scenarios import OLD

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="mounts file systems"),
]

RUNS, FLOATS = 60, 20_000
#: Seconds in which an experiment must end whose disk is full.
BOUND = 10.0

POOL: dict[str, Any] = {"multiproc": True, "ncores": 2, "use_pool": True}
WAYS: dict[str, dict[str, Any]] = {
    "serial": {},
    **{
        mode: POOL | {"wrap_mode": mode}
        for mode in ("LOCK", "LOCAL", "QUEUE", "PIPE", "NETLOCK", "NETQUEUE")
    },
    "process per run": {"multiproc": True, "ncores": 2, "use_pool": False, "wrap_mode": "LOCK"},
    "continue": {"on_run_error": "continue"},
    "resumable": {"resumable": True},
}


def noise(index: int) -> np.ndarray[Any, Any]:
    """160 kB that do not compress."""
    return np.random.default_rng(index).random(FLOATS)


def job(traj: Trajectory) -> int:
    """Store much."""
    traj.f_add_result("z", noise(traj.v_idx))
    return int(traj.v_idx)


_SOAK = pytest.mark.soak


def _some(values: Any, always: Any) -> list[Any]:
    """All values; those that are not always tried belong to the long suite."""
    return [value if value in always else pytest.param(value, marks=_SOAK) for value in values]


@pytest.fixture(params=_some(["ext4", "tmpfs", "limit"], ["ext4"]))
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk of 64 MB, nearly full once `leave` was called."""
    with KINDS[request.param](tmp_path, 64 * MIB) as found:  # type: ignore[attr-defined]
        yield found


def environment(trajectory: Any, tmp_path: Path, settings: dict[str, Any]) -> Environment:
    return Environment(
        trajectory,
        log_config=None,
        report_progress=False,
        **({"resume_folder": str(tmp_path / "resume")} if "resumable" in settings else {}),
        **settings,
    )


def check_runs(file: Path) -> set[int]:
    """What is completed is there, for plain PyTables and for ours; the completed runs."""
    with tables.open_file(file) as opened:
        rows = opened.root.full.overview.runs.read()
        for index in np.flatnonzero(rows["completed"]):
            found = opened.root.full.results.runs[f"run_{index:08d}"].z.z.read()
            assert np.array_equal(found, noise(index))
    traj = load_trajectory("full", filename=str(file), load_data=2)
    completed = {index for index in range(RUNS) if traj.f_is_completed(index)}
    for index in completed:
        found = traj.f_get(f"results.runs.run_{index:08d}.z").f_get(0)
        assert np.array_equal(found, noise(index))
    return completed


@pytest.mark.parametrize("way", _some(WAYS, ["serial", "LOCK", "LOCAL", "QUEUE", "PIPE"]))
def test_an_experiment_ends_with_one_error_and_goes_on_with_space(
    way: str, disk: Disk, tmp_path: Path
) -> None:
    file = disk.folder / "f.hdf5"
    env = environment("full", tmp_path, {"filename": str(file), **WAYS[way]})
    traj = env.trajectory
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(RUNS))})
    disk.leave(5 * MIB)
    start = time.monotonic()
    # Where the session is to be begun anew, there may be no place for its working copy.
    told = r"(?i)nothing (more can be stored|was added)|working copy .* cannot be made"
    with pytest.raises(OSError, match=told) as caught:
        env.run(job)
    assert time.monotonic() - start < BOUND
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG, None)
    reported = {index for index in range(RUNS) if traj.f_is_completed(index)}
    assert len(reported) < RUNS
    assert_whole(file)
    found = check_runs(file)
    disk.make_space()
    assert check_runs(file) >= reported | found
    env.run(job)
    assert check_runs(file) == set(range(RUNS))
    assert_whole(file)
    assert [path.name for path in disk.folder.glob("f.hdf5*")] == ["f.hdf5"]


@pytest.fixture
def prepared(disk: Disk, tmp_path: Path) -> Path:
    """A file with old trajectories on the disk."""
    scenarios.prepare(tmp_path / "template.hdf5")
    file = disk.folder / "exp.hdf5"
    shutil.copy2(tmp_path / "template.hdf5", file)
    return file


def expand(file: Path) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    traj.f_expand({"x": list(range(OLD, 10_000))})
    traj.f_store()


def merge(file: Path) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    other = load_trajectory("other", filename=str(file), load_data=2)
    traj.f_merge(other, backup=False, move_data=True, delete_other_trajectory=True)


def backup(file: Path) -> None:
    load_trajectory("t", filename=str(file), load_data=2).f_backup()


def compact(file: Path) -> None:
    compact_hdf5_file(str(file))


def store(file: Path) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    for number in range(100):
        traj.f_store_item(traj.f_add_result(f"large.r{number}", noise(number)))


def share(file: Path) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    shared = traj.f_add_result(SharedResult, "growing", array=SharedEArray())
    traj.f_store()
    shared.array.create_shared_data(obj=noise(0)[np.newaxis])
    for number in range(1, 100):
        shared.array.append(noise(number)[np.newaxis])


@pytest.mark.parametrize("room", _some([30_000, 150_000, 400_000], [150_000]))
@pytest.mark.parametrize(
    "operation",
    [expand, merge, backup, compact, store, share],
    ids=lambda operation: str(operation.__name__),
)
def test_an_operation_happens_or_says_why_not(
    operation: Any, room: int, disk: Disk, prepared: Path
) -> None:
    disk.leave(room)
    failed = False
    try:
        operation(prepared)
    except StorageFailedError:
        failed = True
    assert_whole(prepared)
    traj = load_trajectory("t", filename=str(prepared), load_data=2)
    if operation is merge:
        assert len(traj) == (OLD if failed else 2 * OLD)
        values = [*range(OLD), *range(100, 100 + OLD)]
        assert_true(prepared, "t", values, set(range(len(traj))))
    elif operation is expand:
        assert len(traj) == (OLD if failed else 10_000)
    elif operation is store:
        assert failed
        for leaf in traj.f_get_results(fast_access=False, copy=False).values():
            if ".large." in leaf.v_full_name:
                assert np.array_equal(leaf.f_get(0), noise(int(leaf.v_name[1:])))
    elif operation is share:
        assert failed
        if "growing" in traj:
            rows = traj.f_get("results.growing").array.read() if "array" in traj.growing else ()
            for number, row in enumerate(rows):
                assert np.array_equal(row, noise(number))
    disk.make_space()
    if failed and operation not in (store, share):
        operation(prepared)
    assert_whole(prepared)


def test_a_file_that_cannot_be_copied_says_how_much_room_that_needs(
    disk: Disk, prepared: Path
) -> None:
    before = prepared.read_bytes()
    traj = load_trajectory("t", filename=str(prepared), load_data=2)
    disk.leave(10_000)
    with pytest.raises(StorageFailedError, match=str(len(before))):
        traj.f_store_item(traj.f_add_result("more", noise(0)))
    assert prepared.read_bytes() == before
    disk.make_space()
    traj.f_store_item("more")
    again = load_trajectory("t", filename=str(prepared), load_data=2)
    assert np.array_equal(again.more, noise(0))
