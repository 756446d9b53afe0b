"""Every way to run, every wrap mode and every start method do the same."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.model.experiment import Experiment, RunTask
from pypet_multiproc.model.serialization import NotPicklableError
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.testing import MODES, WAYS, combinations, double, nothing, where
from pypet_trajectory.leaves.result import Result

pytestmark = pytest.mark.timeout(60)


@pytest.mark.claim(64, 164, 174)
@pytest.mark.parametrize(
    ("start_method", "way", "mode"),
    [
        *combinations(["fork"], list(WAYS), MODES, every=1),
        *combinations(["forkserver", "spawn"], list(WAYS), MODES, every=3),
    ],
)
def test_all_combinations_give_what_serial_runs_give(experiment, start_method, way, mode):
    experiment(double, runs=2, wrap_mode=mode, start_method=start_method,
               **WAYS[way])  # fmt: skip
    assert experiment.results == {0: 0, 1: 2}
    assert experiment.stored == {0: 0, 1: 2}
    assert experiment.service.overlaps() == []
    assert all(outcome.row["completed"] == 1 for outcome in experiment.outcomes)
    assert all(outcome.row["idx"] == outcome.idx for outcome in experiment.outcomes)


def test_serial_runs_happen_in_this_process_one_after_the_other(experiment):
    experiment(where)
    assert set(experiment.results.values()) == {os.getpid()}
    assert [outcome.idx for outcome in experiment.outcomes] == list(range(6))
    assert experiment.stored == {idx: 2 * idx for idx in range(6)}


@pytest.mark.claim(32)
def test_without_multiproc_runs_happen_in_this_process(experiment):
    experiment(where, ncores=4, use_pool=True)
    assert set(experiment.results.values()) == {os.getpid()}


@pytest.mark.claim(38)
def test_a_pool_has_a_fixed_set_of_processes(experiment):
    experiment(where, runs=40, multiproc=True, ncores=2, use_pool=True, wrap_mode="LOCAL")
    assert len(set(experiment.results.values())) <= 2
    assert os.getpid() not in experiment.results.values()


def _children_while_running(traj, runs, **settings):
    """Names of child processes at each moment at which a run has ended."""
    engine = RunEngine(EngineSettings(multiproc=True, **settings))
    names = []
    for _ in engine.run(Experiment(traj, slowly), map(RunTask, range(runs))):
        names.append({child.name for child in multiprocessing.active_children()})
    return names


def slowly(traj):
    time.sleep(0.01)
    return double(traj)


@pytest.mark.claim(33, 150)
@pytest.mark.parametrize("use_pool", [True, False])
def test_as_many_processes_run_as_there_shall_be(make_traj, use_pool):
    # With LOCK an outcome is seen when its run ends, not together with later ones.
    names = _children_while_running(
        make_traj(12), 12, ncores=3, use_pool=use_pool, wrap_mode="LOCK"
    )
    assert 1 <= max(map(len, names)) <= 3
    if use_pool:
        assert all(len(some) == 3 for some in names[:6])


@pytest.mark.claim(34)
@pytest.mark.parametrize(("mode", "writer"), [("QUEUE", "QueueProcess"), ("PIPE", "PipeProcess")])
def test_the_writer_is_not_one_of_them(make_traj, mode, writer):
    names = _children_while_running(make_traj(12), 12, ncores=2, use_pool=True, wrap_mode=mode)
    assert writer in names[0]
    assert len(names[0]) == 3


@pytest.mark.claim(39)
def test_without_a_pool_each_run_has_a_process(experiment):
    experiment(where, multiproc=True, ncores=2, wrap_mode="LOCAL")
    assert len(set(experiment.results.values())) == 6


@pytest.mark.claim(41)
@pytest.mark.claim(152)
def test_with_fork_and_no_pool_nothing_needs_to_be_picklable(experiment):
    lock = threading.Lock()
    numbers = (number for number in range(100))
    experiment(
        lambda traj, lock, numbers: (lock.locked(), next(numbers)), lock, numbers,
        multiproc=True, ncores=2, wrap_mode="LOCK",
    )  # fmt: skip
    assert set(experiment.results.values()) == {(False, 0)}


@pytest.mark.claim(40)
@pytest.mark.claim(151)
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_a_lambda_can_be_run_by_a_pool(experiment, start_method):
    experiment(
        lambda traj: traj.x + 1, runs=3, multiproc=True, ncores=2, use_pool=True,
        wrap_mode="LOCAL", start_method=start_method,
    )  # fmt: skip
    assert experiment.results == {0: 1, 1: 2, 2: 3}


@pytest.mark.claim(40)
def test_what_cannot_be_pickled_is_named_before_the_first_run(experiment):
    with pytest.raises(NotPicklableError, match=r"args\[0\]\['lock'\]"):
        experiment(nothing_with, {"lock": threading.Lock()}, multiproc=True, ncores=2,
                   use_pool=True, wrap_mode="LOCAL")  # fmt: skip
    assert experiment.outcomes == []


def nothing_with(traj, anything):
    return nothing(traj)


def _own_arguments(count):
    for idx in range(count):
        yield RunTask(idx, (idx * 100,), {"extra": idx})


def add(traj, number, extra=0):
    return traj.x + number + extra


@pytest.mark.claim(44)
@pytest.mark.claim(154)
@pytest.mark.parametrize("way", [*WAYS, "serial"])
def test_runs_may_have_arguments_of_their_own(experiment, way):
    settings = {"multiproc": True, **WAYS[way]} if way != "serial" else {}
    experiment(add, runs=4, tasks=_own_arguments(4), wrap_mode="LOCAL", **settings)
    assert experiment.results == {0: 0, 1: 102, 2: 204, 3: 306}


def misbehave(traj, things):
    """Changes everything it can reach and returns what it found."""
    found = (traj.f_get("x").f_get(), len(things), traj.v_auto_load, "extra" in traj.res)
    things.append(1)
    traj.v_auto_load = True
    traj.res.f_add_group("extra")
    traj.f_get("x").v_full_copy = True
    return found


def test_a_run_does_not_see_what_earlier_runs_of_its_worker_did(experiment):
    experiment(misbehave, [], multiproc=True, ncores=1, use_pool=True, wrap_mode="LOCAL")
    assert experiment.results == {idx: (idx, 0, False, False) for idx in range(6)}


@pytest.mark.claim(62)
@pytest.mark.claim(170)
@pytest.mark.parametrize("way", WAYS)
def test_with_a_lock_each_process_stores_and_never_two_at_once(experiment, way):
    experiment(where, runs=12, wrap_mode="LOCK", **WAYS[way])
    assert experiment.service.writers() == set(experiment.results.values())
    assert experiment.service.overlaps() == []


@pytest.mark.claim(61)
@pytest.mark.claim(166)
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_with_a_writer_only_that_process_opens_the_file(experiment, mode):
    experiment(where, wrap_mode=mode, **WAYS["pool"])
    (writer,) = experiment.service.writers()
    assert writer not in {os.getpid(), *experiment.results.values()}


@pytest.mark.claim(65)
@pytest.mark.claim(175)
def test_with_local_only_the_main_process_opens_the_file(experiment):
    experiment(where, wrap_mode="LOCAL", **WAYS["pool"])
    assert experiment.service.writers() == {os.getpid()}


class Unpicklable(Result):
    """A result that cannot be sent to another process."""

    def __reduce_ex__(self, protocol):
        raise TypeError("this cannot be pickled")


def store_unpicklable(traj):
    traj.f_add_result(Unpicklable, "$.z", traj.x)


@pytest.mark.claim(172)
def test_with_a_lock_results_need_not_be_picklable_for_they_are_not_sent(experiment):
    experiment(store_unpicklable, wrap_mode="LOCK", **WAYS["process per run"])
    assert experiment.stored == {idx: idx for idx in range(6)}


def store_then_empty(traj):
    leaf = traj.f_add_result("$.z", traj.x)
    traj.f_store_item(leaf)
    leaf.f_empty()
    return leaf.f_is_empty()


@pytest.mark.claim(66)
@pytest.mark.claim(176)
@pytest.mark.parametrize("mode", MODES)
def test_emptying_a_result_after_storing_it_loses_nothing(experiment, mode):
    experiment(store_then_empty, wrap_mode=mode, **WAYS["pool"])
    assert set(experiment.results.values()) == {True}
    assert experiment.stored == {idx: idx for idx in range(6)}


def load_again(traj):
    leaf = traj.f_add_result("$.z", traj.x)
    traj.f_store_item(leaf)
    leaf.f_empty()
    traj.v_storage_service.load("LEAF", leaf, trajectory_name=traj.v_name)
    return leaf.z


@pytest.mark.claim(63)
@pytest.mark.claim(171)
@pytest.mark.parametrize("way", WAYS)
def test_with_a_lock_runs_can_load(experiment, way):
    experiment(load_again, wrap_mode="LOCK", **WAYS[way])
    assert experiment.results == {idx: idx for idx in range(6)}


@pytest.mark.claim(167)
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE", "LOCAL"])
def test_where_runs_can_only_store_loading_is_refused(experiment, mode):
    with pytest.raises(NotImplementedError, match="LOCK"):
        experiment(load_again, wrap_mode=mode, **WAYS["pool"])


def service_class(traj):
    return type(traj.v_storage_service).__name__


@pytest.mark.claim(69)
@pytest.mark.claim(163)
@pytest.mark.parametrize(
    ("mode", "wrapper"),
    [
        ("LOCK", "LockWrapper"),
        ("QUEUE", "QueueStorageServiceSender"),
        ("PIPE", "PipeStorageServiceSender"),
        ("LOCAL", "ReferenceWrapper"),
        ("NONE", "JournalStorageService"),
    ],
)
def test_the_storage_service_is_wrapped_while_runs_go_on(experiment, mode, wrapper):
    experiment(service_class, runs=2, multiproc=True, wrap_mode=mode, ncores=1)
    assert set(experiment.results.values()) == {wrapper}
    assert experiment.traj.v_storage_service is experiment.service


@pytest.mark.claim(165)
def test_a_service_that_is_safe_by_itself_is_not_wrapped(experiment, monkeypatch):
    monkeypatch.setattr(type(experiment.service), "multiproc_safe", True)
    experiment(service_class, runs=2, multiproc=True, wrap_mode="QUEUE", ncores=1)
    assert set(experiment.results.values()) == {"JournalStorageService"}


def test_an_unknown_wrap_mode_is_refused(experiment):
    with pytest.raises(RuntimeError, match="'WISH'"):
        experiment(double, multiproc=True, wrap_mode="WISH")


@pytest.mark.claim(168)
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
@pytest.mark.parametrize("queue_maxsize", [1, 0])
def test_nothing_is_lost_whatever_the_size_of_the_queue(experiment, mode, queue_maxsize):
    experiment(double, runs=60, wrap_mode=mode, queue_maxsize=queue_maxsize, **WAYS["pool"])
    assert experiment.stored == {idx: 2 * idx for idx in range(60)}


@pytest.mark.claim(173)
def test_many_small_results_pass_through_a_pipe(experiment):
    experiment(double, runs=200, wrap_mode="PIPE", **WAYS["pool"])
    assert experiment.stored == {idx: 2 * idx for idx in range(200)}


def large(traj):
    traj.f_add_result("$.z", "x" * 3_000_000)
    return "y" * 3_000_000


@pytest.mark.parametrize(("way", "mode"), combinations(list(WAYS), MODES, every=3))
def test_large_results_arrive(experiment, way, mode):
    experiment(large, runs=4, wrap_mode=mode, **WAYS[way])
    assert [len(result) for result in experiment.results.values()] == [3_000_000] * 4
    assert [len(value) for value in experiment.stored.values()] == [3_000_000] * 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", [*WAYS, "serial"])
def test_outcomes_can_carry_what_their_runs_stored(experiment, way, mode):
    settings = {"multiproc": True, **WAYS[way]} if way != "serial" else {}
    experiment(double, runs=3, wrap_mode=mode, keep_deltas=True, **settings)
    for outcome in experiment.outcomes:
        assert outcome.delta.run_index == outcome.idx
        last = outcome.delta.requests[-1].record
        assert last.full_name.endswith(f"run_{outcome.idx:08d}.z")
        assert last.items == {"z": 2 * outcome.idx}
    assert experiment.stored == {0: 0, 1: 2, 2: 4}


class Unstorable(Exception):
    pass


def _fail_at_2(full_name):
    if "run_00000002" in full_name:
        raise Unstorable(full_name)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_a_run_whose_data_cannot_be_stored_has_failed(experiment, way, mode):
    experiment.service.before_leaf = _fail_at_2
    experiment(double, wrap_mode=mode, on_run_error="continue", **WAYS[way])
    assert experiment.statuses == {2: "failed"}
    assert experiment.failures[2].exception == "Unstorable"
    (failed,) = [outcome for outcome in experiment.outcomes if outcome.failure]
    assert failed.row["completed"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_an_error_of_storing_reaches_the_caller(experiment, mode):
    experiment.service.before_leaf = _fail_at_2
    with pytest.raises(Exception, match="run_00000002"):
        experiment(double, wrap_mode=mode, **WAYS["pool"])


class OtherPeoplesService:
    """Stores leaves from the calls of pypet 0.7, and nothing else."""

    is_open = False
    multiproc_safe = False

    def __init__(self, path):
        self.path = path

    def store(self, msg, stuff_to_store, *args, **kwargs):
        from pypet_trajectory.exceptions import NoSuchServiceError

        if msg == "LIST":
            for entry in stuff_to_store:
                self.store(entry[0], entry[1], **kwargs)
        elif msg == "SINGLE_RUN":
            for _, node in stuff_to_store.v_runs.new_nodes.values():
                if node.v_is_leaf:
                    self.store("LEAF", node, **kwargs)
        elif msg == "LEAF":
            assert kwargs["trajectory_name"] == "T"
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(f"{stuff_to_store.v_full_name} {stuff_to_store.f_get()}\n")
        else:
            raise NoSuchServiceError(msg)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_services_of_other_people_get_the_leaves_themselves(tmp_path, make_traj, way, mode):
    traj = make_traj(3)
    traj.v_storage_service = OtherPeoplesService(str(tmp_path / "leaves"))
    engine = RunEngine(EngineSettings(wrap_mode=mode, **WAYS[way]))
    outcomes = list(engine.run(Experiment(traj, double), map(RunTask, range(3))))
    assert [outcome.failure for outcome in outcomes] == [None] * 3
    assert sorted((tmp_path / "leaves").read_text().splitlines()) == [
        f"results.run_{idx:08d}.z {2 * idx}" for idx in range(3)
    ]


def _make_executor():
    return ProcessPoolExecutor(2)


@pytest.mark.parametrize("mode", ["LOCAL", "QUEUE", "LOCK"])
def test_any_executor_can_run(experiment, mode):
    with ThreadPoolExecutor(2) as threads:
        experiment(double, runs=10, executor=threads, wrap_mode=mode)
        assert experiment.results == {idx: 2 * idx for idx in range(10)}
        assert threads.submit(len, "abc").result() == 3
    assert experiment.stored == experiment.results


@pytest.mark.parametrize("mode", ["LOCAL", "QUEUE"])
def test_an_executor_can_be_made_by_a_function(experiment, mode):
    experiment(where, runs=10, executor=_make_executor, wrap_mode=mode)
    assert len(experiment.results) == 10
    assert os.getpid() not in experiment.results.values()
    assert experiment.stored == {idx: 2 * idx for idx in range(10)}


def count_runs(traj, things):
    things.append(traj.v_idx)
    return len(things)


@pytest.mark.parametrize("freeze_input", [True, False])
def test_runs_in_an_executor_share_their_arguments_if_wanted(experiment, freeze_input):
    with ThreadPoolExecutor(1) as thread:
        experiment(count_runs, [], executor=thread, freeze_input=freeze_input, wrap_mode="LOCAL")
    assert sorted(experiment.results.values()) == ([1, 2, 3, 4, 5, 6] if freeze_input else [1] * 6)


def test_an_executor_whose_worker_dies_is_made_anew(experiment):
    from pypet_multiproc.testing import die_at

    experiment(die_at, 2, "kill", executor=_make_executor, wrap_mode="LOCAL",
               on_run_error="continue")  # fmt: skip
    assert experiment.statuses == {2: "lost"}
    assert experiment.results == {0: 0, 1: 2, 3: 6, 4: 8, 5: 10}


def read_from(traj, idx, fd):
    """Wait in one run until there is something to read."""
    if traj.v_idx == idx:
        os.read(fd, 1)
    return double(traj)


def test_an_executor_that_breaks_before_it_takes_a_run_costs_no_run(experiment):
    made = []

    class BreaksOnce(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            if made[0] is self:
                raise BrokenExecutor("a worker has died")
            return super().submit(fn, *args, **kwargs)

    def make():
        made.append(BreaksOnce(1))
        return made[-1]

    experiment(double, executor=make, wrap_mode="LOCAL")
    assert len(made) == 2
    assert experiment.results == {idx: 2 * idx for idx in range(6)}


def test_nobody_waits_longer_for_a_run_in_an_executor_than_the_timeout(experiment):
    reading, writing = os.pipe()
    with ThreadPoolExecutor(2) as threads:
        experiment(read_from, 1, reading, executor=threads, wrap_mode="LOCAL", timeout=0.3,
                   on_run_error="continue")  # fmt: skip
        os.write(writing, b"!")
    os.close(reading)
    os.close(writing)
    assert experiment.statuses == {1: "lost"}
    assert experiment.failures[1].exception == "timeout"
    assert experiment.results == {0: 0, 2: 4, 3: 6, 4: 8, 5: 10}


def test_a_pipe_cannot_reach_the_processes_of_an_executor(experiment):
    with pytest.raises(NotPicklableError, match="QUEUE"):
        experiment(double, executor=_make_executor, wrap_mode="PIPE")


def test_arguments_of_a_run_that_cannot_be_pickled_are_named(experiment):
    tasks = iter([RunTask(0, (1,)), RunTask(1, ({"lock": threading.Lock()},))])
    with pytest.raises(NotPicklableError, match=r"arguments\['run 1'\]\['args'\]\[0\]\['lock'\]"):
        experiment(nothing_with, tasks=tasks, multiproc=True, ncores=1, use_pool=True,
                   wrap_mode="LOCAL")  # fmt: skip


def meet(traj, barrier_size):
    """Threads that store at the same moment."""
    double(traj)
    traj.f_store()
    return traj.x


@pytest.mark.parametrize("mode", ["LOCAL", "QUEUE", "LOCK"])
def test_threads_of_an_executor_do_not_mix_what_they_store(experiment, mode):
    with ThreadPoolExecutor(8) as threads:
        experiment(meet, 8, runs=300, executor=threads, wrap_mode=mode)
    assert experiment.stored == {idx: 2 * idx for idx in range(300)}
    assert experiment.service.overlaps() == []
