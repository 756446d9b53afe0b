"""Whatever is wrong with an argument is said before anything is created.

Each message names the argument, shows what was found and says what is accepted.
"""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet import Environment, HDF5StorageService, Parameter, Trajectory
from pypet.environment.arguments import ROWS
from pypet_trajectory.exceptions import PypetError

QUIET = {
    "log_config": None,
    "report_progress": False,
    "storage_service": "InMemoryStorageService",
}


def refusal(arguments: dict[str, Any], folder: Path) -> Exception:
    """The error for wrong arguments, after which the folder is as empty as before."""
    with pytest.raises(PypetError) as caught:
        Environment(**{**QUIET, **arguments})
    assert os.listdir(folder) == []
    return caught.value


SWITCHES = """
    add_time automatic_storing multiproc use_scoop use_pool freeze_input clean_up_runs
    immediate_postproc resumable delete_resume git_fail do_single_runs graceful_exit lazy_debug
    limit_threads
""".split()  # noqa: SIM905


@pytest.mark.parametrize("value", ["False", 2, None, []])
@pytest.mark.parametrize("name", [*SWITCHES, "auto_load", "v_fast_access", "iter_recursive"])
def test_a_switch_is_true_or_false(name, value, folder):
    error = refusal({name: value}, folder)
    assert isinstance(error, TypeError)
    assert str(error) == f"{name} must be True or False, but is {value!r}."


def test_truth_values_of_numpy_and_0_and_1_are_switches():
    env = Environment(**QUIET, clean_up_runs=np.True_, add_time=0, graceful_exit=np.int64(1))
    assert env.trajectory.v_name == "trajectory"


OF_OTHER_TYPES = [
    ("ncores", "4", "a whole number"),
    ("ncores", 2.5, "a whole number"),
    ("ncores", True, "a whole number"),
    ("queue_maxsize", None, "a whole number"),
    ("gc_interval", 1.5, "a whole number or None"),
    ("niceness", "low", "a whole number or None"),
    ("retries", "2", "a whole number"),
    ("cpu_cap", "50", "a number"),
    ("swap_cap", (50, 1), "a number"),
    ("timeout", "5", "a number of seconds or None"),
    ("run_timeout", float("nan"), "a number of seconds or None"),
    ("comment", 5, "a text"),
    ("git_message", b"x", "a text or None"),
    ("sumatra_reason", 5, "a text"),
    ("sumatra_label", 5, "a text or None"),
    ("resume_folder", "", "a path or None"),
    ("git_repository", 5, "a path or None"),
    ("sumatra_project", 5, "a path or None"),
    ("v_max_depth", "deep", "a number of levels or None"),
    ("max_depth", -1, "a number of levels or None"),
    ("v_standard_parameter", int, "a class of parameters or results"),
    ("filename", 5, "a path"),
]


