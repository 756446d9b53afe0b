"""What must hold of a file after every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tables

from pypet import Trajectory, load_trajectory
from tests.faults.scenarios import NEW, OLD, second, value_of


def assert_whole(file: Path) -> None:
    """P1: PyTables and h5py open the file and read all of it, and old data is there."""
    with tables.open_file(file) as opened:
        for node in opened.walk_nodes("/"):
            node._v_attrs._f_list()
            if isinstance(node, tables.Leaf):
                node.read()
        for name, first in (("t", 0), ("other", 100)):
            if name in opened.root:
                assert_old_runs(opened.root[name], first)
    with h5py.File(file) as opened:
        opened.visititems(lambda _, node: node[()] if isinstance(node, h5py.Dataset) else None)


def assert_old_runs(root: Any, first: int) -> None:
    """What was stored before the session began is there for plain PyTables."""
    assert root.overview.runs.nrows >= OLD
    if "runs" not in root.results:
        return  # moved to the other trajectory, which is checked through its run table
    for index in range(OLD):
        name = f"run_{index:08d}"
        if name in root.results.runs and "z" in root.results.runs[name]:
            assert root.results.runs[name].z.z.read() == 2 * (first + index)


def assert_true(file: Path, name: str, values: list[int], told: set[int]) -> Trajectory:
    """P2 and P3: what was told is there, and what is completed is there.

    Rows of the run table follow the data of short runs a little later, so a run that was told need
    not be completed: then it is executed again, but its data is there.

    Parameters
    ----------
    values : list of int
        Value of ``x`` of each run that there may be.
    told : set of int
        Indices of runs that were reported as completed.
    """
    traj = load_trajectory(name, filename=str(file), load_data=2)
    assert traj.f_get("x").f_get_range() == values[: len(traj)]
    completed = {index for index in range(len(traj)) if traj.f_is_completed(index)}
    for index in completed | told:
        assert_run(traj, index, values[index])
    return traj


def assert_run(traj: Trajectory, index: int, x: int) -> None:
    """The data of one run is there, and right."""
    traj.f_set_crun(index)
    assert traj.f_get("results.runs.crun.z").f_get(0) == 2 * x
    assert np.array_equal(traj.f_get("crunset.crun.noise").f_get(0), value_of(x))
    traj.f_restore_default()


def told_runs(lines: list[str]) -> set[int]:
    """Indices of the runs that were told."""
    return {int(line.split()[1]) for line in lines if line.startswith("run ")}


def last_number(lines: list[str], word: str, none: int = -1) -> int:
    """The number behind a word in the last line that has it."""
    return max(
        (int(line.split()[1]) for line in lines if line.startswith(f"{word} ")), default=none
    )


# ------------------------------------------------------------- after operations


def check_experiment(file: Path, scenario: str, lines: list[str]) -> None:
    """After one of the scenarios that execute runs, and again when the rest was executed."""
    told = told_runs(lines)
    values = list(range(NEW)) if scenario == "first_session" else list(range(OLD + NEW))
    name = "new" if scenario == "first_session" else "t"
    old = set() if scenario == "first_session" else set(range(OLD))
    with tables.open_file(file) as opened:
        is_there = name in opened.root
    if not is_there and not told:
        return
    traj = assert_true(file, name, values, told | old)
    if "end" in lines:
        assert all(traj.f_is_completed(index) for index in told)
    if scenario == "second_session":
        assert len(load_trajectory(name, filename=str(file))) in (OLD, OLD + NEW)


def check_operation(file: Path, scenario: str, lines: list[str]) -> None:
    """After one of the other scenarios."""
    check = globals().get(f"_check_{scenario}")
    assert check is not None, scenario
    check(file, lines)


def _check_expand(file: Path, lines: list[str]) -> None:
    traj = assert_true(file, "t", list(range(OLD + NEW)), set(range(OLD)))
    assert len(traj) >= last_number(lines, "length", OLD)
    assert (len(traj) - OLD) % 3 == 0


def _check_merge(file: Path, lines: list[str]) -> None:
    merged = list(range(OLD)) + list(range(100, 100 + OLD))
    traj = assert_true(file, "t", merged, set(range(OLD)))
    happened = len(traj) == 2 * OLD
    assert happened or (len(traj) == OLD and "merged" not in lines)
    assert_true(file, "t", merged, set(range(len(traj))))
    with tables.open_file(file) as opened:
        assert ("other" in opened.root) is not happened
    if not happened:
        assert_true(file, "other", merged[OLD:], set(range(OLD)))


def _check_merge_slowly(file: Path, lines: list[str]) -> None:
    merged = list(range(OLD)) + list(range(100, 100 + OLD))
    traj = assert_true(file, "t", merged, set(range(OLD)))
    assert len(traj) == 2 * OLD or (len(traj) == OLD and "merged" not in lines)
    assert_true(file, "t", merged, set(range(len(traj))))
    assert_true(file, "other", merged[OLD:], set(range(OLD)))


def _check_merge_from_another_file(file: Path, lines: list[str]) -> None:
    merged = list(range(OLD)) + list(range(100, 100 + OLD))
    traj = assert_true(file, "t", merged, set(range(OLD)))
    assert len(traj) == 2 * OLD or (len(traj) == OLD and "merged" not in lines)
    assert_true(file, "t", merged, set(range(len(traj))))
    assert_whole(second(file))
    if len(traj) == OLD:
        assert_true(second(file), "other", merged[OLD:], set(range(OLD)))


def _check_backup(file: Path, lines: list[str]) -> None:
    assert_true(file, "t", list(range(OLD)), set(range(OLD)))
    copy = second(file)
    assert copy.exists() or "backed up" not in lines
    if copy.exists():
        assert_whole(copy)
        assert_true(copy, "t", list(range(OLD)), set(range(OLD)))


def _check_compact(file: Path, lines: list[str]) -> None:
    assert_true(file, "t", list(range(OLD)), set(range(OLD)))
    assert_true(file, "other", list(range(100, 100 + OLD)), set(range(OLD)))


def _check_delete(file: Path, lines: list[str]) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    left = {leaf.v_name for leaf in traj.f_get("results.extra").f_iter_leaves()}
    deleted = last_number(lines, "deleted")
    assert left <= {f"r{number}" for number in range(deleted + 1, 20)}
    assert left >= {f"r{number}" for number in range(deleted + 2, 20)}
    for name in left:
        expected = value_of(int(name[1:]))
        assert np.array_equal(traj.f_get(f"results.extra.{name}").f_get(0), expected)


def _check_store(file: Path, lines: list[str]) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    stored = last_number(lines, "stored")
    for number in range(stored + 1):
        assert np.array_equal(traj.f_get(f"stored.r{number}").f_get(0), value_of(number))
    replaced = traj.f_get("results.extra.r0").f_get(0)
    allowed = [value_of(1000 + stored), value_of(1000 + stored + 1)]
    if stored < 0:
        allowed = [value_of(0), value_of(1000)]
    assert any(np.array_equal(replaced, value) for value in allowed)


def _check_share(file: Path, lines: list[str]) -> None:
    traj = load_trajectory("t", filename=str(file), load_data=2)
    shared = traj.f_get("results.shared")
    last = last_number(lines, "appended", 0)
    rows, array = shared.rows.read(), shared.array.read()
    assert rows["n"].tolist() == list(range(len(rows)))
    assert array[:, 0].tolist() == list(range(len(array)))
    assert last + 1 <= len(array) <= len(rows) <= last + 2
