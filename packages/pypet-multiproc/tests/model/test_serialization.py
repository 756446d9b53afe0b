"""What travels, how, and what is said about what cannot."""

import copyreg
import functools
import pickle
import subprocess
import sys
import threading

import pytest

from pypet_multiproc.model.failures import portable
from pypet_multiproc.model.serialization import NotPicklableError, dumps, find_unpicklable, pack
from pypet_multiproc.testing import combinations, double


def test_importable_functions_travel_by_name():
    packed = pack(double, "f", inherits_main=False)
    assert packed.unpack() is double
    assert len(packed.data) < 100


@pytest.mark.parametrize("inherits_main", [True, False])
def test_closures_travel_by_value(inherits_main):
    number = 3
    packed = pack(lambda x: x + number, "f", inherits_main=inherits_main)
    assert packed.unpack()(4) == 7


def test_a_packed_object_is_pickled_once():
    class Counting:
        pickled = 0

        def __reduce__(self):
            Counting.pickled += 1
            return (int, ())

    packed = pack(Counting(), "it", inherits_main=True)
    pickle.dumps(packed)
    pickle.dumps(packed)
    assert Counting.pickled == 1


def _closure(lock):
    return lambda traj: lock


class Model:
    def __init__(self):
        self.state = {"inner": [1, threading.Lock()]}

    def run(self, traj):
        return None


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: {"a": (1, threading.Lock())}, "it['a'][1]"),
        (lambda: _closure(threading.Lock()), "variable `lock` of it"),
        (lambda: functools.partial(double, factor=threading.Lock()), "it.keywords['factor']"),
        (lambda: Model().run, "it.__self__.state['inner'][1]"),
    ],
)
def test_the_culprit_is_found(make, place):
    found, culprit = find_unpicklable(make(), "it")
    assert found == place
    assert isinstance(culprit, type(threading.Lock()))


def test_the_error_names_the_culprit():
    with pytest.raises(NotPicklableError, match=r"args\[0\] is a `lock`") as info:
        pack([threading.Lock()], "args", inherits_main=True)
    assert isinstance(info.value, (TypeError, pickle.PicklingError))


def test_a_leaf_of_a_trajectory_is_named_by_its_full_name(make_traj):
    traj = make_traj(2)
    leaf = traj.f_add_result("group.leaf", 1)
    leaf._data["leaf"] = threading.Lock()
    place, _ = find_unpicklable(traj, "the trajectory")
    assert place.startswith("`results.group.leaf`")


def test_a_result_of_a_local_class_travels():
    class Local:
        value = 3

    assert pickle.loads(dumps(Local())).value == 3


class Awkward(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def test_exceptions_that_do_not_survive_pickling_stay_where_they_are(monkeypatch):
    # tblib, which libraries of other tests install, lets such exceptions survive.
    monkeypatch.delitem(copyreg.dispatch_table, Awkward, raising=False)
    assert portable(Awkward(1, 2)) is None
    error = ZeroDivisionError("x")
    assert portable(error) is error
    assert portable(SystemExit(3)) is None


# ------------------------------------------------- what only the main program knows

MAIN = """
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pypet_multiproc import EngineSettings, Experiment, RunEngine, RunTask
from pypet_multiproc.testing import JournalStorageService
from pypet_trajectory import Trajectory


class Model:
    def __init__(self, factor):
        self.factor = factor

    def run(self, traj):
        traj.f_add_result("$.z", traj.x)
        return self.factor * traj.x


def function(traj):
    return Model(3).run(traj)


def closure(factor):
    def run(traj):
        return Model(factor).run(traj)

    return run


if __name__ == "__main__":
    start_method, way = sys.argv[1:]
    context = get_context(start_method)
    settings = {
        "pool": {"multiproc": True, "use_pool": True},
        "frozen pool": {"multiproc": True, "use_pool": True, "freeze_input": True},
        "process per run": {"multiproc": True},
        "executor": {"executor": partial(ProcessPoolExecutor, 2, mp_context=context)},
    }[way]
    for runfunc in (function, closure(3), lambda traj: function(traj), Model(3).run):
        traj = Trajectory("T", storage_service=JournalStorageService("."))
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [1, 2]})
        engine = RunEngine(
            EngineSettings(ncores=2, wrap_mode="LOCAL", start_method=start_method, **settings)
        )
        outcomes = list(engine.run(Experiment(traj, runfunc), map(RunTask, range(2))))
        assert sorted(outcome.result for outcome in outcomes) == [3, 6], outcomes
    print("all of them")
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("main", "start_method", "way"),
    combinations(
        ["notebook", "script"],
        ["spawn", "forkserver", "fork"],
        ["pool", "frozen pool", "process per run", "executor"],
        every=6,
    ),
)
def test_what_the_main_program_defines_can_be_run(tmp_path, main, start_method, way):
    """Without a file, as in a notebook, nobody can import what it defines."""
    (tmp_path / "main.py").write_text(MAIN)
    program = ["main.py"] if main == "script" else ["-c", MAIN]
    ended = subprocess.run(
        [sys.executable, *program, start_method, way], capture_output=True, text=True, cwd=tmp_path
    )
    assert ended.stdout == "all of them\n", ended.stderr
