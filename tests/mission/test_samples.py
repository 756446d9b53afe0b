"""The code samples of the mission, with only their obvious slips repaired.

Scripts for clusters are in :mod:`test_cluster_samples`.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pypet import (
    Environment,
    GitDiffError,
    MultiprocContext,
    Parameter,
    Result,
    Trajectory,
    cartesian_product,
    load_trajectory,
    manual_run,
)

pytestmark = [pytest.mark.claim(284), pytest.mark.timeout(60)]


def test_creating_an_environment():
    env = Environment(trajectory="trajectory", comment="A useful comment")
    env.disable_logging()
    assert env.trajectory.v_comment == "A useful comment"


class MyCustomParameterClass(Parameter):
    """A parameter class of a user."""


class MyCustomResultClass(Result):
    """A result class of a user."""


@pytest.mark.parametrize(
    "dynamic_imports",
    [
        [MyCustomParameterClass, MyCustomResultClass],
        ["mysim.myparameters.MyCustomParameterClass", MyCustomResultClass],
    ],
)
def test_custom_classes_as_classes_and_as_text(dynamic_imports, folder, monkeypatch):
    (folder / "mysim").mkdir()
    (folder / "mysim" / "__init__.py").touch()
    (folder / "mysim" / "myparameters.py").write_text(
        "from pypet import Parameter\nclass MyCustomParameterClass(Parameter): pass\n"
    )
    monkeypatch.syspath_prepend(folder)
    env = Environment("custom", dynamic_imports=dynamic_imports, log_config=None)
    traj = env.trajectory
    traj.f_add_parameter(MyCustomParameterClass, "x", 7)
    traj.f_add_result(MyCustomResultClass, "y", 8)
    traj.f_store()
    loaded = load_trajectory("custom", load_data=2, dynamic_imports=dynamic_imports)
    assert type(loaded.f_get("x")).__name__ == "MyCustomParameterClass"
    assert type(loaded.f_get("y")) is MyCustomResultClass
    assert (loaded.x, loaded.y) == (7, 8)


def test_wildcards_of_runs_and_of_buckets():
    def myfunc(idx):
        return f"trial_{idx}" if idx >= 0 else "trial_none"

    def mybucket(idx):
        return f"bucket_{idx // 2}" if idx >= 0 else "bucket_none"

    def job(traj):
        traj.f_add_result("$.z", traj.x)
        traj.f_add_result("$mycard.$.w", traj.x)

    wildcard_functions = {("$", "crun"): myfunc, ("$mycard", "mycard"): mybucket}
    env = Environment("cards", wildcard_functions=wildcard_functions, log_config=None)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [10, 20, 30]})
    env.run(job)
    traj = load_trajectory("cards", load_data=2, wildcard_functions=wildcard_functions)
    assert traj.results.trial_1.z == 20
    assert traj.results.bucket_0.trial_1.w == 20
    assert traj.results.bucket_1.trial_2.w == 30


def test_adjusting_logging():
    env = Environment(
        trajectory="mytraj",
        log_folder="./logs/",
        logger_names=("pypet", "MyCustomLogger"),
        log_levels=(logging.ERROR, logging.INFO),
        log_stdout=True,
    )
    env.disable_logging()


def test_adjusting_logging_without_files_of_processes(folder):
    with Environment(
        "mytraj",
        log_folder="logs",
        logger_names=("pypet", "MyCustomLogger"),
        log_levels=(logging.ERROR, logging.INFO),
        log_multiproc=False,
        multiproc=True,
        ncores=2,
    ) as env:
        env.trajectory.f_add_parameter("n", 0)
        env.trajectory.f_explore({"n": [1, 2]})
        logging.getLogger("MyCustomLogger").info("mine")
        env.run(number)
    names = sorted(path.name for path in (folder / "logs").rglob("*.txt"))
    assert names == ["ERROR.txt", "LOG.txt"]
    log = next((folder / "logs").rglob("LOG.txt")).read_text()
    assert "mine" in log
    assert "is ready" not in log


LOGGING_INI = """
[loggers]
keys=root
[logger_root]
handlers=file_main, file_error, stream
level=INFO
[formatters]
keys=file, stream
[formatter_file]
format=%(asctime)s %(name)s %(levelname)-8s %(message)s
[formatter_stream]
format=%(processName)-10s %(name)s %(levelname)-8s %(message)s
[handlers]
keys=file_main, file_error, stream
[handler_file_error]
class=FileHandler
level=ERROR
args=('logs/$traj/$env/ERROR.txt',)
formatter=file
[handler_file_main]
class=FileHandler
args=('logs/$traj/$env/LOG.txt',)
formatter=file
[handler_stream]
class=StreamHandler
level=INFO
args=()
formatter=stream
[multiproc_loggers]
keys=root
[multiproc_logger_root]
handlers=file_main, file_error
level=INFO
[multiproc_formatters]
keys=file
[multiproc_formatter_file]
format=%(asctime)s %(name)s %(levelname)-8s %(message)s
[multiproc_handlers]
keys=file_main, file_error
[multiproc_handler_file_error]
class=FileHandler
level=ERROR
args=('logs/$traj/$env/$run_$host_$proc_ERROR.txt',)
formatter=file
[multiproc_handler_file_main]
class=FileHandler
args=('logs/$traj/$env/$run_$host_$proc_LOG.txt',)
formatter=file
"""


@pytest.mark.claim(137)
@pytest.mark.claim(145)
def test_an_ini_file_for_logging_with_sections_for_processes(folder):
    (folder / "test.ini").write_text(LOGGING_INI)
    with Environment(
        trajectory="mytraj", log_config="test.ini", log_stdout=True, multiproc=True, ncores=2
    ) as env:
        env.trajectory.f_add_parameter("n", 0)
        env.trajectory.f_explore({"n": [1, 2]})
        env.run(number)
        names = {path.name for path in (folder / "logs" / "mytraj" / env.name).iterdir()}
    assert {"LOG.txt", "ERROR.txt"} <= names
    assert any(name.startswith("run_00000001_") for name in names)


def test_an_environment_as_context_manager():
    with Environment(trajectory="mytraj", log_stdout=True) as env:
        traj = env.trajectory
        assert traj.v_name == "mytraj"


def test_disabling_logging_at_the_end():
    env = Environment(trajectory="mytraj", log_stdout=True)
    traj = env.trajectory
    assert traj.v_name == "mytraj"
    env.disable_logging()


def number(traj):
    traj.f_add_result("n", traj.n**2)
    return traj.n**2


@pytest.mark.claim(149)
def test_four_cores_a_pool_and_a_queue():
    with Environment(
        trajectory="trajectory",
        filename="t.hdf5",
        multiproc=True,
        ncores=4,
        use_pool=True,
        wrap_mode="QUEUE",
    ) as env:
        env.trajectory.f_add_parameter("n", 0)
        env.trajectory.f_explore({"n": list(range(8))})
        assert env.run(number) == [(n, n**2) for n in range(8)]
    traj = load_trajectory("trajectory", filename="t.hdf5", load_data=2)
    assert list(traj.f_get_from_runs("n", fast_access=True).values()) == [n**2 for n in range(8)]


@pytest.mark.claim(155)
@pytest.mark.claim(158)
def test_a_cap_of_memory_and_an_estimate_for_each_process():
    with Environment(
        "capped", multiproc=True, ncores=3, memory_cap=(100.0, 1), cpu_cap=100, log_config=None
    ) as env:
        env.trajectory.f_add_parameter("n", 0)
        env.trajectory.f_explore({"n": [1, 2, 3]})
        assert env.run(number) == [(0, 1), (1, 4), (2, 9)]


def manipulate(traj):
    name = multiprocessing.current_process().name
    traj.f_store_item(traj.f_add_result("analysis", name, comment="Who analysed"))


@pytest.mark.claim(182)
def test_processes_that_share_a_trajectory_without_an_environment():
    traj = Trajectory("light", filename="light.hdf5", storage_service="pypet.HDF5StorageService")
    traj.f_add_result("last", 1)
    traj.f_store()
    with MultiprocContext(traj, wrap_mode="LOCK"):
        process = multiprocessing.get_context("fork").Process(
            target=manipulate, args=(traj,), name="Analyst"
        )
        process.start()
        process.join()
    traj.f_load_skeleton()
    traj.f_load_item("results.analysis")
    assert traj.analysis == "Analyst"


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.claim(190)
@pytest.mark.claim(193)
def test_committing_the_code_and_refusing_to(folder, monkeypatch):
    git("init", "--quiet")
    for kind in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{kind}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{kind}_EMAIL", "somebody@example.org")
    code = folder / "simulation.py"
    code.write_text("step = 1\n")
    git("add", "simulation.py")
    git("commit", "--quiet", "--message=First")
    code.write_text("step = 2\n")
    with pytest.raises(GitDiffError):
        Environment("strict", git_repository=".", git_fail=True, log_config=None)
    env = Environment("versioned", git_repository=".", git_message="A message", log_config=None)
    assert git("log", "-1", "--format=%B").startswith("A message")
    assert "versioned" in git("log", "-1", "--format=%B")
    head = git("rev-parse", "HEAD")
    assert env.hexsha == head
    assert head in env.trajectory.f_get_config(fast_access=True).values()


ENVIRONMENT_INI = """
######### Environment ##############
[trajectory]
trajectory='ConfigTest'
comment=''

