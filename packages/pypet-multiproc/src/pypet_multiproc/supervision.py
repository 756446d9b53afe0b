"""Worker processes from the outside: starting them, hearing them, noticing their end.

One waiter waits for everything at once: what workers say, their ends, and whatever a wrap mode
waits for. Invariant: for each attempt a worker was given, exactly one event comes out: its outcome,
or that it was being done (``lost``) or waiting (``undone``) when the worker ended or took too long
over another run. That holds for workers that are killed at any moment.

::

    main process                                worker process
      tasks     ── batches of attempts ──►        one run after the other
      results   ◄─ ready, outcome, outcome ──
      lifeline  ── (silence; "end"; EOF) ──►      a thread that ends the process
      process descriptor ◄─ readable when it has ended
"""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.util import Finalize
from typing import Any

from pypet_multiproc.channels import FrameReader, keep_from_children
from pypet_multiproc.experiment import RunOutcome
from pypet_multiproc.failures import (
    RunError,
    WorkerStartError,
    describe,
    explain_exit,
)
from pypet_multiproc.lifeline import END
from pypet_multiproc.processes import start_quietly, watch_end
from pypet_multiproc.serialization import NotPicklableError, dumps, explain
from pypet_multiproc.tasks import Attempt
from pypet_multiproc.waiting import make_waiter
from pypet_multiproc.workers import (
    BEGUN,
    BROKEN,
    DROPPED,
    FINISHED,
    LONG,
    OUTCOME,
    READY,
    STORING,
    WorkerPipes,
    WorkerSetup,
    worker_main,
)
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage.records import RunFailure

#: Batches up to this size fit into a pipe that its reader has not emptied yet.
_SMALL_BATCH = 16384
#: Workers that may end before they are ready, one after another.
_MAX_FAILED_STARTS = 3
#: Seconds after which a killed process is left to the system.
_UNKILLABLE = 30.0

_logger = module_logger(__name__)


@dataclass(slots=True)
class Reported:
    """A worker has finished a run."""

    worker: Worker
    attempt: Attempt
    outcome: RunOutcome
    #: Seconds since the worker's previous outcome, or since it was given the batch.
    seconds: float


@dataclass(slots=True)
class Ended:
    """A worker process has ended."""

    worker: Worker
    exitcode: int | None
    #: The attempt it was at.
    lost: Attempt | None
    #: Attempts it had been given and not begun.
    undone: list[Attempt]


@dataclass(slots=True)
class Undone:
    """A worker does not get to attempts it was given: it was asked to stop, or is at a long run."""

    worker: Worker
    undone: list[Attempt]


Event = Reported | Ended | Undone


