"""Runs in the workers of SCOOP, for scripts started with ``python -m scoop``.

SCOOP is an executor with its own rules: its futures are greenlets, so the process that waits for
them computes in the meantime, and only SCOOP's own waiting lets it. Apart from the waiting this is
the executor back end: batches of runs go out, plain outcomes come back, and the experiment reaches
each worker once. Unlike in pypet 0.7 that holds with and without ``freeze_input``.

SCOOP is no longer maintained; new scripts had better use an executor of
:mod:`pypet_net.executors`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

from pypet_multiproc.backends.base import BackendContext, Step
from pypet_multiproc.backends.executor import ExecutorBackend
from pypet_multiproc.backends.serial import SerialBackend
from pypet_multiproc.experiment import RunOutcome
from pypet_multiproc.failures import lost
from pypet_multiproc.tasks import Attempt, BatchSizer, TaskSource

_logger = logging.getLogger("pypet")


class ScoopExecutor(Executor):
    """The part of SCOOP that is an executor, with futures of SCOOP's own kind."""

    def __init__(self) -> None:
        import scoop

        self._max_workers: int = scoop.SIZE

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have SCOOP call a function somewhere; returns its future."""
        from scoop import futures

        return futures.submit(fn, *args, **kwargs)


class ScoopBackend(ExecutorBackend):
    """Runs wherever SCOOP has workers; without SCOOP in this process, and says so.

    Parameters
    ----------
    context
        What to work with. ``settings.timeout`` is how long a run may take before it counts as
        lost; it is looked at whenever another run ends.
    """

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self._given = None
        self._timeout = context.settings.timeout
        if self._timeout is not None:
            self._sizer = BatchSizer(largest=1)

    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives."""
        import scoop

        if not scoop.IS_RUNNING:
            _logger.error(
                "SCOOP is not running, so the runs are done one after another in this process. "
                "Start the script with `python -m scoop`."
            )
            yield from SerialBackend(self.context).run(source)
            return
        self._given = ScoopExecutor()
        packed = self._packed  # what cannot be pickled shows before the first run
        assert packed
        while True:
            while len(self._futures) < self._window():
                batch = source.take(self._sizer.size())
                if not batch:
                    break
                self._submit(batch, with_experiment=False)
            if not self._futures and source.exhausted:
                return
            for future in self._ended():
                yield from self._finish(future, source)
            yield from self._overdue()
            yield None

    def _ended(self) -> list[Any]:
        """Wait until at least one batch has ended, computing in the meantime."""
        from scoop import futures

        waiting = list(self._futures)
        try:
            next(iter(futures.as_completed(waiting)), None)
        except Exception:
            # Raised by one of the futures; asking for its result raises it again, in its place.
            _logger.debug("A future of SCOOP has failed.", exc_info=True)
        return [future for future in waiting if future.done()]

    def _overdue(self) -> Iterator[tuple[Attempt, RunOutcome]]:
        if self._timeout is None:
            return
        oldest = time.monotonic() - self._timeout
        for future, ([attempt], since) in list(self._futures.items()):
            if since < oldest and not future.done():
                del self._futures[future]
                failure = lost(
                    "timeout",
                    f"SCOOP gave no result within {self._timeout:g} s.",
                    attempts=attempt.number,
                )
                yield (
                    attempt,
                    RunOutcome(
                        attempt.task.idx,
                        failure=failure,
                        attempts=attempt.number,
                        token=attempt.token,
                    ),
                )
