"""The code samples of the mission, with only their obvious slips repaired."""

from __future__ import annotations

import logging

import pytest

from pypet import Environment, load_trajectory

pytestmark = [pytest.mark.claim(284), pytest.mark.timeout(60)]


def test_creating_an_environment():
    env = Environment(trajectory="trajectory", comment="A useful comment")
    env.disable_logging()
    assert env.trajectory.v_comment == "A useful comment"


def test_adjusting_logging():
    env = Environment(
        trajectory="mytraj",
        log_folder="./logs/",
        logger_names=("pypet", "MyCustomLogger"),
        log_levels=(logging.ERROR, logging.INFO),
        log_stdout=True,
    )
    env.disable_logging()


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
