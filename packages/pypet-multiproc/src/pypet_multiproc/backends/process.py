"""Each run in a process of its own.

With fork nothing but the return value needs pickling: the process inherits trajectory, function and
arguments as they are. Only here do caps on CPU, memory and swap make sense, because only here does
a new process start for each run.
"""

from __future__ import annotations

from collections.abc import Iterator

from pypet_multiproc.backends.base import BackendContext, Step
from pypet_multiproc.backends.caps import CapMonitor
from pypet_multiproc.backends.workers import WorkersBackend
from pypet_multiproc.model.serialization import pack
from pypet_multiproc.model.tasks import Attempt, TaskSource

#: Seconds between two looks at the caps while they keep a process from starting.
_LOOK_AGAIN = 0.1
#: Seconds a process may take to end after its run.
_FAREWELL = 10.0


class ProcessBackend(WorkersBackend):
    """Starts a process per run.

    Parameters
    ----------
    context : BackendContext
        What to work with.
    """

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
