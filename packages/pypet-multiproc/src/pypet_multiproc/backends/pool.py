"""A fixed number of worker processes, each of which does many runs.

Runs travel in batches that take some twenty milliseconds, so that short runs cost next to nothing
to hand over, while a worker that dies still costs only the run it was at. While runs are short,
each worker has its next batch waiting; long ones are handed out one by one, to workers that are
free. Dead workers are replaced. ``multiprocessing.Pool`` loses the task of a worker that dies and
waits for it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from pypet_multiproc.backends.base import BackendContext, Step
from pypet_multiproc.backends.workers import WorkersBackend
from pypet_multiproc.model.tasks import BatchSizer, TaskSource
from pypet_multiproc.workers.handles import Ended, Event, Reported, Undone, Worker
from pypet_multiproc.workers.process import LONG

_NAMES = {
    "fork": "ForkPoolWorker-{n}",
    "spawn": "SpawnPoolWorker-{n}",
    "forkserver": "ForkServerPoolWorker-{n}",
}


class PoolBackend(WorkersBackend):
    """Keeps workers for many runs."""

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self._sizer = BatchSizer()
        #: How many runs are still to be handed out one by one, because one of them may be fatal.
        self._suspects = 0

    def _inherits_trajectory(self) -> bool:
        return self.forks and self.context.settings.freeze_input

    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives."""
        while True:
            self._hand_out(source)
            busy = any(worker.assigned for worker in self.supervisor.workers)
            if not busy and source.exhausted:
                return
            yield from self._relieve(source)
            yield from self._wait(source, LONG if self._is_queueing else None)

    @property
    def _is_queueing(self) -> bool:
        """Whether runs wait behind others of the same worker."""
        return any(len(worker.assigned) > 1 for worker in self.supervisor.workers)

    def _relieve(self, source: TaskSource) -> Iterator[Step]:
        """Give runs that wait behind a long one to other workers."""
        for worker in list(self.supervisor.workers):
            if len(worker.assigned) > 1:
                for event in worker.revoke():
                    if isinstance(event, Undone) and event.undone:
                        self._sizer.observe(LONG)
                    yield from self._step(event, source)
        self._hand_out(source)

    def _observe(self, event: Reported) -> None:
        self._sizer.observe(event.seconds)
        self._suspects = max(0, self._suspects - 1)

    def _step(self, event: Event, source: TaskSource) -> Iterator[Step]:
        if isinstance(event, Ended) and event.lost is None:
            self._suspects = len(event.undone)
        return super()._step(event, source)

    def _size(self) -> int:
        return 1 if self._suspects else self._sizer.size()

    def _hand_out(self, source: TaskSource) -> None:
        workers = self.supervisor.workers
        for worker in list(workers):
            idle = worker.kill_at is None and not worker.assigned and not worker.revoked
            if idle and not self._give(worker, source):
                return
        while len(workers) < self.context.settings.workers:
            batch = source.take(self._size())
            if not batch:
                return
            worker = self.supervisor.start(self._setup(), _NAMES[self.start_method])
            if not worker.assign(batch):
                source.give_back(batch)
        if self._sizer.is_small and not self._suspects:
            for worker in workers:
                if worker.kill_at is None and worker.ready and not worker.revoked:
                    self._give_early(worker, source)

    def _give(self, worker: Worker, source: TaskSource) -> bool:
        """Give a batch to a worker that has none; returns whether there may be more."""
        batch = source.take(self._size())
        if not batch:
            return False
        if not worker.assign(batch):
            source.give_back(batch)
        return True

    def _give_early(self, worker: Worker, source: TaskSource) -> None:
        """Let a worker's next batch wait in its pipe, if it is a small one."""
        size = self._sizer.size()
        if len(worker.assigned) - worker.finished > size:
            return
        batch = source.take(size)
        if batch and not worker.assign_early(batch):
            source.give_back(batch)
