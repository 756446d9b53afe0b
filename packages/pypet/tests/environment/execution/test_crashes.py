"""A process that dies leaves a true file, and an experiment that can be resumed goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pypet import Environment, load_trajectory
from pypet_resume import RunJournal

pytestmark = pytest.mark.timeout(120)

#: An experiment of six runs; run 3 kills its process once, if there is no file ``again``.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from pypet import Environment

QUIET = {"log_config": None, "report_progress": False}

def job(traj, factor):
    with open("calls.txt", "a") as calls:
        calls.write(f"{traj.v_idx}\\n")
    time.sleep(0.01)  # what takes milliseconds is stored when it ends
    traj.f_add_result("z", traj.x * factor)
    if traj.v_idx == 3 and not Path("again").exists():
        Path("again").touch()
        os.kill(int(Path("main.pid").read_text()), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return traj.x * factor

def start(**kwargs):
    Path("main.pid").write_text(str(os.getpid()))
    env = Environment("t", filename="t.hdf5", **QUIET, **kwargs)
    env.trajectory.f_add_parameter("x", 0, comment="Explored")
    env.trajectory.f_add_parameter("unexplored", 7)
    env.trajectory.f_explore({"x": list(range(6))})
    env.run(job, 10)

def expand(traj, results):
    return {"x": [3, 4, 5]} if len(traj) == 3 else None

def start_small(**kwargs):
    Path("main.pid").write_text(str(os.getpid()))
    env = Environment("t", filename="t.hdf5", **QUIET, **kwargs)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [0, 1, 2]})
    env.add_postprocessing(expand)
    env.run(job, 10)

def kill_main_and_wait(traj, factor):
    os.kill(int(Path("main.pid").read_text()), signal.SIGKILL)
    signal.pause()

def start_and_wait(**kwargs):
    global job
    job = kill_main_and_wait
    start(**kwargs)

def resume(**kwargs):
    env = Environment("other", filename="other.hdf5", **QUIET, resumable=True, **kwargs)
    print(env.resume(trajectory_name="t"))
    print(env.trajectory.v_name)

if __name__ == "__main__":
    eval(sys.argv[1])(**eval(sys.argv[2]))
"""


@pytest.fixture
def script(folder: Path) -> Path:
    path = folder / "script.py"
    path.write_text(SCRIPT)
    return path


def execute(script: Path, function: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), function, repr(kwargs)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def stored() -> dict[str, int]:
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    return dict(traj.f_get_from_runs("z", fast_access=True))


def test_a_killed_experiment_leaves_a_file_that_says_how_far_it_came(script):
    assert execute(script, "start").returncode == -9
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    completed = [traj.f_is_completed(name) for name in traj.f_get_run_names()]
    # The last rows may still have been on their way, the others are there.
    assert completed == sorted(completed, reverse=True)
    assert completed[0] == 1
    assert completed[3:] == [0, 0, 0]
    assert traj.f_get("x").f_get_range() == list(range(6))
    assert traj.f_get("x").v_comment == "Explored"
    assert traj.unexplored == 7
    assert traj.f_contains("config.environment")
    values = traj.f_get_from_runs("z", fast_access=True)
    assert list(values.values())[:3] == [0, 10, 20]


def test_a_half_done_experiment_goes_on_by_itself_when_it_is_loaded(script):
    execute(script, "start")
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    env = Environment(traj, log_config=None, report_progress=False)

    def job(traj):
        traj.f_add_result("z", traj.x * 10)
        return traj.x * 10

    returned = env.run(job)
    assert returned == [(i, i * 10) for i in range(returned[0][0], 6)]
    assert returned[-3:] == [(3, 30), (4, 40), (5, 50)]
    assert list(stored().values()) == [0, 10, 20, 30, 40, 50]


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted")
@pytest.mark.parametrize("use_pool", [False, True])
def test_processes_without_a_main_process_end_and_leave_no_lock_file(
    script, folder, monkeypatch, use_pool
):
    (folder / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    kwargs = {"multiproc": True, "ncores": 2, "use_pool": use_pool, "wrap_mode": "LOCK"}
    assert execute(script, "start_and_wait", **kwargs).returncode == -9
    assert list((folder / "temporary").iterdir()) == []


@pytest.mark.claim(88)
@pytest.mark.claim(237)
@pytest.mark.claim(273)
@pytest.mark.claim(274)
@pytest.mark.claim(276)
@pytest.mark.claim(279)
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {}),
        ({}, {"multiproc": True, "ncores": 2}),
        ({"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"}, {}),
        ({"multiproc": True, "ncores": 2, "wrap_mode": "LOCAL"}, {"multiproc": True, "ncores": 2}),
    ],
    ids=["serial", "serial-then-processes", "pool-queue", "processes-local"],
)
def test_resuming_repeats_only_what_had_not_finished(script, folder, first, then):
    first = {**first, "resumable": True, "delete_resume": True}
    assert execute(script, "start", **first).returncode == -9
    assert (folder / "resume" / "t" / "environment.ecnt").is_file()
    before = (folder / "calls.txt").read_text().split()
    finished = {str(idx) for idx in RunJournal(folder / "resume" / "t" / "runs.rcnt").finished()}
    done = execute(script, "resume", **then)
    assert done.stdout.splitlines() == [str([(i, i * 10) for i in range(6)]), "t"], done.stderr
    after = (folder / "calls.txt").read_text().split()[len(before) :]
    assert sorted(set(after)) == sorted(after)
    assert {"3", "5"} <= set(after)
    assert finished.isdisjoint(after)
    assert finished or first.get("multiproc")
    assert list(stored().values()) == [0, 10, 20, 30, 40, 50]
    assert not (folder / "resume" / "t").exists()
    assert not (folder / "other.hdf5").exists()