@pytest.mark.parametrize(("name", "value", "wanted"), OF_OTHER_TYPES)
def test_a_value_of_another_type_is_named_with_what_is_wanted(name, value, wanted, folder):
    service = "pypet.HDF5StorageService" if name == "filename" else QUIET["storage_service"]
    error = refusal({"storage_service": service, name: value}, folder)
    assert isinstance(error, TypeError)
    assert str(error).startswith(f"{name} must be {wanted}, but is {value!r}")


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"niceness": 500}, ValueError, "niceness must be between -20 and 19, .* is 500"),
        ({"timeout": float("inf")}, ValueError, "timeout is a time .* None for no limit"),
        ({"cpu_cap": float("nan")}, ValueError, "cpu_cap is a percentage"),
        ({"memory_cap": "90"}, TypeError, "memory_cap must be a percentage or a pair"),
        ({"memory_cap": (50, float("nan"))}, ValueError, "memory_cap is in MB"),
        ({"memory_cap": (50, np.ones(3))}, TypeError, "memory_cap must be a percentage or a"),
        ({"wrap_mode": "lock"}, RuntimeError, "wrap_mode is one of .* Did you mean `LOCK`"),
        ({"wrap_mode": ["LOCK"]}, ValueError, "wrap_mode is one of"),
        ({"port": True, "wrap_mode": "NETLOCK"}, TypeError, "port is a number, a pair"),
        ({"port": 70000, "wrap_mode": "NETLOCK"}, ValueError, "1 to 65535, but it is 70000"),
        ({"port": (9, 7), "wrap_mode": "NETQUEUE"}, ValueError, "lowest is above highest"),
        ({"port": (9, "x"), "wrap_mode": "NETQUEUE"}, ValueError, "1 to 65535, but it is 'x'"),
        ({"port": "somewhere", "wrap_mode": "NETLOCK"}, ValueError, "whole url"),
        ({"port": "tcp://", "wrap_mode": "NETLOCK"}, ValueError, "host and a port"),
        ({"port": "tcp://localhost", "wrap_mode": "NETLOCK"}, ValueError, "host and a port"),
        ({"port": "tcp://h:99999", "wrap_mode": "NETLOCK"}, ValueError, "host and a port"),
        ({"start_method": []}, ValueError, "start_method is one of"),
        ({"on_run_error": True}, ValueError, "on_run_error is one of"),
        ({"on_run_error": "ignore"}, ValueError, r"one of \('raise', 'continue'\) or None"),
        ({"start_method": "teleport"}, ValueError, "on this system or None, but is 'teleport'"),
        ({"retries": -1}, ValueError, "retries says how often .* 0 or more, but is -1"),
        ({"run_timeout": 0}, ValueError, "run_timeout is a time in seconds above 0, .* is 0"),
        ({"gc_interval": 0}, ValueError, "gc_interval is a number .* from 1 on, .* is 0"),
        ({"queue_maxsize": -2}, ValueError, "queue_maxsize is a number of messages, .* is -2"),
        ({"ncores": -1}, ValueError, "ncores is the number of processes, .* is -1"),
        ({"cpu_cap": 0.0}, ValueError, "cpu_cap is a percentage above 0 .* is 0.0"),
        ({"swap_cap": 100.1}, ValueError, "swap_cap is a percentage above 0 .* is 100.1"),
        ({"memory_cap": (0.0, 100)}, ValueError, "memory_cap is a percentage above 0 .* is 0.0"),
        ({"memory_cap": (50, 100, 3)}, ValueError, r"memory_cap must be .* is \(50, 100, 3\)"),
        ({"port": 7777}, ValueError, "port is for the wrap modes .* 'LOCK' and port is 7777"),
        ({"use_pool": True, "immediate_postproc": True}, ValueError, "but use_pool is set"),
        ({"use_scoop": True, "immediate_postproc": True}, ValueError, "but use_scoop is set"),
        ({"executor": len, "immediate_postproc": True}, ValueError, "but executor is set"),
        ({"use_pool": True, "use_scoop": True}, ValueError, "exclude one another"),
        ({"executor": len, "multiproc": False}, ValueError, "executor needs multiproc=True"),
        ({"resumable": True, "automatic_storing": False}, ValueError, "automatic_storing=True"),
        ({"freeze_input": True}, ValueError, "freeze_input=True needs workers"),
        ({"freeze_input": True, "multiproc": False}, ValueError, "freeze_input=True needs"),
        ({"sumatra_label": "a.b"}, ValueError, "label"),
        ({"v_bogus": True}, ValueError, "no use for the keyword arguments v_bogus"),
        ({"trajectory": "no.dots"}, ValueError, "no.dots"),
        ({"log_config": "missing.ini"}, ValueError, "missing.ini"),
        ({"config": "missing.ini"}, ValueError, "missing.ini"),
        ({"wildcard_functions": {("$", "foo"): str}}, ValueError, r"\$"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_can(arguments, kind, words, folder):
    error = refusal({"multiproc": True, **arguments}, folder)
    assert isinstance(error, kind)
    assert re.search(words, str(error))


@pytest.mark.parametrize(
    ("misspelled", "meant"),
    [
        ({"ncore": 3}, "ncores"),
        ({"multi_proc": True}, "multiproc"),
        ({"logger_nmes": ("pypet",)}, "logger_names"),
        ({"file_name": "x.hdf5"}, "filename"),
        ({"comp_level": 3}, "complevel"),
        ({"autoload": True}, "auto_load"),
        ({"v_auto_laod": True}, "v_auto_load"),
    ],
)
def test_a_misspelled_keyword_is_answered_with_the_right_one(misspelled, meant, folder):
    service = {"storage_service": "pypet.HDF5StorageService"}
    error = refusal({**service, **misspelled}, folder)
    assert isinstance(error, ValueError)
    assert next(iter(misspelled)) in str(error)
    assert f"`{meant}`" in str(error).partition("Did you mean")[2]


def test_a_keyword_like_no_other_is_answered_without_a_guess(folder):
    assert "Did you mean" not in str(refusal({"zzzzzz": 1}, folder))


@pytest.mark.parametrize(
    ("wildcards", "words"),
    [
        (42, "come in a dictionary"),
        ([("$half", str)], "come in a dictionary"),
        ({(): str}, "by a tuple of several, not by ()"),
        ({(1, 2): str}, "by a tuple of several, not by (1, 2)"),
        ({("$half", "half"): "run_%d"}, "a function from run index to name, not 'run_%d'"),
        ({("$", "crun"): 5}, "a function from run index to name, not 5"),
        ({("$half", "half"): lambda: "half"}, "dummy name for index -1"),
        ({("$half", "half"): lambda idx: idx // 2}, "it returns -1"),
    ],
)
def test_a_wildcard_has_names_and_a_function_that_knows_the_dummy(wildcards, words, folder):
    assert words in str(refusal({"wildcard_functions": wildcards}, folder))


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (42, "one of them is 42"),
        (int, "one of them is <class 'int'>"),
        ([Parameter, os], "one of them is <module 'os'"),
        ("MyParameter", "dotted paths"),
        ("my-package.MyParameter", "dotted paths"),
        ("no_such_package.MyParameter", "no package 'no_such_package'"),
    ],
)
def test_dynamic_imports_are_classes_of_nodes_or_paths_in_packages(classes, words, folder):
    assert words in str(refusal({"dynamic_imports": classes}, folder))


def test_what_is_for_new_trajectories_only_is_ignored_with_others():
    env = Environment(
        Trajectory("t"), **QUIET, dynamic_imports=42, wildcard_functions=42, add_time=True
    )
    assert env.trajectory.v_name == "t"


@pytest.mark.parametrize(
    ("service", "kind"),
    [(int, TypeError), (Trajectory, TypeError), ([], TypeError), ("NoSuch", ValueError),
     ("no.such.Service", ImportError), ("os.path", TypeError)],
)  # fmt: skip
def test_a_storage_service_is_one_or_makes_one(service, kind, folder):
    assert isinstance(refusal({"storage_service": service}, folder), kind)


def test_a_file_is_not_put_below_another_file(tmp_path, folder):
    with pytest.raises(ValueError, match="/dev/null' is no folder"):
        Environment(log_config=None, filename="/dev/null/x.hdf5")
    assert os.listdir(folder) == []


def test_a_property_of_the_trajectory_is_given_once(folder):
    assert "twice" in str(refusal({"auto_load": True, "v_auto_load": False}, folder))


def test_the_current_run_is_one_that_is_there(folder):
    with pytest.raises(KeyError, match="no run of index 3"):
        Environment(filename="t.hdf5", v_idx=3)
    assert os.listdir(folder) == []


def test_an_old_name_and_its_new_one_exclude_each_other(folder):
    error = refusal({"continuable": True, "resumable": False}, folder)
    assert isinstance(error, ValueError)
    assert "`continuable` is the old name of `resumable`" in str(error)


IDLE = {
    "git_fail": {"git_fail": True},
    "git_message": {"git_message": "x"},
    "sumatra_reason": {"sumatra_reason": "x"},
    "sumatra_label": {"sumatra_label": "x"},
    "resume_folder": {"resume_folder": "x"},
    "cpu_cap": {"multiproc": True, "executor": len, "cpu_cap": 50},
    "memory_cap": {"multiproc": True, "use_pool": True, "memory_cap": 50},
    "swap_cap": {"multiproc": True, "use_pool": True, "swap_cap": 50},
    "gc_interval": {"multiproc": True, "gc_interval": 5},
    "timeout": {"multiproc": True, "timeout": 5},
}


def test_whatever_the_table_checks_is_among_the_examples():
    kinds = {name for name, row in ROWS.items() if row.kind is not None}
    assert kinds == {*SWITCHES, *(name for name, *_ in OF_OTHER_TYPES)} & ROWS.keys()
    assert {name for name, row in ROWS.items() if row.idle is not None} == IDLE.keys()


@pytest.mark.parametrize(("name", "arguments"), IDLE.items())
def test_arguments_without_effect_are_named_in_the_log(name, arguments, caplog):
    Environment(**QUIET, **arguments)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text for text in said if "no effect" in text] == [text for text in said if name in text]
    assert any(text.startswith(f"{name} has no effect") for text in said)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"use_pool": True, "memory_cap": 50, "gc_interval": 5},
        {"multiproc": True, "memory_cap": 50},
        {"multiproc": True, "wrap_mode": "LOCAL", "gc_interval": 5},
        {"resumable": True, "resume_folder": "x"},
    ],
)
def test_arguments_with_an_effect_or_switched_off_as_a_whole_are_not(arguments, caplog):
    Environment(**QUIET, **arguments)
    assert "no effect" not in caplog.text