[environment]
automatic_storing=True
log_stdout=('STDOUT', 50)
report_progress = (10, 'pypet', 50)
multiproc=True
ncores=2
use_pool=True
wrap_mode='LOCK'

[storage_service]
filename='hdf5/config_test.hdf5'
complevel=4

###### Config and Parameters ######
[config]
test.testconfig=True, 'This is a test config'

[parameters]
test.x=42
y=43, 'This is the second variable'

############ Logging  ###############
"""


@pytest.mark.claim(226)
@pytest.mark.claim(230)
def test_a_config_file_with_everything_in_it(folder):
    Path("my_config.ini").write_text(ENVIRONMENT_INI + LOGGING_INI)
    with Environment(config="my_config.ini", multiproc=False) as env:
        traj = env.trajectory
        assert (traj.v_name, traj.par.test.x, traj.y) == ("ConfigTest", 42, 43)
        assert traj.f_get("y").v_comment == "This is the second variable"
        assert traj.config.test.testconfig is True
        assert traj.f_get("config.environment.multiproc").f_get() is False
        assert traj.v_storage_service.complevel == 4
        env.run(lambda traj: print("printed by a run"))
        log = next((folder / "logs" / "ConfigTest" / env.name).glob("LOG.txt")).read_text()
    assert "STDOUT CRITICAL printed by a run" in log
    assert "PROGRESS: Finished 1/1 runs" in log
    assert load_trajectory("ConfigTest", filename="hdf5/config_test.hdf5", load_data=2).y == 43


def test_a_job_function():
    def myjobfunc(traj, *args, **kwargs):
        return "fortytwo"

    with Environment(log_config=None) as env:
        args, kwargs = (1, 2), {"three": 3}
        assert env.run(myjobfunc, *args, **kwargs) == [(0, "fortytwo")]


def test_mapping_arguments():
    received = []

    def myjobfunc(traj, arg1, arg2, arg3):
        received.append((arg1, arg2, arg3))

    with Environment(log_config=None) as env:
        env.trajectory.f_add_parameter("x", 0)
        env.trajectory.f_explore({"x": range(5)})
        env.run_map(myjobfunc, range(5), ["a", "b", "c", "d", "e"], arg3=[5, 4, 3, 2, 1])
    assert received[:2] == [(0, "a", 5), (1, "b", 4)]


def test_adding_postprocessing():
    received = []

    def mypostprocfunc(traj, result_list, extra_arg1, extra_arg2):
        received.append((result_list, extra_arg1, extra_arg2))

    with Environment(log_config=None) as env:
        env.add_postproc(mypostprocfunc, 42, extra_arg2=42.5)
        env.run(lambda traj: 1)
    assert received == [([(0, 1)], 42, 42.5)]


def test_a_pipeline_without_postprocessing():
    def myjobfunc(traj, a, b=0):
        return a + b

    def mypipeline(traj):
        args, kwargs = (1,), {"b": 2}
        return myjobfunc, args, kwargs

    with Environment(log_config=None) as env:
        assert env.pipeline(mypipeline) == [(0, 3)]


@pytest.mark.claim(270)
def test_a_pipeline_with_postprocessing_that_explores_more_cards():
    played, judged = [], []
    maybe_i_should_explore_more_cards = [True, False]

    def myjobfunc(traj, extra_arg1, extra_arg2, extra_arg3):
        played.append((traj.ncards, extra_arg1, extra_arg2, extra_arg3))
        return traj.ncards

    def mypostproc(traj, results, postproc_arg1, postproc_arg2, postproc_arg3):
        judged.append((len(results), postproc_arg1, postproc_arg2, postproc_arg3))
        exploration_dict = {"ncards": [100, 200]}
        if maybe_i_should_explore_more_cards.pop(0):
            return exploration_dict
        return None

    def mypipeline(traj):
        traj.f_add_parameter("poker.ncards", 7, comment="Usually we play 7-card-stud")
        traj.f_explore({"ncards": range(42)})
        args = ("one", 2)
        kwargs = {"extra_arg3": 3.0}
        postproc_args = ("first",)
        postproc_kwargs = {"postproc_arg2": "second", "postproc_arg3": "third"}
        return (myjobfunc, args, kwargs), (mypostproc, postproc_args, postproc_kwargs)

    with Environment(log_config=None) as env:
        results = env.pipeline(mypipeline)
    assert results == [*enumerate(range(42)), (42, 100), (43, 200)]
    assert played[0] == (0, "one", 2, 3.0)
    assert judged == [(42, "first", "second", "third"), (44, "first", "second", "third")]


RESUMABLE = """
import os, signal, sys
from pathlib import Path
from pypet import Environment

