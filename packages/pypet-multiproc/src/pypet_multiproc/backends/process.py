"""Each run in a process of its own.

With fork nothing but the return value needs pickling: the process inherits trajectory, function and
arguments as they are. Only here do caps on CPU, memory and swap make sense, because only here does
a new process start for each run. They never end a process and never keep the first one from
starting, so an impossible cap makes runs go one after another instead of not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pypet_multiproc.backends.base import BackendContext, Step
from pypet_multiproc.backends.workers import WorkersBackend
from pypet_multiproc.model.serialization import pack
from pypet_multiproc.model.tasks import Attempt, TaskSource
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.logger import module_logger

#: Seconds between two looks at the caps while they keep a process from starting.
_LOOK_AGAIN = 0.1
#: Seconds a process may take to end after its run.
_FAREWELL = 10.0


class ProcessBackend(WorkersBackend):
    """Starts a process per run."""

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        settings = context.settings
        self._caps = CapMonitor(settings.cpu_cap, settings.memory_cap, settings.swap_cap)

    def _inherits_trajectory(self) -> bool:
        return self.forks

    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives."""
        workers = self.supervisor.workers
        ncores = self.context.settings.workers
        while True:
            capped = False
            while len(workers) < ncores:
                if not self._caps.allows([worker.pid for worker in workers], ncores):
                    capped = True
                    break
                attempts = source.take(1)
                if not attempts:
                    break
                self._start(attempts[0])
            if not workers and source.exhausted:
                return
            yield from self._wait(source, _LOOK_AGAIN if capped else None)
            for worker in workers:
                if worker.ready and not worker.assigned:
                    worker.dismiss(_FAREWELL)

    def _start(self, attempt: Attempt) -> None:
        self._caps.started()
        batch = (attempt,)
        own = batch if self.forks else pack(batch, "the arguments of a run", inherits_main=False)
        self.supervisor.start(self._setup(first_batch=own, once=True), "Process-{n}", batch)


_MEGABYTE = 1024.0**2
#: Seconds for which one measurement of the CPU is used; shorter ones are noise.
_CPU_INTERVAL = 0.5
_MAX_WARNINGS = 10


def split_memory_cap(memory_cap: float | Sequence[float]) -> tuple[float, float]:
    """The cap in per cent and the megabytes expected per process.

    Raises
    ------
    TypeError, ValueError
        If it is neither a number nor a pair of numbers.
    """
    if isinstance(memory_cap, (int, float)):
        return float(memory_cap), 0.0
    if isinstance(memory_cap, str) or not hasattr(memory_cap, "__len__"):
        raise PypetTypeError(
            f"`memory_cap` is {memory_cap!r}; pass per cent, or a pair of per cent and megabytes "
            "per process."
        )
    if len(memory_cap) != 2:
        raise PypetValueError(
            f"`memory_cap` is {memory_cap!r} with {len(memory_cap)} entries; pass per cent and "
            "megabytes per process."
        )
    return float(memory_cap[0]), float(memory_cap[1])


@dataclass
class CapMonitor:
    """Decides whether one more process may start."""

    #: Highest use of the CPU, in per cent.
    cpu_cap: float = 100.0
    #: Highest use of memory, in per cent, optionally with megabytes per process.
    memory_cap: float | Sequence[float] = 100.0
    #: Highest use of swap space, in per cent.
    swap_cap: float = 100.0
    _cpu: float = field(default=0.0, init=False)
    _cpu_time: float = field(default=0.0, init=False)
    _warnings: int = field(default=0, init=False)
    _silent: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._memory_cap, self._estimate = split_memory_cap(self.memory_cap)
        self._logger = module_logger(__name__)
        #: Whether there is anything to look at.
        self.active = min(self.cpu_cap, self._memory_cap, self.swap_cap) < 100.0
        if self.active:
            self._logger.info(
                "Monitoring usage: new processes start up to %.1f%% of CPU, %.1f%% of memory and "
                "%.1f%% of swap.",
                self.cpu_cap,
                self._memory_cap,
                self.swap_cap,
            )

    def allows(self, pids: Sequence[int], ncores: int) -> bool:
        """Whether one more process may start beside those running.

        Parameters
        ----------
        pids : sequence of int
            Processes that run now.
        ncores : int
            How many may run at most; caps matter only below.
        """
        if not self.active or not pids or len(pids) >= ncores:
            return True
        for name, cap, value in (
            ("cpu_cap", self.cpu_cap, self._cpu_usage),
            ("memory_cap", self._memory_cap, lambda: self._memory_usage(pids)),
            ("swap_cap", self.swap_cap, self._swap_usage),
        ):
            if cap < 100.0:
                usage = value()
                if usage > cap:
                    self._warn(name, cap, usage, len(pids))
                    return False
        return True

    def started(self) -> None:
        """Note that a process was started: the next crossing is worth a warning again."""
        self._silent = False

    def _cpu_usage(self) -> float:
        import psutil

        now = time.monotonic()
        if not self._cpu_time or now - self._cpu_time >= _CPU_INTERVAL:
            self._cpu = psutil.cpu_percent()
            self._cpu_time = now
        return self._cpu

    def _memory_usage(self, pids: Sequence[int]) -> float:
        import psutil

        memory = psutil.virtual_memory()
        if not self._estimate:
            return float(memory.percent)
        estimate = self._estimate * _MEGABYTE / memory.total * 100.0
        used = 0.0
        for pid in pids:
            try:
                used += psutil.Process(pid).memory_percent()
            except psutil.NoSuchProcess:
                continue
        # What running processes will still need, and what the next one needs.
        return float(memory.percent + max(0.0, len(pids) * estimate - used) + estimate)

    def _swap_usage(self) -> float:
        import psutil

        return float(psutil.swap_memory().percent)

    def _warn(self, name: str, cap: float, usage: float, running: int) -> None:
        if self._silent or self._warnings >= _MAX_WARNINGS:
            return
        self._silent = True
        self._warnings += 1
        hint = ""
        if name == "memory_cap" and self._estimate:
            hint = " (including the estimate of what processes still need)"
        self._logger.warning(
            "No new process starts while %d are running: `%s` is %.1f%%, used is %.1f%%%s.",
            running,
            name,
            cap,
            usage,
            hint,
        )
        if self._warnings == _MAX_WARNINGS:
            self._logger.warning("This was the last warning about crossed caps.")
