"""One worker process from the outside: what it was given, what it said, what that leaves open.

Bookkeeping of one worker, without waiting and without deciding anything. Invariant: for each
attempt a worker was given, exactly one event comes out: its outcome, or that it was being done
(``lost``) or waiting (``undone``) when the worker ended or took too long over another run. That
holds for workers that are killed at any moment, because a worker says what it is at before it is.
"""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import RunError, WorkerStartError, describe
from pypet_multiproc.model.serialization import NotPicklableError, dumps, explain
from pypet_multiproc.model.tasks import Attempt
from pypet_multiproc.processes.children import END
from pypet_multiproc.transport.channels import FrameReader
from pypet_multiproc.workers.process import (
    BEGUN,
    BROKEN,
    DROPPED,
    FINISHED,
    LONG,
    OUTCOME,
    READY,
    STORING,
)
from pypet_multiproc.workers.single_run import received_outcome
from pypet_trajectory.api.records import RunFailure

#: Batches up to this size fit into a pipe that its reader has not emptied yet.
_SMALL_BATCH = 16384


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
    parent: Any
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
            self.parent.send_bytes(END)
        except OSError:
            self.process.kill()

    # -------------------------------------------------------------- what it says

    def hear(self) -> Iterator[Event]:
        """What its latest words come to.

        Raises
        ------
        WorkerStartError
            If it cannot go on.
        """
        for frame in self.results.read():
            kind, data = frame[:1], memoryview(frame)[1:]
            if kind == READY:
                self.ready = True
                self.since = time.monotonic()
            elif kind == FINISHED:
                self.finished += 1
                now = time.monotonic()
                self.seconds.append(now - self.since)
                self.since = now
            elif kind == STORING:
                self.storing = True
            elif kind == BEGUN:
                self.begun = True
                self.since = time.monotonic()
            elif kind == OUTCOME:
                yield self._reported(data)
            elif kind == DROPPED:
                count = pickle.loads(data) - self.revoked
                self.revoked = 0
                yield Undone(self, [self.assigned.popleft() for _ in range(count)])
            elif kind == BROKEN:
                failure: RunFailure = pickle.loads(data)
                raise WorkerStartError(
                    f"A worker process cannot go on: {failure.exception}: "
                    f"{failure.message}\n{failure.traceback}"
                )

    def _reported(self, data: memoryview) -> Reported:
        attempt = self.assigned.popleft()
        if self.finished:
            self.finished -= 1
            seconds = self.seconds.popleft()
            if self.storing and not self.finished:
                self.storing = False
                self.since = time.monotonic()
        else:
            now = time.monotonic()
            seconds, self.since = now - self.since, now
        return Reported(self, attempt, _outcome(data, attempt), seconds)

    # -------------------------------------------------- what it does not get to

    def revoke(self) -> list[Event]:
        """Take away what waits behind a long run; nothing if the run is not long enough yet.

        We look at the clock, then whether the worker has said anything. If it has not, it will
        find the run long when it does, for it counts from an earlier moment; and it will then
        drop what is taken away here.
        """
        position = self.finished + 1
        is_long = self.begun and time.monotonic() - self.since > LONG
        if not is_long or self.storing or self.revoked or len(self.assigned) <= position:
            return []
        events = list(self.hear())
        is_long = time.monotonic() - self.since > LONG
        if events or self.storing or not is_long or self.finished + 1 != position:
            return events
        taken = list(self.assigned)[position:]
        for _ in taken:
            self.assigned.pop()
        self.revoked = len(taken)
        return [Undone(self, taken)]

    def ended(self, exitcode: int | None) -> Ended:
        """What it leaves now that its process has ended and has said everything it could."""
        left = list(self.assigned)
        self.assigned.clear()
        if not self.ready and self.reason is None:
            return Ended(self, exitcode, None, left)
        # Runs that had finished without being stored are to be done again, whatever they stored
        # on the way; but storing the data of a single one is a part of that run.
        at = self.finished
        for attempt in left[:at]:
            attempt.begun = True
        if self.storing:
            at = 0 if at == 1 else len(left)
        lost = left[at] if len(left) > at else None
        return Ended(self, exitcode, lost, left[:at] + left[at + 1 :])


def _batch_bytes(batch: Sequence[Attempt]) -> bytes:
    try:
        return dumps(list(batch))
    except Exception as exc:
        own = {
            f"run {attempt.task.idx}": {"args": attempt.task.args, "kwargs": attempt.task.kwargs}
            for attempt in batch
        }
        raise NotPicklableError(explain(own, "arguments", exc)) from exc


def _outcome(data: memoryview, attempt: Attempt) -> RunOutcome:
    """The outcome a worker sent; one that cannot be unpickled counts as failed."""
    try:
        return received_outcome(data)
    except Exception as exc:
        error = RunError(
            f"Run {attempt.task.idx} returned something that cannot be unpickled in the main "
            f"process ({type(exc).__name__}: {exc})."
        )
        return attempt.outcome(describe(error, attempts=attempt.number), error)