def test_an_older_file_is_overwritten_only_if_all_arguments_are_right(folder):
    Environment("old", log_config=None, filename="t.hdf5").run(lambda traj: None)
    before = (folder / "t.hdf5").read_bytes()
    for wrong in (
        {"misspelled": 1},
        {"ncores": "4"},
        {"log_folder": "/dev/null"},
        {"complevel": 11},
    ):
        with pytest.raises(PypetError):
            Environment("new", filename="t.hdf5", overwrite_file=True, **wrong)
        assert os.listdir(folder) == ["t.hdf5"]
        assert (folder / "t.hdf5").read_bytes() == before


def test_an_environment_is_not_made_around_a_trajectory_in_a_run(folder):
    env = Environment(Trajectory("outer"), **QUIET)

    def job(traj):
        with pytest.raises(TypeError, match="'outer' while it is in 'run_00000000'"):
            Environment(traj, filename="inner.hdf5")
        return os.listdir(folder)

    assert env.run(job) == [(0, [])]


@pytest.mark.parametrize("idx", ["0", -1, 1.5, None])
def test_the_next_run_to_look_at_is_counted_from_0(idx):
    env = Environment(**QUIET)
    with pytest.raises(
        TypeError, match=f"current_idx must be a whole number from 0 on, but is {idx!r}"
    ):
        env.current_idx = idx
    assert env.current_idx == 0