def test_a_damaged_file_is_rebuilt_from_what_was_recorded(script, folder):
    execute(script, "start", resumable=True)
    (folder / "t.hdf5").write_bytes(b"nothing but noise")
    done = execute(script, "resume")
    assert done.stdout.splitlines()[:1] == [str([(i, i * 10) for i in range(6)])], done.stderr
    assert list(stored().values()) == [0, 10, 20, 30, 40, 50]
    assert (folder / "t.hdf5.damaged").read_bytes() == b"nothing but noise"


def test_runs_that_postprocessing_added_are_resumed_too(script):
    assert execute(script, "start_small", resumable=True).returncode == -9
    done = execute(script, "resume")
    assert done.stdout.splitlines()[:1] == [str([(i, i * 10) for i in range(6)])], done.stderr
    assert list(stored().values()) == [0, 10, 20, 30, 40, 50]


@pytest.mark.claim(85)
def test_nothing_is_kept_for_resuming_unless_wanted(explored, folder):
    explored([1, 2]).run(lambda traj: traj.x)
    assert not (folder / "resume").exists()


@pytest.mark.claim(87)
@pytest.mark.claim(89)
@pytest.mark.claim(272)
def test_files_for_resuming_are_there_while_runs_are_executed(explored, folder):
    env, seen = explored([1, 2], filename="t.hdf5", resumable=True, resume_folder="safe"), []

    def look(traj):
        seen.append(sorted(path.suffix for path in (folder / "safe" / "t").iterdir()))

    env.run(look)
    assert ".ecnt" in seen[0]
    assert ".rcnt" in seen[1]


@pytest.mark.claim(90)
def test_files_for_resuming_stay_until_all_runs_have_completed(explored, folder):
    env = explored([1, 2], filename="t.hdf5", resumable=True, on_run_error="continue")

    def fail(traj, broken=True):
        if broken and traj.x == 2:
            raise ValueError("not now")

    env.run(fail)
    assert (folder / "resume" / "t" / "environment.ecnt").is_file()
    assert env.run(fail, broken=False) == [(1, None)]
    assert not (folder / "resume" / "t").exists()
    assert (folder / "resume").is_dir()


def test_a_folder_with_another_experiment_is_not_touched(explored, folder):
    (folder / "resume" / "t").mkdir(parents=True)
    (folder / "resume" / "t" / "precious.txt").touch()
    env = explored([1], filename="t.hdf5", resumable=True)
    with pytest.raises(RuntimeError, match=r"precious\.txt"):
        env.run(lambda traj: None)


def test_there_must_be_something_to_resume(make_env):
    with pytest.raises(RuntimeError, match="resumable"):
        make_env().resume()
    with pytest.raises(FileNotFoundError):
        make_env(resumable=True).resume(trajectory_name="nothing")


def test_mapped_runs_cannot_be_resumed(explored):
    env = explored([1], filename="t.hdf5", resumable=True)
    with pytest.raises(ValueError, match="run_map"):
        env.run_map(lambda traj, a: a, [1])


def raise_at_two(traj, twice=True):
    traj.f_add_result("z", traj.x * 10)
    if traj.x == 2 and twice:
        raise ValueError("a bug")
    return traj.x


@pytest.fixture
def interrupted(explored) -> Environment:
    """An experiment that can be resumed, because one of its runs raised."""
    env = explored([1, 2, 3], filename="t.hdf5", complevel=1, resumable=True)
    with pytest.raises(ValueError, match="a bug"):
        env.run(raise_at_two)
    return env


@pytest.mark.claim(277)
def test_settings_of_the_file_are_those_of_the_experiment_that_is_resumed(
    interrupted, make_env, folder
):
    env = make_env("new", filename="new.hdf5", complevel=7, resumable=True)
    with pytest.raises(ValueError, match="a bug"):
        env.resume("t")
    service = env.trajectory.v_storage_service
    assert (Path(service.filename).name, service.complevel) == ("t.hdf5", 1)
    assert not (folder / "new.hdf5").exists()


@pytest.mark.claim(280)
def test_resuming_repairs_no_code_but_failed_runs_can_be_executed_by_repaired_code(
    interrupted, make_env
):
    env = make_env(resumable=True)
    with pytest.raises(ValueError, match="a bug"):
        env.resume("t")
    assert [failure.message for failure in env.failed_runs.values()] == ["a bug"]
    assert env.run(raise_at_two, twice=False) == [(1, 2), (2, 3)]
    assert list(stored().values()) == [10, 20, 30]


@pytest.mark.claim(278)
@pytest.mark.parametrize("wrap_mode", ["QUEUE", "PIPE"])
def test_also_experiments_whose_data_goes_through_a_writer_can_be_resumed(
    explored, make_env, wrap_mode
):
    """Pypet 0.7 refused these."""
    way = {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": wrap_mode}
    env = explored([1, 2, 3], filename="t.hdf5", resumable=True, on_run_error="continue", **way)
    assert env.run(raise_at_two) == [(0, 1), (2, 3)]
    again = make_env(resumable=True, on_run_error="continue", **way)
    assert again.resume("t") == [(0, 1), (2, 3)]
    assert list(again.failed_runs) == ["run_00000001"]
    assert again.run(raise_at_two, twice=False) == [(1, 2)]
    assert list(stored().values()) == [10, 20, 30]
