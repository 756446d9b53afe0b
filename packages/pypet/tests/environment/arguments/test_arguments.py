"""Arguments of an environment are checked before anything happens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pypet.environment
from pypet import Environment, LazyStorageService, Trajectory

QUIET = {
    "log_config": None,
    "report_progress": False,
    "storage_service": "InMemoryStorageService",
}


def test_several_wrong_arguments_leave_nothing_on_disk(folder: Path):
    with pytest.raises(ValueError):
        Environment("t", filename="t.hdf5", log_folder="somewhere", misspelled=1)
    assert os.listdir(folder) == []


@pytest.mark.claim(48)
@pytest.mark.parametrize("cap", ["cpu_cap", "memory_cap", "swap_cap"])
def test_caps_lie_above_0_and_up_to_100(cap):
    for value in (0, 100.1, -5.0):
        with pytest.raises(ValueError, match=cap):
            Environment(**QUIET, **{cap: value})
    Environment(**QUIET, **{cap: 100})


@pytest.mark.claim(157)
def test_only_the_memory_cap_may_be_a_pair():
    with pytest.raises(TypeError, match="cpu_cap"):
        Environment(**QUIET, cpu_cap=(50, 1))
    Environment(**QUIET, memory_cap=[50, 1])


@pytest.mark.parametrize("cap", [90, (90.0, 500), (90, 500.0), [90, 500]])
def test_the_memory_cap_is_noted_as_a_pair_of_numbers(cap):
    env = Environment(**QUIET, multiproc=True, memory_cap=cap)
    noted = env.trajectory.f_get("config.environment.memory_cap").f_get()
    assert tuple(noted) == (90.0, 0.0 if cap == 90 else 500.0)


@pytest.mark.claim(275)
def test_old_names_of_arguments_are_accepted_with_a_warning(folder: Path):
    with pytest.warns(DeprecationWarning, match="continuable"):
        env = Environment(**QUIET, continuable=True)
    assert env.trajectory.f_get_config(fast_access=True)[f"config.environment.{env.name}.resumable"]
    with pytest.warns(DeprecationWarning, match="pandas_append"):
        Environment(**QUIET, pandas_append=True)
    with pytest.warns(DeprecationWarning, match="delete_continue"):
        Environment(**QUIET, delete_continue=False)


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("dill", {"resumable": True}),
        ("git", {"git_repository": "."}),
        ("load_project", {"sumatra_project": "."}),
        ("zmq", {"wrap_mode": "NETLOCK"}),
        ("psutil", {"ncores": 0}),
        ("psutil", {"cpu_cap": 50.0}),
        ("scoop", {"use_scoop": True, "wrap_mode": "LOCAL"}),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package, arguments, monkeypatch
):
    monkeypatch.setattr(pypet.environment, package, None)
    with pytest.raises(ValueError, match="pip install"):
        Environment(**QUIET, **arguments)


@pytest.mark.claim(56)
def test_caps_need_psutil(monkeypatch):
    monkeypatch.setattr(pypet.environment, "psutil", None)
    with pytest.raises(ValueError, match="psutil"):
        Environment(**QUIET, cpu_cap=99.0)


@pytest.mark.claim(55)
def test_caps_of_100_need_no_psutil(monkeypatch):
    monkeypatch.setattr(pypet.environment, "psutil", None)
    Environment(**QUIET, multiproc=True, ncores=2)


@pytest.mark.claim(179)
@pytest.mark.claim(181)
@pytest.mark.parametrize("wrap_mode", ["NETLOCK", "NETQUEUE"])
def test_network_wrap_modes_need_pyzmq(wrap_mode, monkeypatch):
    monkeypatch.setattr(pypet.environment, "zmq", None)
    with pytest.raises(ValueError, match="pyzmq"):
        Environment(**QUIET, wrap_mode=wrap_mode)


@pytest.mark.claim(184)
@pytest.mark.parametrize("wrap_mode", ["LOCK", "QUEUE", "PIPE"])
def test_scoop_works_with_wrap_modes_without_shared_memory_only(wrap_mode, monkeypatch):
    monkeypatch.setattr(pypet.environment, "scoop", object())
    with pytest.raises(ValueError, match="use_scoop"):
        Environment(**QUIET, use_scoop=True, multiproc=True, wrap_mode=wrap_mode)


@pytest.mark.claim(35)
def test_no_cores_means_all_cores():
    import psutil

    env = Environment(**QUIET, multiproc=True, ncores=0)
    assert env.trajectory.f_get("config.environment.ncores").f_get() == psutil.cpu_count()


def test_something_else_than_a_trajectory_is_refused():
    for wrong in (None, 42):
        with pytest.raises(AttributeError, match="trajectory"):
            Environment(wrong, **QUIET)


def test_an_executor_is_an_alternative_to_a_pool():
    with pytest.raises(ValueError, match="executor"):
        Environment(**QUIET, executor=object(), multiproc=True, use_pool=True)
    with pytest.raises(TypeError, match="submit"):
        Environment(**QUIET, executor=object(), multiproc=True)


def test_a_service_of_the_trajectory_takes_no_keywords():
    traj = Trajectory("t", storage_service=LazyStorageService)
    with pytest.raises(ValueError, match="filename"):
        Environment(traj, filename="x.hdf5", log_config=None)


def test_a_storage_service_must_be_able_to_store():
    with pytest.raises(TypeError, match="storage_service"):
        Environment("t", log_config=None, storage_service=42)
    with pytest.raises(ImportError):
        Environment("t", log_config=None, storage_service="no_such_module.Service")
    with pytest.raises(ValueError, match="parquet"):
        Environment("t", log_config=None, storage_service=None, filename="t.parquet")


@pytest.mark.claim(86)
def test_resuming_needs_dill(monkeypatch, folder: Path):
    Environment(**QUIET, resumable=True)
    monkeypatch.setattr(pypet.environment, "dill", None)
    with pytest.raises(
        ValueError, match=r"resumable=True needs the package dill.*pip install dill"
    ):
        Environment("t", filename="t.hdf5", resumable=True)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("filename", "start"), [("t.traj", b"PK"), ("t.h5", b"\x89HDF"), ("t.data", b"\x89HDF")]
)
def test_the_extension_of_the_file_decides_what_stores(tmp_path, monkeypatch, filename, start):
    monkeypatch.chdir(tmp_path)
    Environment("t", filename=filename, log_config=None, report_progress=False).run(len)
    assert Path(filename).read_bytes().startswith(start)
