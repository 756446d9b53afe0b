"""A hundred thousand runs cost no more per run than a few do, in time and in memory.

The environment reports its progress; a handler of that report notes what each process holds and
what it has computed so far. Time is that of the processors, not of the clock on the wall, so other
work on the machine does not matter.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pypet import Environment, Trajectory, load_trajectory

#: A sample at so many per cent of all runs.
STEP = 10
MEGABYTE = 2**20


def nothing(traj: Trajectory) -> None:
    """A run that does nothing at all."""


def scalar(traj: Trajectory) -> None:
    """A run with the smallest result there is."""
    traj.f_add_result("z", traj.x)


@dataclass
class Process:
    """What one process holds and has computed at one moment."""

    memory: int
    seconds: float


class Sampler(logging.Handler):
    """Looks at this process and its children whenever progress is reported."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[dict[int, Process]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a sample."""
        here = psutil.Process()
        sample = {}
        for process in (here, *here.children()):
            with process.oneshot():
                times = process.cpu_times()
                sample[process.pid] = Process(process.memory_info().rss, times.user + times.system)
        self.samples.append(sample)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("job", "runs"), [(nothing, 100_000), (scalar, 20_000)], ids=["nothing", "scalar"]
)
def test_memory_stays_flat_and_time_grows_with_the_number_of_runs(
    job: Callable[[Trajectory], None], runs: int, tmp_path: Path
) -> None:
    logger, sampler = logging.getLogger("soak"), Sampler()
    logger.addHandler(sampler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    env = Environment(
        trajectory="soak",
        filename=str(tmp_path / "soak.hdf5"),
        log_config=None,
        report_progress=(STEP, "soak", logging.INFO),
        multiproc=True,
        ncores=2,
        use_pool=True,
        wrap_mode="QUEUE",
    )
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": range(runs)})
    try:
        results = env.run(job)
    finally:
        logger.removeHandler(sampler)
    assert len(results) == runs
    assert env.trajectory.f_is_completed()

    # From the first half on everything is loaded, and every process has found its size.
    half, end = sampler.samples[len(sampler.samples) // 2], sampler.samples[-2]
    early = sampler.samples[1]
    assert half.keys() == end.keys() == early.keys()
    assert len(end) == 4, "this process, two workers, the writer"
    for pid, process in end.items():
        name = "main" if pid == os.getpid() else f"child {pid}"
        growth = process.memory - half[pid].memory
        before, after = half[pid].seconds - early[pid].seconds, process.seconds - half[pid].seconds
        print(
            f"{job.__name__} {name}: {process.memory / MEGABYTE:.0f} MB, "
            f"{growth / MEGABYTE:+.1f} MB since half of the runs; {before:.1f} s of CPU for the "
            f"first 4/10 of the runs after the start, {after:.1f} s for the last 4/10"
        )
        # The list of results is what the caller asked for; nothing else may grow.
        assert growth < 16 * MEGABYTE
        assert after < 1.3 * before + 1.0

    traj = load_trajectory(name="soak", filename=str(tmp_path / "soak.hdf5"), load_data=0)
    assert traj.f_is_completed()
    if job is scalar:
        values = load_trajectory(
            name="soak", filename=str(tmp_path / "soak.hdf5"), load_results=2, load_parameters=2
        ).f_get_from_runs("z", fast_access=True, use_indices=True)
        assert len(values) == runs
        assert all(index == value for index, value in values.items())
