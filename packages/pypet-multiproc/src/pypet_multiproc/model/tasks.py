"""Where backends get their runs from: the caller's iterator, retries, and what dead workers left.

Invariant: each task is handed out again until it ended once, and nothing new is handed out after
a request to stop. The iterator is asked as late as possible, for it may be endless or belong to the
user.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pypet_multiproc.model.experiment import RunOutcome, RunTask
from pypet_trajectory.api.records import RunFailure


@dataclass(slots=True)
class Attempt:
    """One try at one run."""

    #: What to run.
    task: RunTask
    #: 1 for the first try.
    number: int
    #: Distinguishes this try from all others, also those of other processes.
    token: int
    #: Whether a process may have begun it that did not live to tell.
    begun: bool = False

    @property
    def again(self) -> bool:
        """Whether this is not the first time that the engine lets the run begin."""
        return self.begun or self.number > 1

    @property
    def repeated(self) -> bool:
        """Whether an earlier try may have stored something."""
        return self.again or self.task.repeated

    def outcome(
        self, failure: RunFailure | None = None, exception: BaseException | None = None
    ) -> RunOutcome:
        """What became of the run in this try."""
        return RunOutcome(
            self.task.idx,
            failure=failure,
            attempts=self.number,
            exception=exception,
            token=self.token,
        )


class TaskSource:
    """Hands out tasks.

    Parameters
    ----------
    tasks : iterator of RunTask
        What is to be run.
    on_exhausted : callable, optional
        Called when `tasks` has ended; gives further tasks or ``None``.
    stop_requested : callable
        Whether no more runs may start.
    """

    def __init__(
        self,
        tasks: Iterator[RunTask],
        on_exhausted: Callable[[], Iterator[RunTask] | None] | None,
        stop_requested: Callable[[], bool],
    ) -> None:
        self._tasks: Iterator[RunTask] | None = tasks
        self._on_exhausted = on_exhausted
        self._stop_requested = stop_requested
        self._again: deque[Attempt] = deque()
        self._tokens = itertools.count(os.getpid() << 32)
        #: What the iterator raised; it is exhausted then.
        self.error: BaseException | None = None

    @property
    def exhausted(self) -> bool:
        """Whether there will be no more tasks, unless a backend gives one back."""
        if self._stop_requested():
            return True
        return self._tasks is None and not self._again

    def take(self, count: int) -> list[Attempt]:
        """Up to `count` tasks; fewer if there are no more or a stop was requested."""
        taken: list[Attempt] = []
        while len(taken) < count and not self._stop_requested():
            if self._again:
                taken.append(self._again.popleft())
                continue
            task = self._next()
            if task is None:
                break
            taken.append(Attempt(task, 1, next(self._tokens)))
        return taken

    def _next(self) -> RunTask | None:
        while self._tasks is not None:
            try:
                return next(self._tasks)
            except StopIteration:
                self._tasks = self._on_exhausted() if self._on_exhausted else None
            except Exception as exc:
                self.error, self._tasks = exc, None
        return None

    def give_back(self, attempts: list[Attempt]) -> None:
        """Take back tasks that no worker finished, and not by their own fault; they come first."""
        for attempt in reversed(attempts):
            attempt.token = next(self._tokens)
            self._again.appendleft(attempt)

    def try_again(self, attempt: Attempt) -> None:
        """Take back a task whose run failed."""
        self._again.append(Attempt(attempt.task, attempt.number + 1, next(self._tokens)))


class BatchSizer:
    """How many runs to hand to a worker at once, so that handing over costs next to nothing.

    Grows from 1 towards as many runs as take `target` seconds, and stays below twice the number of
    runs seen so far: the first few may be unlike the others.

    Parameters
    ----------
    target : float
        Seconds a batch should take.
    largest : int
        Largest batch.
    """

    def __init__(self, target: float = 0.02, largest: int = 1000) -> None:
        self._target, self._largest = target, largest
        self._seconds: float | None = None
        self._observed = 0

    def observe(self, seconds: float) -> None:
        """Note how long one run took, with everything around it."""
        self._observed += 1
        if self._seconds is None:
            self._seconds = seconds
        else:
            self._seconds += 0.25 * (seconds - self._seconds)

    @property
    def is_small(self) -> bool:
        """Whether runs are so short that a worker should have the next batch waiting."""
        return self._seconds is not None and self._seconds < self._target / 4

    def size(self) -> int:
        """How many runs the next batch should have."""
        if self._seconds is None:
            return 1
        wanted = int(self._target / max(self._seconds, 1e-9))
        return max(1, min(wanted, 2 * self._observed, self._largest))
