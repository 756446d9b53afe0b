"""A worker process from the inside: set-up, the loop over batches of runs, the end.

The main process sends batches of attempts; the worker sends back one outcome per attempt, in
order. A run that has finished while its data still waits to be stored is announced at once and its
outcome follows. So the main process always knows which run a worker is at. Invariant: a worker that
has not told of the end of a run within :data:`LONG` seconds drops everything else it was given
afterwards; the main process relies on it and gives those runs to others meanwhile.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import describe
from pypet_multiproc.model.serialization import Packed
from pypet_multiproc.model.tasks import Attempt
from pypet_multiproc.processes.children import watch
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.processes.limits import apply_niceness, limit_threads
from pypet_multiproc.transport.channels import send_frame
from pypet_multiproc.workers.single_run import Runner, outcome_bytes
from pypet_multiproc.wrapping.direct import note_error
from pypet_multiproc.wrapping.services import MultiprocWrapper
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.logger import module_logger

# First byte of what a worker sends.
#: It can run now.
READY = b"R"
#: It cannot; why follows.
BROKEN = b"B"
#: A batch has been begun.
BEGUN = b"S"
#: A run has finished and its outcome will follow.
FINISHED = b"F"
#: What finished runs want stored is being stored.
STORING = b"W"
#: An outcome.
OUTCOME = b"O"
#: How many attempts it has dropped.
DROPPED = b"D"

#: Seconds after which a run is so long that others should not wait behind it.
LONG = 0.25
#: Seconds that data of finished runs may wait for more: at least, at most, and how many times as
#: long as storing took the last time.
_LEAST_PATIENCE, _MOST_PATIENCE, _PATIENCE_FACTOR = 0.02, 0.25, 4.0
#: Seconds for which a worker without a main process waits for its end.
_ORPHANED = 5.0


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
    #: Threads that numerical libraries may use; ``None``: nothing is to be changed.
    threads: int | None = None
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
    parent: Connection


def worker_main(setup: WorkerSetup, pipes: WorkerPipes) -> None:
    """Entry point of a worker process."""
    # What was inherited is not looked at by the garbage collector, which would copy its pages.
    gc.freeze()
    wrapper = setup.service if isinstance(setup.service, MultiprocWrapper) else None
    watcher = watch(pipes.parent, wrapper.orphaned if wrapper else None)
    parent = os.getppid()
    _handle_signals(setup.graceful_exit)
    try:
        _work(setup, pipes)
    except (KeyboardInterrupt, BrokenPipeError):
        # Stopped together with the main process, or it no longer listens: nothing left to say.
        module_logger(__name__).debug("Stopped before the end.")
    if os.getppid() != parent:
        # Without a main process it is the watcher who ends this process, when it has tidied up.
        watcher.join(_ORPHANED)


def _handle_signals(graceful_exit: bool) -> None:
    sigint_handling.hit = False
    sigint_handling.started = False
    if graceful_exit:
        # The signal reached the whole group; the main process starts nothing new.
        sigint_handling.ignore()
    else:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sigint_handling.release()


def _work(setup: WorkerSetup, pipes: WorkerPipes) -> None:
    try:
        first_batch = setup.first_batch
        if isinstance(first_batch, Packed):
            first_batch = first_batch.unpack()
        runner = _set_up(setup, first_batch)
        send_frame(pipes.results, READY)
        loop = _Loop(runner, setup.service, pipes, setup.once)
        loop.run_batch(first_batch)
        while not setup.once and (batch := loop.next_batch()) is not None:
            loop.run_batch(batch)
    except BrokenPipeError:
        raise
    except Exception as exc:
        # Runs never raise; this is a set-up that fails or arguments that cannot be unpickled.
        send_frame(pipes.results, BROKEN + pickle.dumps(describe(exc)))


def _set_up(setup: WorkerSetup, first_batch: tuple[Attempt, ...]) -> Runner:
    apply_niceness(setup.niceness)
    if setup.threads is not None:
        limit_threads(setup.threads)
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


class _Loop:
    """Does batches and tells the main process."""

    def __init__(self, runner: Runner, service: Any, pipes: WorkerPipes, once: bool) -> None:
        self._runner, self._pipes = runner, pipes
        self._service = service if isinstance(service, MultiprocWrapper) else None
        #: Outcomes of runs whose data waits to be stored.
        self._held: list[RunOutcome] = []
        self._held_since = 0.0
        self._patience = _LEAST_PATIENCE
        if self._service is not None:
            # A process that does one run has nothing to wait for.
            self._service.defer(not once)

    def next_batch(self) -> Any:
        """The next batch, ``None`` if there will be none."""
        try:
            return pickle.loads(self._pipes.tasks.recv_bytes())
        except EOFError:
            return None

    def run_batch(self, batch: Sequence[Attempt]) -> None:
        """Do one batch, or its beginning if a run takes long or a stop was requested."""
        start = time.monotonic()
        send_frame(self._pipes.results, BEGUN)
        for position, attempt in enumerate(batch, start=1):
            if attempt.again:
                # It clears what an earlier try stored, which stores what waits: not in its name.
                self._release()
            outcome = self._runner.run(attempt)
            interrupted = outcome.interrupted
            self._report(outcome)
            # The clock is read after reporting: a supervisor without news by then may rely on it.
            now = time.monotonic()
            if interrupted or now - start > LONG:
                self._release()
                self._drop(len(batch) - position)
                return
            start = now
        if not self._pipes.tasks.poll():
            self._release()

    def _drop(self, count: int) -> None:
        """Drop the rest of a batch, and batches that wait in the pipe."""
        while self._pipes.tasks.poll():
            batch = self.next_batch()
            if batch is None:
                break
            count += len(batch)
        send_frame(self._pipes.results, DROPPED + pickle.dumps(count))

    def _report(self, outcome: RunOutcome) -> None:
        self._held.append(outcome)
        if self._service is None or not self._service.has_deferred:
            self._release()
            return
        if len(self._held) == 1:
            self._held_since = time.monotonic()
        send_frame(self._pipes.results, FINISHED)
        if time.monotonic() - self._held_since > self._patience:
            self._release()

    def _release(self) -> None:
        """Store what waits and send the outcomes that were held back for it."""
        if not self._held:
            return
        errors = {}
        if self._service is not None and self._service.has_deferred:
            start = time.monotonic()
            send_frame(self._pipes.results, STORING)
            errors = self._service.store_deferred()
            seconds = _PATIENCE_FACTOR * (time.monotonic() - start)
            self._patience = min(max(seconds, _LEAST_PATIENCE), _MOST_PATIENCE)
        held, self._held = self._held, []
        for outcome in held:
            note_error(outcome, errors)
            send_frame(self._pipes.results, OUTCOME + outcome_bytes(outcome))
