"""How runs are to be executed: every choice of the user, validated by the caller that builds it.

One frozen object travels through the whole engine. Invariant: nothing in it refers to a
trajectory, a process or a file, so it can be sent anywhere. It holds wishes only; what they
come to on this machine (``ncores=0``, ``queue_maxsize=-1``) is asked through the properties.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetValueError


@dataclass(frozen=True)
class EngineSettings:
    """Settings of a :class:`~pypet_multiproc.engine.RunEngine`.

    Raises
    ------
    ValueError
        If a value is outside of its range or two choices exclude one another.
    """

    #: Run in other processes; if false, one run after another in this one.
    multiproc: bool = False
    #: How many runs are active at once; 0 means one per core of the machine.
    ncores: int = 1
    #: Keep `ncores` worker processes; if false, every run has a process of its own.
    use_pool: bool = False
    #: Let all runs of a worker of a pool or an executor use one trajectory and one copy of the
    #: arguments.
    freeze_input: bool = False
    #: How data of runs reaches the storage, a key of the engine's table of wrap modes.
    wrap_mode: str = constants.WRAP_MODE_LOCK
    #: How many messages may wait for the writer; 0 means any number, -1 twice `ncores`.
    queue_maxsize: int = -1
    #: Start no further process while the CPU is used more than this, in per cent.
    cpu_cap: float = 100.0
    #: The same for memory; with a second number, megabytes each process will need.
    memory_cap: float | tuple[float, float] = 100.0
    #: The same for swap space, in per cent.
    swap_cap: float = 100.0
    #: Least niceness of the processes that run.
    niceness: int | None = None
    #: Collect garbage after so many store operations (LOCAL: runs) where data is written.
    gc_interval: int | None = None
    #: Seconds that SCOOP, an executor or a network lock may take.
    timeout: float | None = None
    #: Post-process as soon as all runs have started.
    immediate_postproc: bool = False
    #: Let a first SIGINT, SIGTERM or SIGUSR1 stop new runs only.
    graceful_exit: bool = False
    #: Store what a run added when it ends.
    automatic_storing: bool = True
    #: Drop what a run added from memory when it ends.
    clean_up_runs: bool = True
    #: ``'fork'``, ``'spawn'``, ``'forkserver'``, or ``None``: fork where there is one.
    start_method: str | None = None
    #: Seconds after which a run is ended and counts as failed.
    run_timeout: float | None = None
    #: What a failing run does: ``'raise'``, ``'continue'``, or ``None``: raise, unless every
    #: run has a process of its own.
    on_run_error: Literal["raise", "continue"] | None = None
    #: How often a run that failed is tried again.
    retries: int = 0
    #: Any executor with a ``submit`` method, or a function that makes one.
    executor: Executor | Callable[[], Executor] | None = None
    #: Keep numerical libraries in workers from using more threads than there are cores.
    limit_threads: bool = True
    #: Give every outcome the stored data of its run, whatever the wrap mode.
    keep_deltas: bool = False

    def __post_init__(self) -> None:
        if self.ncores < 0:
            raise PypetValueError(
                f"`ncores` is {self.ncores}; pass a positive number, or 0 for all cores."
            )
        if self.retries < 0:
            raise PypetValueError(f"`retries` is {self.retries}; pass 0 or more.")
        if self.run_timeout is not None and not self.run_timeout > 0:
            raise PypetValueError(
                f"`run_timeout` is {self.run_timeout}; pass seconds above 0, or None."
            )
        if self.on_run_error not in (None, "raise", "continue"):
            raise PypetValueError(
                f"`on_run_error` is {self.on_run_error!r}; pass 'raise', 'continue' or None."
            )
        if self.start_method not in (None, "fork", "spawn", "forkserver"):
            raise PypetValueError(
                f"`start_method` is {self.start_method!r}; pass 'fork', 'spawn', 'forkserver' "
                "or None."
            )

    @property
    def workers(self) -> int:
        """Number of runs that are active at once on this machine."""
        return self.ncores or os.cpu_count() or 1

    @property
    def queue_capacity(self) -> int:
        """How many messages may wait for the writer; 0 means any number."""
        return 2 * self.workers if self.queue_maxsize < 0 else self.queue_maxsize

    @property
    def raises_run_errors(self) -> bool:
        """Whether an exception in a run leaves the engine."""
        if self.on_run_error is None:
            own_process = self.multiproc and not self.use_pool and self.executor is None
            return not own_process
        return self.on_run_error == "raise"