@dataclass(eq=False)
class Worker:
    """One worker process, as the main process sees it."""

    #: The process.
    process: Any
    #: Where batches go.
    tasks: Any
    #: Where outcomes come from.
    results: FrameReader
    #: Closing it, or ``END`` on it, ends the process.
    lifeline: Any
    #: Readable when the process has ended.
    end: int
    #: What the worker has been given and not reported, in its order.
    assigned: deque[Attempt] = field(default_factory=deque)
    #: How many of these have finished and wait for their data to be stored.
    finished: int = 0
    #: Whether it is storing what finished runs want stored, instead of being at a run.
    storing: bool = False
    #: How many attempts were taken away from it because it is at a long run.
    revoked: int = 0
    #: Whether it has begun the batch it was given last.
    begun: bool = False
    #: Whether it has said that it can run.
    ready: bool = False
    #: Seconds that the runs took which have finished.
    seconds: deque[float] = field(default_factory=deque)
    #: When the run it is at began, on the monotonic clock.
    since: float = 0.0
    #: When it will be asked to end, on the monotonic clock, if it has not ended by itself.
    end_at: float | None = None
    #: When it will be killed, on the monotonic clock, if it was asked to end.
    kill_at: float | None = None
    #: Why it is being ended, if it is.
    reason: RunFailure | None = None
    #: Whether its task pipe was closed, so that it ends by itself.
    dismissed: bool = False

    @property
    def pid(self) -> int:
        """Process id."""
        return int(self.process.pid)

    def assign(self, batch: Sequence[Attempt]) -> bool:
        """Send a batch; returns whether the worker could be reached."""
        return self._send(batch, _batch_bytes(batch))

    def assign_early(self, batch: Sequence[Attempt]) -> bool:
        """Send a batch to a worker that is still at another, if that cannot block."""
        data = _batch_bytes(batch)
        return len(data) <= _SMALL_BATCH and self._send(batch, data)

    def _send(self, batch: Sequence[Attempt], data: bytes) -> bool:
        if not self.assigned:
            self.begun = False
            self.since = time.monotonic()
        try:
            self.tasks.send_bytes(data)
        except OSError:
            return False
        self.assigned.extend(batch)
        return True

    def dismiss(self, patience: float = 10.0) -> None:
        """Let the worker end when it has done what it was given, at most `patience` seconds."""
        if not self.dismissed:
            self.dismissed = True
            self.tasks.close()
            self.end_at = time.monotonic() + patience

    def end_now(self, patience: float, reason: RunFailure | None = None) -> None:
        """Ask the worker to end at once; it is killed after `patience` seconds."""
        if self.kill_at is not None:
            return
        self.kill_at = time.monotonic() + patience
        self.reason = reason
        try:
            self.lifeline.send_bytes(END)
        except OSError:
            self.process.kill()


