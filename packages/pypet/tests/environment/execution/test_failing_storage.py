"""A disk that is full ends an experiment with one error; when there is room again it goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pypet import HDF5StorageService, load_trajectory
from pypet_trajectory.exceptions import StorageFailedError

# Far below the minutes after which a writer without a sign of life is given up.
pytestmark = pytest.mark.timeout(60)

WAYS: dict[str, dict[str, Any]] = {
    "serial": {},
    **{
        mode: {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": mode}
        for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE")
    },
}


class FullDisk(HDF5StorageService):
    """Takes the data of three runs; then nothing is stored any more as long as a file is there."""

    def _check(self, run_index: int = -1) -> None:
        if run_index >= 3 and not Path("empty").exists():
            Path("full").touch()
        if Path("full").exists():
            raise StorageFailedError("the disk is full")

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        if msg == "CLOSE_FILE":
            super().store(msg, stuff_to_store, *args, **kwargs)
            return self._check()
        self._check(stuff_to_store.v_idx if msg == "SINGLE_RUN" else -1)
        return super().store(msg, stuff_to_store, *args, **kwargs)

    def store_delta(self, delta: Any) -> None:
        self._check(delta.run_index)
        super().store_delta(delta)

    def store_run_rows(self, rows: Any) -> None:
        self._check()
        super().store_run_rows(rows)


def multiply(traj: Any) -> int:
    traj.f_add_result("z", traj.x * 10)
    return int(traj.x * 10)


@pytest.mark.parametrize("resumable", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_ends_an_experiment_that_can_be_run_on(explored, caplog, way, resumable):
    env = explored(
        list(range(10)), filename="t.hdf5", storage_service=FullDisk, resumable=resumable,
        on_run_error="continue", retries=2, **WAYS[way],
    )  # fmt: skip
    with pytest.raises(StorageFailedError, match=r"^the disk is full$") as info:
        env.run(multiply)
    assert not hasattr(info.value, "__notes__")
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert env.failed_runs == {}
    traj = env.trajectory
    assert not traj.v_is_run
    completed = {name for name in traj.f_get_run_names() if traj.f_is_completed(name)}
    assert completed <= {f"run_{idx:08d}" for idx in range(3)}
    values = load_trajectory("t", filename="t.hdf5", load_data=2).f_get_from_runs("z")
    assert completed <= set(values)

    os.rename("full", "empty")
    assert {idx for idx, _ in env.run(multiply)} >= set(range(3, 10))
    again = load_trajectory("t", filename="t.hdf5", load_data=2)
    assert again.f_is_completed()
    assert list(again.f_get_from_runs("z", fast_access=True).values()) == list(range(0, 100, 10))


def test_rows_of_the_run_table_that_meet_a_full_disk_follow_later(explored):
    def fill_the_disk(traj: Any) -> None:
        multiply(traj)
        if traj.v_idx == 2:
            Path("full").touch()

    env = explored([1, 2, 3], filename="t.hdf5", storage_service=FullDisk)
    with pytest.raises(StorageFailedError, match="the disk is full"):
        env.run(fill_the_disk)
    os.rename("full", "empty")
    env.run(multiply)
    assert load_trajectory("t", filename="t.hdf5", load_data=2).f_is_completed()


def test_what_ends_an_experiment_gets_a_note_if_the_run_table_cannot_be_stored(explored, caplog):
    def fill_the_disk(traj: Any) -> None:
        Path("full").touch()
        raise KeyboardInterrupt("enough")

    env = explored([1, 2, 3], filename="t.hdf5", storage_service=FullDisk)
    with pytest.raises(KeyboardInterrupt) as info:
        env.run(fill_the_disk)
    assert [note for note in info.value.__notes__ if "the disk is full" in note]
    assert "could not be stored after an error" not in caplog.text
