"""The power fails: whatever was not synced is gone or torn, block by block.

The process of a session dies without closing anything. What it had synced stays; of the journal any
prefix may be on the disk, with blocks of zeros in it, and working copies hold anything.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pypet import load_trajectory
from pypet_storage_hdf5.safety.pace import Pace
from pypet_trajectory import files
from pypet_trajectory.testing.processes import in_forked_process
from pypet_trajectory.trajectory import Trajectory
from tests.faults import scenarios
from tests.faults.checking import assert_true, assert_whole
from tests.faults.scenarios import NEW, OLD

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed"),
]

BLOCK = 512


@pytest.fixture
def cut(template: Path, tmp_path: Path) -> Path:
    """A file, beside the session of an experiment that grew it and whose process is gone."""
    file = tmp_path / "exp.hdf5"
    shutil.copy2(template, file)

    def work() -> None:
        Pace.is_due = lambda self, journal_size: False  # type: ignore[method-assign]
        traj = load_trajectory("t", filename=str(file), load_data=2)
        traj.v_storage_service.hold()
        env = scenarios.environment(traj, {})
        traj.f_expand({"x": list(range(OLD, OLD + NEW))})
        env.run(scenarios.job)

    assert in_forked_process(work) == 0
    assert journal_of(file).stat().st_size > 50 * BLOCK
    return file


def journal_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.session") / "journal"


def torn_states(content: bytes, generator: random.Random) -> Iterator[bytes]:
    """The journal cut at each block, and with blocks that did not reach the disk."""
    for start in range(0, len(content), BLOCK):
        yield content[:start]
        yield content[:start] + bytes(BLOCK) + content[start + BLOCK :]
        end = generator.randrange(start, len(content))
        yield content[:start] + bytes(end - start)


def check_all(cut: Path, folder: Path, states: Iterator[bytes]) -> int:
    """Open the file beside each state of its journal; how often something was taken from it."""
    generator = random.Random(1)
    more = 0
    for number, journal in enumerate(states):
        place = folder / str(number)
        place.mkdir()
        file = place / "exp.hdf5"
        shutil.copy2(cut, file)
        shutil.copytree(cut.with_name(f"{cut.name}.session"), file.with_name("exp.hdf5.session"))
        journal_of(file).write_bytes(journal)
        for copy in journal_of(file).parent.glob("*.hdf5"):
            copy.write_bytes(generator.randbytes(copy.stat().st_size // 2))
        assert_whole(file)
        values = list(range(OLD + NEW))
        traj = assert_true(file, "t", values, set(range(OLD)))
        assert len(traj) in (OLD, OLD + NEW)
        more += len(traj) > OLD
        assert_whole(file)
        shutil.rmtree(place)
    return more


def test_any_torn_journal_leaves_a_whole_and_true_file(cut: Path, tmp_path: Path) -> None:
    content = journal_of(cut).read_bytes()
    states = list(torn_states(content, random.Random(2)))
    assert check_all(cut, tmp_path / "states", iter(random.sample(states, 25))) > 0


@pytest.fixture(autouse=True)
def folder_for_states(tmp_path: Path) -> None:
    (tmp_path / "states").mkdir()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_torn_journal_leaves_a_whole_and_true_file(cut: Path, tmp_path: Path) -> None:
    content = journal_of(cut).read_bytes()
    assert check_all(cut, tmp_path / "states", torn_states(content, random.Random(3))) > 0


def test_nothing_takes_the_place_of_a_file_before_it_is_synced(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "exp.hdf5"
    shutil.copy2(template, file)
    synced: dict[str, bytes] = {}
    published = []

    def fsync(descriptor: int, really: Callable[[int], None] = os.fsync) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if os.path.isfile(path):
            synced[path] = Path(path).read_bytes()
        really(descriptor)

    def publish(complete: str, path: str, really: Callable[..., None] = files.publish) -> None:
        assert synced[complete] == Path(complete).read_bytes()
        published.append(path)
        really(complete, path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr("pypet_storage_hdf5.backend.working_copy.publish", publish)
    traj = load_trajectory("t", filename=str(file), load_data=2)
    env = scenarios.environment(traj, {})
    traj.f_expand({"x": list(range(OLD, OLD + NEW))})
    env.run(scenarios.job)
    store_something(traj)
    assert len(published) >= 2
    assert set(published) == {str(file)}


def test_the_journal_says_on_the_disk_that_it_is_done_before_the_last_checkpoint(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a journal of which an old state comes back would be taken for that of another file."""
    file = tmp_path / "exp.hdf5"
    shutil.copy2(template, file)
    synced = []
    traj = load_trajectory("t", filename=str(file), load_data=2)
    service = traj.v_storage_service
    service.hold()
    store_something(traj)

    def fsync(descriptor: int, really: Callable[[int], None] = os.fsync) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        really(descriptor)

    def publish(complete: str, path: str, really: Callable[..., None] = files.publish) -> None:
        assert "journal" in synced
        really(complete, path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr("pypet_storage_hdf5.backend.working_copy.publish", publish)
    service.release()
    assert not (tmp_path / "exp.hdf5.session").exists()


def store_something(traj: Trajectory) -> None:
    traj.f_store_item(traj.f_add_result("something", np.arange(1000)))
