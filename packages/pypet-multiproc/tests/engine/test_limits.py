"""Caps, niceness, threads and time limits."""

import itertools
import os
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from pypet_multiproc.backends.process import CapMonitor, split_memory_cap
from pypet_multiproc.model.failures import RunTimeoutError
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.processes.limits import apply_niceness, threads_per_worker, time_limit
from pypet_multiproc.testing import double

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def usage(monkeypatch):
    """What psutil reports, in per cent; memory totals a hundred megabytes."""
    usage = SimpleNamespace(cpu=0.0, memory=0.0, swap=0.0, own=0.0, asked=[])
    total = 100 * 1024**2
    answers = {
        "cpu_percent": lambda: usage.asked.append("cpu") or usage.cpu,
        "virtual_memory": lambda: (
            usage.asked.append("memory") or SimpleNamespace(percent=usage.memory, total=total)
        ),
        "swap_memory": lambda: usage.asked.append("swap") or SimpleNamespace(percent=usage.swap),
        "Process": lambda pid: SimpleNamespace(memory_percent=lambda: usage.own),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(psutil, name, answer)
    return usage


@pytest.mark.claim(155)
@pytest.mark.claim(156)
@pytest.mark.parametrize("which", ["cpu", "memory", "swap"])
def test_a_process_starts_up_to_the_cap_and_not_above(usage, which):
    monitor = CapMonitor(**{f"{which}_cap": 90})
    setattr(usage, which, 90.0)
    assert monitor.allows([1], 3)
    monitor = CapMonitor(**{f"{which}_cap": 90})
    setattr(usage, which, 90.1)
    assert not monitor.allows([1], 3)


@pytest.mark.claim(50)
def test_the_first_process_always_starts(usage):
    usage.cpu = 100.0
    assert CapMonitor(cpu_cap=1).allows([], 3)


@pytest.mark.claim(54)
def test_one_crossed_cap_suffices(usage):
    usage.swap = 50.0
    assert not CapMonitor(99, 99, 10).allows([1], 3)


@pytest.mark.claim(55)
@pytest.mark.claim(160)
def test_caps_of_a_hundred_per_cent_ask_nobody(usage):
    usage.cpu = usage.memory = usage.swap = 100.0
    monitor = CapMonitor()
    assert not monitor.active
    assert monitor.allows([1], 3)
    assert usage.asked == []


@pytest.mark.claim(57)
@pytest.mark.claim(158)
def test_what_processes_will_need_counts(usage):
    usage.memory = 50.0
    assert CapMonitor(memory_cap=(90, 40)).allows([1], 3) is False
    usage.own = 40.0
    assert CapMonitor(memory_cap=(90, 40)).allows([1], 3)


@pytest.mark.claim(51)
@pytest.mark.claim(52)
@pytest.mark.claim(53)
def test_a_crossed_cap_is_warned_of_once_until_a_process_was_started(usage, caplog):
    usage.memory = 95.0
    monitor = CapMonitor(memory_cap=90)
    for _ in range(3):
        monitor.allows([1], 3)
    assert caplog.text.count("No new process starts") == 1
    monitor.started()
    monitor.allows([1, 2], 3)
    assert caplog.text.count("No new process starts") == 2


def test_after_ten_warnings_there_is_silence(usage, caplog):
    usage.memory = 95.0
    monitor = CapMonitor(memory_cap=90)
    for _ in range(15):
        monitor.started()
        monitor.allows([1], 3)
    assert caplog.text.count("No new process starts") == 10
    assert caplog.text.count("last warning") == 1


@pytest.mark.parametrize("cap", [(90, 10), [90, 10]])
def test_a_memory_cap_may_be_a_pair(cap):
    assert split_memory_cap(cap) == (90.0, 10.0)


@pytest.mark.claim(157)
@pytest.mark.parametrize(("cap", "error"), [("90", TypeError), ((1, 2, 3), ValueError)])
def test_another_memory_cap_is_refused(cap, error):
    with pytest.raises(error, match="memory_cap"):
        split_memory_cap(cap)


def when(traj):
    start = time.monotonic()
    time.sleep(0.05)
    return start, time.monotonic()


@pytest.mark.claim(49)
@pytest.mark.claim(159)
def test_with_an_impossible_cap_runs_go_one_after_the_other(experiment):
    experiment(when, runs=4, multiproc=True, ncores=3, memory_cap=(1e-6, 10**6),
               wrap_mode="LOCAL")  # fmt: skip
    spans = sorted(experiment.results.values())
    assert len(spans) == 4
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def nice(traj):
    return os.nice(0)


@pytest.mark.claim(58)
@pytest.mark.claim(162)
@pytest.mark.parametrize("use_pool", [True, False])
def test_niceness_is_that_of_processes_that_run(experiment, use_pool):
    here = os.nice(0)
    experiment(nice, runs=2, multiproc=True, ncores=2, use_pool=use_pool, niceness=here + 3,
               wrap_mode="LOCAL")  # fmt: skip
    assert set(experiment.results.values()) == {here + 3}
    assert os.nice(0) == here


@pytest.mark.claim(59)
@pytest.mark.claim(60)
@pytest.mark.parametrize("niceness", [None, -5])
def test_niceness_never_falls(niceness):
    here = os.nice(0)
    apply_niceness(niceness)
    assert os.nice(0) == here


@pytest.mark.claim(161)
def test_niceness_needs_no_psutil(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    apply_niceness(os.nice(0))


def test_a_niceness_that_cannot_be_set_is_reported_only(monkeypatch, capsys):
    def refuse(increment):
        raise PermissionError("no")

    monkeypatch.setattr(os, "nice", refuse)
    apply_niceness(5)
    assert "niceness" in capsys.readouterr().err


def threads(traj):
    from threadpoolctl import threadpool_info

    return os.environ["OMP_NUM_THREADS"], {entry["num_threads"] for entry in threadpool_info()}


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_share_the_cores_among_their_threads(experiment, start_method, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    experiment(threads, runs=2, multiproc=True, ncores=64, use_pool=True, wrap_mode="LOCAL",
               start_method=start_method)  # fmt: skip
    assert {result[0] for result in experiment.results.values()} == {"1"}
    assert all(result[1] <= {1} for result in experiment.results.values())
    assert "OMP_NUM_THREADS" not in os.environ


def test_each_worker_has_at_least_one_thread():
    assert threads_per_worker(10**6) == 1
    assert threads_per_worker(1) >= 1


def test_a_run_in_the_main_process_is_given_up_after_its_time(experiment):
    def hang(traj):
        if traj.v_idx == 1:
            time.sleep(60)
        return double(traj)

    experiment(hang, runs=3, run_timeout=0.2, on_run_error="continue")
    assert experiment.statuses == {1: "timed_out"}
    assert experiment.results == {0: 0, 2: 4}


def test_a_time_limit_leaves_no_alarm_behind():
    with time_limit(0.05):
        pass
    time.sleep(0.1)
    with pytest.raises(RunTimeoutError), time_limit(0.05):
        time.sleep(10)


@pytest.mark.claim(35)
def test_no_cores_means_all_cores():
    assert EngineSettings(ncores=0).workers == os.cpu_count()


@pytest.mark.claim(71)
@pytest.mark.parametrize(("given", "meant"), [(-1, 6), (0, 0), (4, 4)])
def test_the_size_of_the_queue_may_be_guessed(given, meant):
    assert EngineSettings(ncores=3, queue_maxsize=given).queue_capacity == meant


@pytest.mark.parametrize(
    "wrong",
    [
        {"ncores": -1},
        {"retries": -1},
        {"run_timeout": 0},
        {"on_run_error": "ignore"},
        {"start_method": "clone"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EngineSettings(**wrong)