class Supervisor:
    """Starts workers and turns what happens to them into events.

    Parameters
    ----------
    start_method : str
        How to start processes.
    before_start : callable
        Called before each start.
    on_death : callable
        Called with the process id of a worker that ended out of turn.
    """

    def __init__(
        self,
        start_method: str,
        before_start: Callable[[], None],
        on_death: Callable[[int], None],
    ) -> None:
        self._context: Any = get_context(start_method)
        if start_method == "forkserver":
            # Imported once in the server instead of once in each process.
            self._context.set_forkserver_preload(["__main__", "pypet_multiproc.backends.workers"])
        self._before_start, self._on_death = before_start, on_death
        self._waiter = make_waiter()
        self._others: dict[Any, Any] = {}
        self._failed_starts = 0
        self._started = 0
        #: Workers that have not ended.
        self.workers: list[Worker] = []
        # Should nobody close it: before multiprocessing waits for its children at exit.
        self._finalizer = Finalize(self, _abandon, args=(self.workers,), exitpriority=10)

    # ---------------------------------------------------------------- start

    def start(
        self,
        setup: WorkerSetup,
        name: str | None = None,
        attempts: Sequence[Attempt] = (),
    ) -> Worker:
        """Start one worker.

        Parameters
        ----------
        setup : WorkerSetup
            What it works with.
        name : str, optional
            Name of the process; ``{n}`` stands for a number.
        attempts : sequence of Attempt
            The first batch, if the set-up contains one.
        """
        self._before_start()
        self._started += 1
        tasks_there, tasks_here = self._context.Pipe(duplex=False)
        results_here, results_there = self._context.Pipe(duplex=False)
        lifeline_there, lifeline_here = self._context.Pipe(duplex=False)
        for connection in (tasks_here, results_here, lifeline_here):
            keep_from_children(connection)
        pipes = WorkerPipes(tasks_there, results_there, lifeline_there)
        process = self._context.Process(
            target=worker_main,
            args=(setup, pipes),
            name=None if name is None else name.format(n=self._started),
        )
        start_quietly(process)
        for connection in (tasks_there, results_there, lifeline_there):
            connection.close()
        worker = Worker(
            process=process,
            tasks=tasks_here,
            results=FrameReader(results_here),
            lifeline=lifeline_here,
            end=watch_end(process),
            assigned=deque(attempts),
            since=time.monotonic(),
        )
        self._waiter.register(worker.results, worker)
        self._waiter.register(worker.end, worker)
        self.workers.append(worker)
        return worker

    # ----------------------------------------------------------------- wait

    def watch_also(self, waitables: Sequence[Any]) -> None:
        """Let :meth:`wait` return when one of these becomes readable, too."""
        wanted = {id(waitable): waitable for waitable in waitables}
        for key in set(self._others) - set(wanted):
            self._waiter.unregister(self._others.pop(key))
        for key in set(wanted) - set(self._others):
            self._waiter.register(wanted[key], None)
            self._others[key] = wanted[key]

    def wait(self, timeout: float | None) -> list[Event]:
        """What has happened, after waiting for something at most `timeout` seconds."""
        timeout = self._end_overdue(timeout)
        ready = self._waiter.wait(timeout)
        events: list[Event] = []
        heard: set[int] = set()
        ended: list[Worker] = []
        for fileobj, worker in ready:
            if worker is None:
                continue
            if id(worker) not in heard:
                heard.add(id(worker))
                events.extend(self._hear(worker))
            if fileobj == worker.end:
                ended.append(worker)
        for worker in ended:
            events.append(self._bury(worker, events))
        return events

    def _end_overdue(self, timeout: float | None) -> float | None:
        """Ask or force overdue workers to end; returns when to look again at the latest."""
        now = time.monotonic()
        for worker in self.workers:
            if worker.kill_at is None and worker.end_at is not None and worker.end_at <= now:
                worker.end_now(1.0)
            if worker.kill_at is not None and worker.kill_at <= now:
                worker.process.kill()
                worker.kill_at = float("inf")
            due = worker.end_at if worker.kill_at is None else worker.kill_at
            if due is not None and due < float("inf"):
                timeout = due - now if timeout is None else min(timeout, due - now)
        return timeout

    def _hear(self, worker: Worker) -> Iterator[Event]:
        for frame in worker.results.read():
            kind, data = frame[:1], memoryview(frame)[1:]
            if kind == READY:
                worker.ready = True
                worker.since = time.monotonic()
                self._failed_starts = 0
            elif kind == FINISHED:
                worker.finished += 1
                now = time.monotonic()
                worker.seconds.append(now - worker.since)
                worker.since = now
            elif kind == STORING:
                worker.storing = True
            elif kind == BEGUN:
                worker.begun = True
                worker.since = time.monotonic()
            elif kind == OUTCOME:
                yield self._reported(worker, data)
            elif kind == DROPPED:
                count = pickle.loads(data) - worker.revoked
                worker.revoked = 0
                yield Undone(worker, [worker.assigned.popleft() for _ in range(count)])
            elif kind == BROKEN:
                failure: RunFailure = pickle.loads(data)
                raise WorkerStartError(
                    f"A worker process cannot go on: {failure.exception}: "
                    f"{failure.message}\n{failure.traceback}"
                )
        if worker.results.ended:
            self._stop_hearing(worker)

    def _reported(self, worker: Worker, data: memoryview) -> Reported:
        attempt = worker.assigned.popleft()
        if worker.finished:
            worker.finished -= 1
            seconds = worker.seconds.popleft()
            if worker.storing and not worker.finished:
                worker.storing = False
                worker.since = time.monotonic()
        else:
            now = time.monotonic()
            seconds, worker.since = now - worker.since, now
        return Reported(worker, attempt, _outcome(data, attempt), seconds)

    def revoke(self, worker: Worker) -> list[Event]:
        """Take away what waits behind a long run; nothing if the run is not long enough yet.

        We look at the clock, then whether the worker has said anything. If it has not, it will
        find the run long when it does, for it counts from an earlier moment; and it will then
        drop what is taken away here.
        """
        position = worker.finished + 1
        is_long = worker.begun and time.monotonic() - worker.since > LONG
        if not is_long or worker.storing or worker.revoked or len(worker.assigned) <= position:
            return []
        events = list(self._hear(worker))
        is_long = time.monotonic() - worker.since > LONG
        if events or worker.storing or not is_long or worker.finished + 1 != position:
            return events
        taken = list(worker.assigned)[position:]
        for _ in taken:
            worker.assigned.pop()
        worker.revoked = len(taken)
        return [Undone(worker, taken)]

    def _stop_hearing(self, worker: Worker) -> None:
        self._waiter.unregister(worker.results)

    def _bury(self, worker: Worker, events: list[Event]) -> Ended:
        """Take leave of a worker whose process has ended."""
        events.extend(self._hear(worker))
        self._stop_hearing(worker)
        self._waiter.unregister(worker.end)
        if worker.end != worker.process.sentinel:
            os.close(worker.end)
        worker.process.join(timeout=5.0)
        exitcode = worker.process.exitcode
        self.workers.remove(worker)
        pid = worker.pid
        worker.results.close()
        worker.lifeline.close()
        worker.dismiss()
        worker.process.close()
        left = list(worker.assigned)
        worker.assigned.clear()
        at = worker.finished
        if worker.ready or worker.reason is not None:
            # Runs that had finished without being stored are as good as not begun; but storing
            # the data of a single one is a part of that run.
            if worker.storing:
                at = 0 if at == 1 else len(left)
            lost = left[at] if len(left) > at else None
            ended = Ended(worker, exitcode, lost, left[:at] + left[at + 1 :])
        else:
            self._note_failed_start(exitcode)
            ended = Ended(worker, exitcode, None, left)
        if left:
            self._on_death(pid)
        return ended

    def _note_failed_start(self, exitcode: int | None) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise WorkerStartError(
                f"{self._failed_starts} worker processes ended before they could run anything; "
                f"the last one {explain_exit(exitcode)}. With the start method 'spawn' or "
                "'forkserver' the main script must start its work under "
                "`if __name__ == '__main__':`."
            )

    # ------------------------------------------------------------------ end

    def close(self, patience: float) -> None:
        """End all workers and wait for them, at most a little longer than `patience` seconds.

        Workers that are at a run are asked to end at once.
        """
        for worker in self.workers:
            if worker.assigned or not worker.ready:
                worker.end_now(patience)
            else:
                worker.dismiss()
        self._finalizer.cancel()
        deadline = time.monotonic() + patience
        while self.workers:
            if time.monotonic() > deadline:
                for worker in self.workers:
                    worker.end_now(0.0)
            if time.monotonic() > deadline + _UNKILLABLE:
                _logger.error(
                    "Processes %s do not end although they were killed; they are left behind.",
                    [worker.pid for worker in self.workers],
                )
                break
            try:
                self.wait(0.1)
            except WorkerStartError:
                continue
        for key in list(self._others):
            self._waiter.unregister(self._others.pop(key))
        self._waiter.close()


def _batch_bytes(batch: Sequence[Attempt]) -> bytes:
    try:
        return dumps(list(batch))
    except Exception as exc:
        own = {
            f"run {attempt.task.idx}": {"args": attempt.task.args, "kwargs": attempt.task.kwargs}
            for attempt in batch
        }
        raise NotPicklableError(explain(own, "arguments", exc)) from exc


def _abandon(workers: list[Worker]) -> None:
    """End workers that nobody looks after any more."""
    for worker in list(workers):
        worker.process.kill()


def _outcome(data: memoryview, attempt: Attempt) -> RunOutcome:
    """The outcome a worker sent; one that cannot be unpickled counts as failed."""
    try:
        outcome = pickle.loads(data)
    except Exception as exc:
        error = RunError(
            f"Run {attempt.task.idx} returned something that cannot be unpickled in the main "
            f"process ({type(exc).__name__}: {exc})."
        )
        return RunOutcome(
            attempt.task.idx,
            failure=describe(error, attempts=attempt.number),
            attempts=attempt.number,
            exception=error,
            token=attempt.token,
        )
    assert isinstance(outcome, RunOutcome)
    return outcome
