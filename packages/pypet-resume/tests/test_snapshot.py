"""Snapshots: written whole or not at all, checked before they are unpickled."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from pypet_resume import (
    DamagedSnapshotError,
    ExperimentSnapshot,
    NoSnapshotError,
)
from pypet_resume import snapshot as module
from pypet_trajectory.exceptions import PypetError, PypetRuntimeError, PypetTypeError

pytestmark = pytest.mark.timeout(60)


def job(traj, factor):
    return traj * factor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "environment.ecnt"


def snapshot(**values):
    return ExperimentSnapshot(**{"trajectory": {"x": 1}, "runfunc": job, **values})


def test_a_snapshot_comes_back(path):
    saved = snapshot(args=(3,), kwargs={"b": [1]}, full_copy=True, start_timestamp=12.5)
    saved.save(path)
    assert ExperimentSnapshot.load(path) == saved


def test_functions_that_cannot_be_imported_travel(path):
    factor = 3
    snapshot(runfunc=lambda traj: traj * factor).save(path)
    assert ExperimentSnapshot.load(path).runfunc(2) == 6


def test_a_missing_snapshot_is_a_file_not_found_error(path):
    with pytest.raises(NoSnapshotError, match=r"environment\.ecnt") as caught:
        ExperimentSnapshot.load(path)
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, PypetError)


@pytest.mark.parametrize("damage", ["cut", "cut in header", "flipped", "empty", "longer"])
def test_a_damaged_snapshot_is_recognised(path, damage):
    snapshot().save(path)
    data = bytearray(path.read_bytes())
    match damage:
        case "cut":
            data = data[:-1]
        case "cut in header":
            data = data[:20]
        case "flipped":
            data[-10] ^= 1
        case "empty":
            data = bytearray()
        case "longer":
            data += b"."
    path.write_bytes(data)
    with pytest.raises(DamagedSnapshotError, match=r"environment\.ecnt"):
        ExperimentSnapshot.load(path)


def test_nothing_is_unpickled_from_a_damaged_snapshot(path, monkeypatch):
    snapshot().save(path)
    path.write_bytes(path.read_bytes() + b" ")
    monkeypatch.setattr(module, "_unpickled", lambda *_: pytest.fail("unpickled"))
    with pytest.raises(DamagedSnapshotError):
        ExperimentSnapshot.load(path)


def test_the_field_that_cannot_be_pickled_is_named(path):
    with pytest.raises(PypetTypeError, match=r"`kwargs` \(a dict\)"):
        snapshot(kwargs={"door": (each for each in "ab")}).save(path)
    assert list(path.parent.iterdir()) == []


def test_what_cannot_be_rebuilt_here_is_told_from_damage(path, tmp_path):
    (tmp_path / "vanishing.py").write_text("def job(traj): pass\n")
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from vanishing import job
        from pypet_resume import ExperimentSnapshot
        ExperimentSnapshot(None, job).save({str(path)!r})
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=50)
    with pytest.raises(PypetRuntimeError, match="vanishing") as caught:
        ExperimentSnapshot.load(path)
    assert not isinstance(caught.value, DamagedSnapshotError)


def test_a_failing_write_leaves_the_old_snapshot(path, monkeypatch):
    snapshot(args=(1,)).save(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        snapshot(args=(2,)).save(path)
    assert ExperimentSnapshot.load(path).args == (1,)
    assert list(path.parent.iterdir()) == [path]


def test_data_is_durable_before_the_file_appears(path, monkeypatch):
    steps = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("fsync"), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append("rename"), rename(a, b)))
    snapshot().save(path)
    expected = ["fsync", "rename"] if os.name == "nt" else ["fsync", "rename", "fsync"]
    assert steps == expected


def test_functions_of_the_running_script_are_taken_live(path):
    code = f"""
        import pickle
        from pypet_resume import ExperimentSnapshot

        def job(traj):
            return 1

        def after(traj, results):
            pass

        ExperimentSnapshot(None, job, args=(after,), postproc=after).save({str(path)!r})
        loaded = ExperimentSnapshot.load({str(path)!r})
        assert loaded.runfunc is job and loaded.postproc is after and loaded.args == (after,)
        pickle.dumps(loaded.runfunc)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=50)


def test_a_function_that_changed_since_is_reported(path, monkeypatch, caplog):
    main = sys.modules["__main__"]
    namespace = {"__name__": "__main__"}
    exec("def job(traj):\n    return 1\n", namespace)
    snapshot(runfunc=namespace["job"]).save(path)
    exec("def job(traj):\n    return traj + 1\n", namespace)
    monkeypatch.setattr(main, "job", namespace["job"], raising=False)
    with caplog.at_level(logging.WARNING):
        loaded = ExperimentSnapshot.load(path)
    assert loaded.runfunc is namespace["job"]
    assert "`job` differs" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("delay", [0.0, 0.003, 0.011, 0.027])
def test_a_writer_killed_at_any_moment_leaves_a_whole_snapshot(path, delay):
    code = f"""
        import itertools
        from pypet_resume import ExperimentSnapshot
        for number in itertools.count():
            ExperimentSnapshot(number, len, args=(bytes(500_000),)).save({str(path)!r})
            if number == 0:
                print("written", flush=True)
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        # The moment of the kill is the point here, not something to wait for.
        threading.Event().wait(delay)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait(20)
        writer.stdout.close()
    assert len(ExperimentSnapshot.load(path).args[0]) == 500_000


def test_importing_the_package_does_not_import_dill():
    code = "import sys, pypet_resume; sys.exit('dill' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == 0