def job(traj):
    with open("calls.txt", "a") as calls:
        calls.write(f"{traj.v_idx}\\n")
    traj.f_add_result("z", traj.x**2)
    if traj.v_idx == 2 and not Path("blackout").exists():
        Path("blackout").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return traj.x**2

if sys.argv[1] == "start":
    env = Environment("week", resumable=True, resume_folder="safety", log_config=None)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [1, 2, 3, 4]})
    env.run(job)
else:
    env = Environment(continuable=True, ncores=2, log_config=None)
    print(env.resume(trajectory_name="week", resume_folder="safety"))
"""


@pytest.mark.claim(275)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_resuming_with_a_novel_environment(folder):
    Path("script.py").write_text(RESUMABLE)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "script.py"]
    assert subprocess.run([*command, "start"], check=False, timeout=50).returncode == -9
    assert (folder / "safety" / "week").is_dir()
    resumed = subprocess.run(
        [*command, "resume"], check=True, timeout=50, capture_output=True, text=True
    )
    assert resumed.stdout.splitlines()[-1] == "[(0, 1), (1, 4), (2, 9), (3, 16)]"
    calls = Path("calls.txt").read_text().split()
    assert calls == ["0", "1", "2", "2", "3"]


@manual_run(store_meta_data=True)
def eval_wave(traj):
    traj.f_add_result("wave", traj.phase * 2)
    traj.f_store()


@pytest.mark.claim(281)
def test_manual_runs():
    traj = Trajectory("manual", filename="manual.hdf5", storage_service="pypet.HDF5StorageService")
    traj.f_add_parameter("phase", 0)
    traj.f_explore(cartesian_product({"phase": [1, 2, 3]}))
    traj.f_store()
    for run in traj.f_iter_runs(yields="copy"):
        eval_wave(run)
    loaded = load_trajectory("manual", filename="manual.hdf5", load_data=2)
    assert list(loaded.f_get_from_runs("wave", fast_access=True).values()) == [2, 4, 6]


def my_simulator(a, b, c):
    result = 42
    return result


def my_pypet_wrapper(traj):
    result = my_simulator(traj.a, traj.b, traj.c)
    traj.f_add_result("my_result", result, comment="Result from `my_simulator`")


@pytest.mark.claim(101)
@pytest.mark.claim(282)
def test_wrapping_an_existing_simulator(folder):
    with Environment() as env:
        traj = env.traj
        traj.f_add_parameter("a", 0)
        traj.f_add_parameter("b", 0)
        traj.f_add_parameter("c", 0)
        traj.f_explore({"a": [1, 2, 3, 4, 5]})
        env.run(my_pypet_wrapper)
    assert (folder / "hdf5" / "trajectory.hdf5").is_file()
    loaded = load_trajectory("trajectory", load_data=2)
    assert loaded.f_get("a").f_get_range() == [1, 2, 3, 4, 5]
    assert list(loaded.f_get_from_runs("my_result", fast_access=True).values()) == [42] * 5
