"""What processes do that are killed, or whose disk fills up; importable by every process.

Each scenario works on a file that `prepare` made, tells through `tell` when the interesting part
begins, and tells every run and every operation that was reported to the user as done.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pypet import (
    Environment,
    SharedArray,
    SharedEArray,
    SharedResult,
    SharedTable,
    StorageContextManager,
    Trajectory,
    compact_hdf5_file,
    load_trajectory,
)
from pypet.environment.execution.running import BatchLoop

#: Runs of the prepared trajectory, which are done, and of the part that is killed.
OLD, NEW = 8, 30
BEGIN = "begin"

Tell = Callable[[str], None]


def value_of(x: int) -> np.ndarray[Any, Any]:
    """What a run stores for a value of ``x``: large enough to fill chunks."""
    return np.random.default_rng(x).random(200)


def job(traj: Trajectory) -> int:
    """Store two results."""
    traj.f_add_result("z", traj.x * 2, comment="Twice x")
    traj.f_add_result("$set.$.noise", value_of(traj.x), comment="Noise")
    return int(traj.x)


def grow(traj: Trajectory, results: list[Any]) -> dict[str, list[int]] | None:
    """Post-processing that makes the trajectory longer, twice."""
    length = len(traj)
    if length >= OLD + NEW:
        return None
    return {"x": list(range(length, min(length + NEW // 2, OLD + NEW)))}


def environment(trajectory: Any, settings: dict[str, Any]) -> Environment:
    """An environment for a trajectory, or for a new one by name, that is silent."""
    return Environment(trajectory, log_config=None, report_progress=False, **settings)


def _explored(name: str, file: Path, values: list[int], **settings: Any) -> Environment:
    env = environment(name, {"filename": str(file), **settings})
    env.trajectory.f_add_parameter("x", 0, comment="Explored")
    env.trajectory.f_explore({"x": values})
    return env


def prepare(file: Path) -> None:
    """A file with a trajectory of `OLD` runs, another one to be merged, and shared data."""
    _explored("t", file, list(range(OLD))).run(job)
    _explored("other", file, list(range(100, 100 + OLD))).run(job)
    traj = load_trajectory("t", filename=str(file), load_data=2)
    for number in range(20):
        traj.f_add_result(f"extra.r{number}", value_of(number), comment="To be deleted")
    shared = traj.f_add_result(
        SharedResult, "shared", rows=SharedTable(), array=SharedEArray(), fixed=SharedArray()
    )
    traj.f_store()
    shared.rows.create_shared_data(first_row={"n": 0, "v": 0.0})
    shared.array.create_shared_data(obj=np.zeros((1, 10)))
    shared.fixed.create_shared_data(obj=np.zeros(10))


def _telling(tell: Tell) -> None:
    """Let every run that the experiment counts as completed be told."""
    take = BatchLoop._take

    def take_and_tell(self: Any, outcome: Any) -> None:
        take(self, outcome)
        if outcome.failure is None:
            tell(f"run {outcome.idx}")

    BatchLoop._take = take_and_tell  # type: ignore[method-assign]


def first_session(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """A new trajectory in the file."""
    env = _explored("new", file, list(range(NEW)), **settings)
    tell(BEGIN)
    env.run(job)


def second_session(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """More points for the trajectory that is there."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    env = environment(traj, settings)
    tell(BEGIN)
    traj.f_expand({"x": list(range(OLD, OLD + NEW))})
    env.run(job)


def post_processing(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """The trajectory grows while the experiment goes on."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    env = environment(traj, settings)
    env.add_postprocessing(grow)
    tell(BEGIN)
    traj.f_expand({"x": [OLD, OLD + 1]})
    env.run(job)


def expand(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """Growing by hand, one store call after the other."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    tell(BEGIN)
    for start in range(OLD, OLD + NEW, 3):
        traj.f_expand({"x": list(range(start, start + 3))})
        traj.f_store()
        tell(f"length {len(traj)}")


def merge(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """The other trajectory is appended, within the file."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    other = load_trajectory("other", filename=str(file), load_data=2)
    tell(BEGIN)
    traj.f_merge(other, backup=False, move_data=True, delete_other_trajectory=True)
    tell("merged")


def merge_slowly(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """The other trajectory is appended, through memory."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    other = load_trajectory("other", filename=str(file), load_data=2)
    tell(BEGIN)
    traj.f_merge(other, backup=False, slow_merge=True)
    tell("merged")


def merge_from_another_file(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """The data of a trajectory in another file is moved."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    other = load_trajectory("other", filename=str(second(file)), load_data=2)
    tell(BEGIN)
    traj.f_merge(other, backup=False, move_data=True)
    tell("merged")


def second(file: Path) -> Path:
    """Another file beside the first one."""
    return file.with_name(f"second {file.name}")


def backup(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """A copy in another file."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    tell(BEGIN)
    traj.f_backup(backup_filename=str(second(file)))
    tell("backed up")


def compact(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """The file is written anew."""
    tell(BEGIN)
    compact_hdf5_file(str(file), keep_backup=True)
    tell("compacted")


def delete(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """Results are deleted one by one."""
    traj = load_trajectory("t", filename=str(file), load_data=1)
    tell(BEGIN)
    for number in range(20):
        traj.f_delete_item(f"results.extra.r{number}")
        tell(f"deleted {number}")


def store(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """Results are stored one by one, and one is replaced each time."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    tell(BEGIN)
    for number in range(60):
        traj.f_store_item(traj.f_add_result(f"stored.r{number}", value_of(number)))
        replaced = traj.f_get("results.extra.r0")
        replaced.f_set_single(replaced.v_name, value_of(1000 + number))
        traj.f_store_item(replaced, store_data=3)
        tell(f"stored {number}")


def share(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """Rows are appended to shared data, in turn with the file open and closed."""
    traj = load_trajectory("t", filename=str(file), load_data=2)
    shared = traj.f_get("results.shared")

    def append(number: int) -> None:
        shared.rows.append([(number, float(number))])
        shared.array.append(np.full((1, 10), float(number)))
        tell(f"appended {number}")

    tell(BEGIN)
    for number in range(1, 15):
        append(number)
    with StorageContextManager(traj):
        for number in range(15, 200):
            append(number)


def recover(file: Path, settings: dict[str, Any], tell: Tell) -> None:
    """A file whose process was killed is opened, and stored into."""
    tell(BEGIN)
    traj = load_trajectory("t", filename=str(file), load_data=2)
    traj.f_add_result("afterwards", 1)
    traj.f_store()
    tell("recovered")


Scenario = Callable[[Path, dict[str, Any], Tell], None]

#: Scenarios that execute runs, in any way.
EXPERIMENTS: tuple[Scenario, ...] = (first_session, second_session, post_processing)
#: Scenarios of one process.
OPERATIONS: tuple[Scenario, ...] = (
    expand,
    merge,
    merge_slowly,
    merge_from_another_file,
    backup,
    compact,
    delete,
    store,
    share,
)


def perform(scenario: Scenario, file: Path, settings: dict[str, Any], log: str) -> None:
    """Entry point of a process: do what the scenario says, and append what it tells to a file."""
    os.setsid()  # the whole group can be killed
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def tell(what: str) -> None:
        os.write(descriptor, f"{what}\n".encode())

    _telling(tell)
    scenario(file, settings, tell)
    tell("end")
