"""Who an environment is, and what it writes about itself."""

from __future__ import annotations

import re
import sys
import time

import pytest

from pypet import (
    Environment,
    HDF5StorageService,
    LazyStorageService,
    Result,
    Trajectory,
    load_trajectory,
)
from pypet.environment.parts.identity import digest

TIME = r"\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds"


@pytest.mark.claim(1)
def test_a_name_and_a_comment_make_a_trajectory(make_env):
    traj = make_env(trajectory="t", comment="c").trajectory
    assert isinstance(traj, Trajectory)
    assert (traj.v_name, traj.v_comment) == ("t", "c")


@pytest.mark.claim(2)
@pytest.mark.claim(3)
def test_an_existing_trajectory_is_taken_as_it_is(make_env):
    traj = Trajectory("mine")
    env = make_env(traj)
    assert env.trajectory is traj
    assert env.traj is env.trajectory


@pytest.mark.claim(4)
@pytest.mark.claim(6)
def test_comment_and_time_are_for_new_trajectories(make_env):
    traj = Trajectory("mine", comment="old")
    make_env(traj, comment="new", add_time=True)
    assert (traj.v_name, traj.v_comment) == ("mine", "old")


@pytest.mark.claim(5)
def test_the_time_is_appended_to_the_name(make_env):
    assert re.fullmatch(f"t_{TIME}", make_env(add_time=True).trajectory.v_name)


@pytest.mark.claim(283)
def test_no_arguments_are_needed():
    with Environment() as env:
        assert env.trajectory.v_name == "trajectory"


@pytest.mark.claim(121)
@pytest.mark.claim(124)
def test_sha_and_name_identify_the_environment(make_env):
    env = make_env()
    assert re.fullmatch("[0-9a-f]{40}", env.hexsha)
    assert re.fullmatch(f"environment_{env.hexsha[:7]}_{TIME}", env.name)
    assert env.name.endswith(env.time)
    assert env.trajectory.v_environment_hexsha == env.hexsha
    assert env.trajectory.v_environment_name == env.name


@pytest.mark.claim(123)
def test_the_sha_follows_from_name_times_and_version(make_env):
    assert digest("a", 1.0, 2.0, "3") == digest("a", 1.0, 2.0, "3")
    assert digest("a", 1.0, 2.0, "3") != digest("b", 1.0, 2.0, "3")
    traj = Trajectory("t")
    first, second = make_env(traj), make_env(traj)
    assert first.hexsha != second.hexsha
    assert first.name != second.name


def test_a_new_trajectory_and_its_environment_begin_together(make_env):
    env = make_env()
    assert env.timestamp == env.trajectory.v_timestamp
    old = Trajectory("t")
    assert make_env(old).timestamp > old.v_timestamp


def test_repr_names_environment_and_trajectory(make_env):
    env = make_env("flights")
    assert repr(env) == f"<Environment {env.name} for Trajectory flights>"


def test_names_may_have_prefixes(make_env):
    env = make_env()
    assert env.v_traj is env.trajectory
    assert env.f_run == env.run
    env.v_current_idx = 3
    assert env.current_idx == 3
    with pytest.raises(AttributeError, match="Environment"):
        _ = env.f_fly


@pytest.mark.claim(91)
def test_the_storage_service_is_a_class_an_instance_or_hdf5(folder):
    quiet = {"log_config": None}
    given = LazyStorageService()
    assert type(Environment("t", **quiet).trajectory.v_storage_service) is HDF5StorageService
    assert (
        type(Environment("t", storage_service=True, **quiet).trajectory.v_storage_service)
        is HDF5StorageService
    )
    env = Environment("t", storage_service=LazyStorageService, **quiet)
    assert type(env.trajectory.v_storage_service) is LazyStorageService
    env = Environment("t", storage_service=given, **quiet)
    assert env.trajectory.v_storage_service is given
    assert Environment("t", storage_service=None, **quiet).trajectory.v_storage_service is None


@pytest.mark.claim(92)
def test_extra_keywords_go_to_the_constructor_of_the_service(make_env):
    env = make_env(filename="t.hdf5", complevel=3)
    assert env.trajectory.v_storage_service.complevel == 3


@pytest.mark.claim(93)
def test_the_service_of_the_trajectory_wins(make_env):
    service = LazyStorageService()
    traj = Trajectory("t", storage_service=service)
    assert make_env(traj, storage_service=HDF5StorageService).trajectory is traj
    assert traj.v_storage_service is service


@pytest.mark.claim(100)
def test_lazy_debug_stores_nothing_under_a_debugger(make_env, monkeypatch, folder):
    env = make_env(filename="t.hdf5", lazy_debug=True)
    assert type(env.trajectory.v_storage_service) is HDF5StorageService
    monkeypatch.setitem(sys.modules, "pydevd", sys)
    env = make_env(filename="debug.hdf5", lazy_debug=True)
    assert type(env.trajectory.v_storage_service) is LazyStorageService
    env.trajectory.f_add_parameter("x", 1)
    assert env.run(lambda traj: traj.x) == [(0, 1)]
    assert not (folder / "debug.hdf5").exists()


@pytest.mark.claim(118)
def test_properties_of_the_trajectory_are_keywords_too(make_env):
    traj = make_env(auto_load=True, v_fast_access=False).trajectory
    assert traj.v_auto_load is True
    assert traj.v_fast_access is False


class CelsiusResult(Result):
    """A result class of a user's own."""

    __slots__ = ()