def test_resuming_takes_a_name_and_a_folder():
    env = Environment(**QUIET, resumable=True)
    with pytest.raises(TypeError, match="trajectory_name must be a text or None, but is 5"):
        env.resume(5)
    with pytest.raises(TypeError, match="resume_folder must be a path or None, but is 5"):
        env.resume(resume_folder=5)


#: Whatever else can be passed, besides the arguments of the constructors.
FURTHER = """
    log_folder logger_names log_levels log_level log_multiproc config auto_load v_max_depth
    v_standard_parameter v_comment v_idx v_crun full_copy v_storage_service
"""
NAMES = sorted(
    (
        {*inspect.signature(Environment).parameters, *FURTHER.split()}
        | inspect.signature(HDF5StorageService).parameters.keys()
    )
    - {"kwargs"}
)
RUBBISH = [object(), b"x", {"a": 1}, (1, 2, 3, 4), -1, "rub bish", "\0", int, 1j]


@pytest.mark.parametrize("name", NAMES)
def test_no_rubbish_of_any_kind_gets_further_than_the_checks(name, folder):
    for value in RUBBISH:
        kwargs = {name: value} if name.startswith("log") else {name: value, "log_config": None}
        before, refused = os.listdir(folder), None
        try:
            Environment(**kwargs).disable_logging()
        except PypetError as error:
            refused = error
        assert refused is None or (len(str(refused)) > 20 and os.listdir(folder) == before)
