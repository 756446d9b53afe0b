"""What the chapter on creating an environment says, shown from end to end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import types
from pathlib import Path

import pytest

from pypet import Environment, Result, Trajectory, load_trajectory

pytestmark = pytest.mark.timeout(60)

QUIET = {"log_config": None, "report_progress": False}


class Spikes(Result):
    """A result class of a user."""


class Waves(Result):
    """Another one."""


@pytest.mark.claim(4)
@pytest.mark.claim(7)
@pytest.mark.claim(8)
@pytest.mark.claim(9)
@pytest.mark.parametrize(
    "dynamic_imports",
    [Spikes, "users_module.Spikes", [Waves, "users_module.Spikes"]],
    ids=["class", "path", "list"],
)
def test_dynamic_imports_are_added_to_new_trajectories_only(dynamic_imports, monkeypatch):
    monkeypatch.setitem(sys.modules, "users_module", sys.modules[__name__])
    new = Environment("new", dynamic_imports=dynamic_imports, **QUIET).trajectory
    old = Environment(Trajectory("old"), dynamic_imports=dynamic_imports, **QUIET).trajectory
    for traj in (new, old):
        traj.f_add_result(Spikes, "spikes", 1)
        traj.f_store()
        traj.f_remove_child("results", recursive=True)
    new.f_load(load_results=2)
    assert type(new.f_get("spikes")) is Spikes
    with pytest.raises(ImportError, match="Spikes"):
        old.f_load(load_results=2)


@pytest.mark.claim(10)
@pytest.mark.parametrize("first", ["left", "right"])
def test_of_two_classes_of_one_name_the_first_is_used(first, monkeypatch):
    classes = {}
    for side in ("left", "right"):
        module = types.ModuleType(f"{side}_module")
        module.Twin = type("Twin", (Result,), {"__module__": module.__name__, "__slots__": ()})
        monkeypatch.setitem(sys.modules, module.__name__, module)
        classes[side] = module.Twin
    second = "right" if first == "left" else "left"
    imports = [classes[first], f"{second}_module.Twin"]
    traj = Environment("t", filename="t.hdf5", dynamic_imports=imports, **QUIET).trajectory
    traj.f_add_result(classes[second], "z", 1)
    traj.f_store()
    loaded = load_trajectory("t", filename="t.hdf5", load_data=2, dynamic_imports=imports)
    assert type(loaded.f_get("z")) is classes[first]


@pytest.mark.claim(15)
def test_each_run_is_in_the_file_when_the_next_one_begins():
    env, seen = Environment("t", filename="t.hdf5", **QUIET), []

    def job(traj):
        loaded = load_trajectory("t", filename="t.hdf5", load_data=2)
        seen.append(dict(loaded.f_get_from_runs("z", fast_access=True)))
        traj.f_add_result("z", traj.x)

    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [10, 20, 30]})
    env.run(job)
    assert seen == [{}, {"run_00000000": 10}, {"run_00000000": 10, "run_00000001": 20}]


def logging_as_it_is() -> dict[str, tuple[list[logging.Handler], int, bool]]:
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    return {
        logger.name: (list(logger.handlers), logger.level, logger.disabled)
        for logger in loggers
        if isinstance(logger, logging.Logger)
    }


@pytest.mark.claim(19)
def test_without_log_config_no_logger_changes(folder: Path):
    logging.getLogger("mine").setLevel(logging.DEBUG)
    Environment("warm_up", filename="w.hdf5", **QUIET).run(lambda traj: None)
    before, streams = logging_as_it_is(), (sys.stdout, sys.stderr)
    env = Environment("t", filename="t.hdf5", **QUIET)
    inside = env.run(lambda traj: logging_as_it_is())[0][1]
    env.disable_logging()
    after = logging_as_it_is()
    for state in (inside, after):
        assert {name: state[name] for name in before} == before
        assert all(not handlers for name, (handlers, *_) in state.items() if name not in before)
    assert (sys.stdout, sys.stderr) == streams
    assert not (folder / "logs").exists()


@pytest.mark.claim(24)
def test_what_is_written_to_stderr_stays_there(folder: Path, capsys):
    stderr = sys.stderr
    with Environment("t", filename="t.hdf5", log_stdout=True, report_progress=False):
        assert sys.stderr is stderr
        print("to stdout")
        print("to stderr", file=sys.stderr)
    log = next((folder / "logs").rglob("LOG.txt")).read_text()
    assert "to stdout" in log
    assert "to stderr" not in log
    assert "to stderr" in capsys.readouterr().err


def interrupt_the_main_process(traj):
    traj.f_add_result("z", traj.x)
    if traj.v_idx == 0:
        os.kill(os.getppid(), signal.SIGINT)
    return traj.x


@pytest.mark.claim(98)
@pytest.mark.claim(242)
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_active_runs_of_other_processes_finish_and_are_stored_after_an_interrupt():
    env = Environment(
        "t", filename="t.hdf5", multiproc=True, ncores=2, start_method="fork", graceful_exit=True,
        **QUIET,
    )  # fmt: skip
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": list(range(100, 200))})
    results = env.run(interrupt_the_main_process)
    assert 1 <= len(results) < 100
    assert results == [(idx, 100 + idx) for idx, _ in results]
    loaded = load_trajectory("t", filename="t.hdf5", load_data=2)
    values = loaded.f_get_from_runs("z", fast_access=True, use_indices=True)
    assert list(values.items()) == results
    assert [idx for idx in range(100) if loaded.f_is_completed(idx)] == [i for i, _ in results]


class Unpicklable(Result):
    """A result that cannot be sent anywhere."""

    def __reduce_ex__(self, protocol):
        raise TypeError("not to be pickled")


def add_unpicklable(traj):
    traj.f_add_result(Unpicklable, "z", traj.x)
    return os.getpid()


@pytest.mark.claim(172)
def test_with_lock_results_that_cannot_be_pickled_are_stored_by_their_own_process():
    env = Environment(
        "t", filename="t.hdf5", multiproc=True, ncores=2, wrap_mode="LOCK",
        dynamic_imports=Unpicklable, **QUIET,
    )  # fmt: skip
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [1, 2]})
    assert os.getpid() not in dict(env.run(add_unpicklable)).values()
    loaded = load_trajectory("t", filename="t.hdf5", load_data=2, dynamic_imports=Unpicklable)
    assert list(loaded.f_get_from_runs("z", fast_access=True).values()) == [1, 2]
