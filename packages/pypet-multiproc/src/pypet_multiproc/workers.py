"""A worker process from the inside: set-up, the loop over batches of runs, the end.

The main process sends batches of attempts; the worker sends back one outcome per attempt, in order,
as soon as each is there. So the main process always knows which run a worker is at: the first one
without an outcome. Invariant: a worker never decides anything. It ends when it is told to, when its
task pipe ends, or when the main process is gone.
"""

from __future__ import annotations

import logging
import pickle
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from pypet_multiproc import lifeline
from pypet_multiproc.channels import send_frame
from pypet_multiproc.failures import describe
from pypet_multiproc.interrupt import sigint_handling
from pypet_multiproc.niceness import apply_niceness
from pypet_multiproc.serialization import Packed
from pypet_multiproc.single_run import Runner, outcome_bytes
from pypet_multiproc.tasks import Attempt
from pypet_multiproc.threads import limit_threads
from pypet_trajectory.storage.service import StorageService

#: First byte of what a worker sends: it can run now; it cannot; an outcome; what it leaves undone.
READY = b"R"
BROKEN = b"B"
OUTCOME = b"O"
UNDONE = b"U"


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs; sent once, when it starts."""

    #: Does the runs; packed where it is not inherited.
    runner: Runner | Packed
    #: What runs store with; ``None`` if the runner's trajectory has it already.
    service: StorageService | None = None
    #: Sets up logging.
    logging_manager: Any = None
    #: Least niceness.
    niceness: int | None = None
    #: Threads that numerical libraries may use; ``None``: as many as they like.
    threads: int | None = None
    #: What :func:`~pypet_multiproc.threads.find_libraries` found, if it is inherited.
    libraries: Any = None
    #: Whether to outlive a first request to stop.
    graceful_exit: bool = False
    #: Runs to do before the first batch arrives; packed where they are not inherited.
    first_batch: tuple[Attempt, ...] | Packed = ()
    #: End after the first batch.
    once: bool = False


@dataclass(frozen=True)
class WorkerPipes:
    """The worker's ends of its three pipes."""

    #: Batches of attempts.
    tasks: Connection
    #: Everything the worker says.
    results: Connection
    #: Ends with the main process.
    lifeline: Connection


def worker_main(setup: WorkerSetup, pipes: WorkerPipes) -> None:
    """Entry point of a worker process."""
    lifeline.watch(pipes.lifeline)
    _handle_signals(setup.graceful_exit)
    try:
        _work(setup, pipes)
    except (KeyboardInterrupt, BrokenPipeError):
        # Stopped together with the main process, or it no longer listens: nothing left to say.
        logging.getLogger("pypet_multiproc.workers").debug("Stopped before the end.")


def _handle_signals(graceful_exit: bool) -> None:
    sigint_handling.hit = False
    sigint_handling.started = False
    if graceful_exit:
        # The signal reached the whole group; the main process starts nothing new.
        sigint_handling.ignore()
    else:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _work(setup: WorkerSetup, pipes: WorkerPipes) -> None:
    try:
        first_batch = setup.first_batch
        if isinstance(first_batch, Packed):
            first_batch = first_batch.unpack()
        runner = _set_up(setup, first_batch)
    except Exception as exc:
        send_frame(pipes.results, BROKEN + pickle.dumps(describe(exc)))
        return
    send_frame(pipes.results, READY)
    _run_batch(runner, first_batch, pipes.results)
    while not setup.once:
        try:
            batch = pickle.loads(pipes.tasks.recv_bytes())
        except EOFError:
            break
        _run_batch(runner, batch, pipes.results)


def _set_up(setup: WorkerSetup, first_batch: tuple[Attempt, ...]) -> Runner:
    apply_niceness(setup.niceness)
    if setup.threads is not None:
        limit_threads(setup.threads, setup.libraries)
    runner = setup.runner
    if isinstance(runner, Packed):
        runner = runner.unpack()
    runner.prepare(setup.service)
    if setup.logging_manager is not None:
        if setup.once and first_batch:
            trajectory = runner.trajectory_at(first_batch[0].task.idx)
            if trajectory is not None:
                setup.logging_manager.extract_replacements(trajectory)
        setup.logging_manager.make_logging_handlers_and_tools(multiproc=True)
    assert isinstance(runner, Runner)
    return runner


def _run_batch(runner: Runner, batch: Any, results: Connection) -> None:
    for position, attempt in enumerate(batch):
        outcome = runner.run(attempt)
        interrupted = outcome.interrupted
        send_frame(results, OUTCOME + outcome_bytes(outcome))
        if interrupted and position + 1 < len(batch):
            send_frame(results, UNDONE)
            return