@pytest.mark.claim(7)
@pytest.mark.claim(8)
@pytest.mark.claim(9)
@pytest.mark.parametrize("as_path", [True, False, "mixed"])
def test_ones_own_classes_are_stored_and_loaded(make_env, as_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "my_classes", sys.modules[__name__])
    path, mixed = "my_classes.CelsiusResult", ["pypet.SparseResult", CelsiusResult]
    imports = mixed if as_path == "mixed" else path if as_path else CelsiusResult
    env = make_env(filename="t.hdf5", dynamic_imports=imports)
    env.run(lambda traj: traj.f_add_result(CelsiusResult, "warm", degrees=21.5) and None)
    traj = load_trajectory("t", filename="t.hdf5", load_data=2, dynamic_imports=imports)
    (loaded,) = traj.f_get_from_runs("warm").values()
    assert type(loaded) is CelsiusResult
    assert loaded.degrees == 21.5


def test_dynamic_imports_are_classes_or_names(make_env):
    with pytest.raises(TypeError):
        make_env(dynamic_imports=[42])


# ------------------------------------------------------------------------- config entries


def entries(env):
    prefix = f"config.environment.{env.name}."
    config = env.trajectory.f_get_config(fast_access=True)
    return {name[len(prefix) :]: value for name, value in config.items() if name.startswith(prefix)}


ALWAYS = {
    "trajectory.name", "trajectory.timestamp", "timestamp", "hexsha", "automatic_storing",
}  # fmt: skip
ORDER = """
    multiproc use_pool use_scoop niceness freeze_input cpu_cap memory_cap swap_cap
    immediate_postprocessing ncores wrap_mode queue_maxsize url timeout gc_interval clean_up_runs
    resumable graceful_exit trajectory.name trajectory.timestamp timestamp hexsha automatic_storing
""".split()  # noqa: SIM905
RUNS = {"multiproc", "clean_up_runs", "resumable", "graceful_exit"}
PROCESSES = {"use_pool", "use_scoop", "ncores", "wrap_mode"}
CAPS = {"cpu_cap", "memory_cap", "swap_cap", "immediate_postprocessing"}


@pytest.mark.claim(119)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, RUNS),
        ({"do_single_runs": False}, set()),
        ({"multiproc": True}, RUNS | PROCESSES | CAPS),
        ({"multiproc": True, "use_pool": True}, RUNS | PROCESSES | {"freeze_input"}),
        ({"multiproc": True, "niceness": 3}, RUNS | PROCESSES | CAPS | {"niceness"}),
        (
            {"multiproc": True, "wrap_mode": "QUEUE", "gc_interval": 3},
            RUNS | PROCESSES | CAPS | {"queue_maxsize", "gc_interval"},
        ),
        ({"multiproc": True, "gc_interval": 3}, RUNS | PROCESSES | CAPS),
        ({"multiproc": True, "wrap_mode": "PIPE"}, RUNS | PROCESSES | CAPS | {"queue_maxsize"}),
        (
            {"multiproc": True, "wrap_mode": "LOCAL", "gc_interval": 3},
            RUNS | PROCESSES | CAPS | {"gc_interval"},
        ),
        (
            {"multiproc": True, "wrap_mode": "NETLOCK"},
            RUNS | PROCESSES | CAPS | {"url", "timeout"},
        ),
    ],
)
def test_the_settings_that_apply_are_written_down(make_env, arguments, expected):
    written = entries(make_env(**arguments))
    rest = [name for name in written if not name.startswith("versions.") and name != "script"]
    assert rest == sorted(ALWAYS | expected, key=ORDER.index)


@pytest.mark.claim(97)
def test_without_runs_nothing_about_runs_is_written(make_env):
    env = make_env(do_single_runs=False)
    assert not RUNS & entries(env).keys()
    with pytest.raises(RuntimeError, match="do_single_runs"):
        env.run(lambda traj: None)


@pytest.mark.claim(120)
def test_the_time_stamp_is_that_of_creation(make_env):
    env = make_env()
    assert abs(entries(env)["timestamp"] - time.time()) < 60
    assert entries(env)["hexsha"] == env.hexsha


@pytest.mark.claim(42)
def test_caps_are_written_for_processes_per_run_only(make_env):
    assert entries(make_env(multiproc=True))["memory_cap"] == (100.0, 0.0)
    assert "memory_cap" not in entries(make_env(multiproc=True, use_pool=True))


@pytest.mark.claim(71)
def test_the_size_of_the_queue_follows_from_the_cores(make_env):
    queue = {"multiproc": True, "wrap_mode": "QUEUE", "ncores": 3}
    assert entries(make_env(**queue))["queue_maxsize"] == 6
    assert entries(make_env(**queue, queue_maxsize=0))["queue_maxsize"] == 0


@pytest.mark.claim(125)
def test_everything_stays_below_the_name_of_the_environment(explored):
    env = explored([1, 2])
    env.run(lambda traj: traj.x)
    names = [name for name in env.trajectory.f_get_config() if not name.startswith("config.hdf5")]
    assert names
    assert all(name.startswith(f"config.environment.{env.name}.") for name in names)
    assert all(env.trajectory.f_get(name).v_locked for name in names)
    assert {"runtime", "start_timestamp"} <= {name.rpartition(".")[2] for name in names}
    assert all(env.trajectory.f_get(name).v_comment for name in names)


@pytest.mark.claim(126)
def test_all_environments_of_a_trajectory_are_kept(make_env, explored):
    env = explored([1, 2])
    traj = env.trajectory
    env.run(lambda traj: traj.x)
    traj.f_expand({"x": [3]})
    other = make_env(traj)
    assert other.run(lambda traj: traj.x) == [(2, 3)]
    groups = traj.f_get("config.environment").f_get_children()
    assert set(groups) == {env.name, other.name}


def test_versions_are_texts(make_env):
    versions = {k: v for k, v in entries(make_env()).items() if k.startswith("versions.")}
    assert {"versions.pypet", "versions.python", "versions.numpy"} <= versions.keys()
    assert all(isinstance(version, str) for version in versions.values())
