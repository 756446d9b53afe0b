"""What ways to run with worker processes share: what workers are given, and what ends them.

The snapshot of the trajectory is made once. Under fork workers inherit it; under other start
methods it is pickled once and the same bytes go to each worker.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pypet_multiproc.backends.base import Backend, BackendContext, Step, make_runner, packed_runner
from pypet_multiproc.backends.supervision import Supervisor
from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import TIMED_OUT, explain_exit, lost
from pypet_multiproc.model.serialization import Packed
from pypet_multiproc.model.tasks import Attempt, TaskSource
from pypet_multiproc.processes.children import default_start_method
from pypet_multiproc.processes.limits import InheritedLimit, threads_per_worker
from pypet_multiproc.workers.handles import Ended, Event, Reported, Undone, Worker
from pypet_multiproc.workers.process import WorkerSetup
from pypet_multiproc.workers.single_run import ReusingRunner, Runner

#: Seconds a worker that is asked to end may take before it is killed ...
_PATIENCE = 1.0
#: ... if it may be writing a file.
_PATIENCE_WHEN_WRITING = 15.0


class WorkersBackend(Backend):
    """Base of backends with worker processes."""

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.start_method = context.settings.start_method or default_start_method()
        self.forks = self.start_method == "fork"
        settings = context.settings
        self._threads = threads_per_worker(settings.workers) if settings.limit_threads else None
        self.supervisor = Supervisor(
            self.start_method,
            context.wrap.before_process_start,
            context.wrap.worker_died,
        )
        self._inherited_limit = InheritedLimit(self._threads if self.forks else None)
        self._inherited_limit.start()
        self._closed = False

    # ------------------------------------------------------- what workers get

    @abstractmethod
    def _inherits_trajectory(self) -> bool:
        """Whether workers use the trajectory they inherit, instead of copies."""

    @cached_property
    def _runner(self) -> Runner | Packed:
        """What does the runs in each worker."""
        context = self.context
        settings = context.settings
        policy = context.policy(clean_up=settings.clean_up_runs)
        if context.make_runner is None and self._inherits_trajectory():
            experiment = context.experiment
            call = (experiment.runfunc, tuple(experiment.args), dict(experiment.kwargs))
            return ReusingRunner(experiment.trajectory, *call, policy)
        frozen = settings.use_pool and settings.freeze_input
        runner = make_runner(context, policy, frozen=frozen, inherits_main=self.forks)
        return runner if self.forks else packed_runner(runner)

    @cached_property
    def _shared_setup(self) -> dict[str, Any]:
        settings = self.context.settings
        return {
            "logging_manager": self.context.logging_manager,
            "niceness": settings.niceness,
            "threads": None if self.forks else self._threads,
            "graceful_exit": settings.graceful_exit,
        }

    def _setup(self, **own: Any) -> WorkerSetup:
        service = self.context.wrap.worker_service()
        return WorkerSetup(runner=self._runner, service=service, **self._shared_setup, **own)

    # ----------------------------------------------------------------- events

    def _wait(self, source: TaskSource, timeout: float | None) -> Iterator[Step]:
        """Wait for events once and turn them into steps."""
        wrap = self.context.wrap
        self.supervisor.watch_also(wrap.waitables())
        for limit in (wrap.seconds_until_due(), self._end_overtime()):
            if limit is not None:
                timeout = limit if timeout is None else min(timeout, limit)
        for event in self.supervisor.wait(timeout):
            yield from self._step(event, source)
        yield None

    def _step(self, event: Event, source: TaskSource) -> Iterator[Step]:
        if isinstance(event, Reported):
            self._observe(event)
            yield event.attempt, event.outcome
        elif isinstance(event, Undone):
            source.give_back(event.undone)
        elif isinstance(event, Ended):
            source.give_back(event.undone)
            if event.lost is not None:
                yield event.lost, self._lost(event, event.lost)

    def _observe(self, event: Reported) -> None:
        """Take notice of how long a run took."""
        return None

    def _lost(self, event: Ended, attempt: Attempt) -> RunOutcome:
        failure = event.worker.reason or lost(
            f"exit code {event.exitcode}",
            f"The process of run {attempt.task.idx} {explain_exit(event.exitcode)}.",
            attempts=attempt.number,
        )
        return attempt.outcome(failure)

    def _end_overtime(self) -> float | None:
        """End workers whose run takes too long; returns when to look again."""
        limit = self.context.settings.run_timeout
        if limit is None:
            return None
        now = time.monotonic()
        next_look = None
        for worker in self.supervisor.workers:
            if not worker.ready or not worker.assigned or worker.kill_at is not None:
                continue
            left = worker.since + limit - now
            if left <= 0:
                worker.end_now(self._patience, self._too_long(worker, limit))
            else:
                next_look = left if next_look is None else min(next_look, left)
        return next_look

    @staticmethod
    def _too_long(worker: Worker, limit: float) -> Any:
        attempt = worker.assigned[0]
        return lost(
            "RunTimeoutError",
            f"Run {attempt.task.idx} took longer than `run_timeout`, which is {limit} s.",
            attempts=attempt.number,
            status=TIMED_OUT,
        )

    @property
    def _patience(self) -> float:
        writes = self.context.wrap.writes_in_worker
        return _PATIENCE_WHEN_WRITING if writes else _PATIENCE

    def abort(self) -> None:
        """Ask all workers that are at a run to end."""
        for worker in self.supervisor.workers:
            if worker.assigned:
                worker.end_now(self._patience)

    def close(self) -> None:
        """End all workers."""
        if not self._closed:
            self._closed = True
            self._inherited_limit.stop()
            self.supervisor.close(self._patience)
