"""Runs in any ``concurrent.futures`` executor: threads, processes, clusters.

Only ``submit`` is used, with one importable function and one argument of bytes, which is all that
executors agree on. The experiment reaches each worker of the executor once: a worker that does
not have it yet answers so and gets it with the next try. Invariant: the number of submitted batches
is bounded, and nothing but plain outcomes crosses the wire.

An executor that is handed over is left running; one that a factory made is shut down here, and made
anew if it breaks. What is active in an executor cannot be ended from outside: a run that takes
longer than ``settings.timeout`` counts as lost, and is not waited for any more.

Executors with rules of their own derive from :class:`ExecutorBackend` and say how one is made and
how to wait for it.
"""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from functools import cached_property
from typing import Any

from pypet_multiproc.backends.base import Backend, BackendContext, Step, make_runner, packed_runner
from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import describe, lost
from pypet_multiproc.model.serialization import Packed, pack
from pypet_multiproc.model.tasks import Attempt, BatchSizer, TaskSource
from pypet_multiproc.workers.single_run import Runner, outcome_bytes, received_outcome

#: Experiments a thread keeps at most.
_KEPT = 2


class _Kept(threading.local):
    """Experiments that reached this thread; services are not shared between threads."""

    def __init__(self) -> None:
        self.runners: OrderedDict[str, Runner] = OrderedDict()


_kept = _Kept()

#: Seconds between two looks at the wrap mode while runs go on.
_LOOK = 0.1
#: How often the executor may break without any run being finished in between.
_MAX_BREAKS = 5


def run_batch(payload: bytes) -> bytes | None:
    """Do a batch of runs in a process of an executor.

    Parameters
    ----------
    payload : bytes
        Pickled key of the experiment, the experiment or ``None``, and pickled attempts.

    Returns
    -------
    bytes or None
        Pickled list of pickled outcomes; ``None`` if this worker needs the experiment first.
    """
    key, packed, batch = pickle.loads(payload)
    runner = _runner(key, packed)
    if runner is None:
        return None
    return pickle.dumps([outcome_bytes(runner.run(attempt)) for attempt in pickle.loads(batch)])


def _runner(key: str, packed: tuple[Packed, Packed] | None) -> Runner | None:
    runners = _kept.runners
    if key in runners:
        runners.move_to_end(key)
        return runners[key]
    if packed is None:
        return None
    runner: Runner = packed[0].unpack()
    runner.prepare(packed[1].unpack())
    runners[key] = runner
    while len(runners) > _KEPT:
        runners.popitem(last=False)
    return runner


class ExecutorBackend(Backend):
    """Runs in the executor of the settings."""

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self._executor: Executor | None = None
        self._futures: dict[Future[bytes | None], tuple[list[Attempt], float]] = {}
        self._key = uuid.uuid4().hex
        self._timeout = context.settings.timeout
        # Runs that are timed travel alone: of several it is unknown which one takes long.
        self._sizer = BatchSizer() if self._timeout is None else BatchSizer(largest=1)
        self._breaks = 0
        #: Runs to do one at a time, because one of them has killed its worker.
        self._suspects = 0
        #: Whether a run was given up that may still be active.
        self._gave_up = False

    # ------------------------------------------------- what other executors may do otherwise

    @property
    def owns_executor(self) -> bool:
        """Whether the executor is made here, and hence shut down and made anew here."""
        return not hasattr(self.context.settings.executor, "submit")

    def make_executor(self) -> Executor:
        """An executor of our own; called again after one has broken."""
        make: Any = self.context.settings.executor
        executor: Executor = make()
        return executor

    def wait_for(self, futures: Collection[Future[bytes | None]]) -> Collection[Future[Any]]:
        """Those that have ended, after waiting a moment for one if there is none."""
        return wait(futures, timeout=_LOOK, return_when=FIRST_COMPLETED).done

    # --------------------------------------------------------------- executor

    @property
    def _running(self) -> Any:
        if self._executor is None:
            given: Any = self.context.settings.executor
            self._executor = self.make_executor() if self.owns_executor else given
        return self._executor

    def _window(self) -> int:
        workers = getattr(self._running, "_max_workers", None)
        return 2 * (workers or self.context.settings.workers)

    # -------------------------------------------------------------- experiment

    @cached_property
    def _packed(self) -> tuple[Packed, Packed]:
        context, settings = self.context, self.context.settings
        service = pack(context.wrap.worker_service(), "the storage service", inherits_main=False)
        policy = context.policy(clean_up=settings.clean_up_runs, time_limit=settings.run_timeout)
        runner = make_runner(context, policy, frozen=settings.freeze_input, inherits_main=False)
        return packed_runner(runner), service

    # --------------------------------------------------------------------- run

    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives."""
        packed = self._packed  # what cannot be pickled shows before the first run
        assert packed
        while True:
            try:
                self._fill(source)
            except BrokenExecutor as exc:
                yield from self._after_break(exc, [], source)
                continue
            if not self._futures and source.exhausted:
                return
            for future in self.wait_for(self._futures):
                yield from self._finish(future, source)
            yield from self._overdue()
            yield None

    def _fill(self, source: TaskSource) -> None:
        """Submit as much as the window allows; raises if the executor has broken meanwhile."""
        while len(self._futures) < (1 if self._suspects else self._window()):
            batch = source.take(1 if self._suspects else self._sizer.size())
            if not batch:
                return
            self._submit(batch, source, with_experiment=False)

    def _submit(self, batch: list[Attempt], source: TaskSource, *, with_experiment: bool) -> None:
        attempts = pack(batch, "the arguments of a run", inherits_main=False).data
        packed = self._packed if with_experiment else None
        payload = pickle.dumps((self._key, packed, attempts))
        try:
            future = self._running.submit(run_batch, payload)
        except BrokenExecutor:
            source.give_back(batch)
            raise
        self._futures[future] = batch, time.monotonic()

    def _finish(self, future: Future[bytes | None], source: TaskSource) -> Iterator[Step]:
        if future not in self._futures:
            return
        batch, since = self._futures.pop(future)
        if future.cancelled():
            source.give_back(batch)
            return
        try:
            data = future.result()
        except BrokenExecutor as exc:
            yield from self._after_break(exc, batch, source)
            return
        except Exception as exc:
            # Executors name the death of their workers in their own ways.
            yield from self._lose(exc, batch, source)
            return
        if data is None:
            try:
                self._submit(batch, source, with_experiment=True)
            except BrokenExecutor as exc:
                yield from self._after_break(exc, [], source)
            return
        yield from self._report(batch, data, time.monotonic() - since)

    def _report(self, batch: list[Attempt], data: bytes, seconds: float) -> Iterator[Step]:
        self._sizer.observe(seconds / len(batch))
        self._breaks = 0
        self._suspects = max(0, self._suspects - len(batch))
        for attempt, outcome in zip(batch, pickle.loads(data), strict=True):
            yield attempt, _unpickled(outcome, attempt)

    def _after_break(
        self, exc: BaseException, batch: list[Attempt], source: TaskSource
    ) -> Iterator[Step]:
        """A worker has died and the executor with it: make a new one if we can.

        It was at one of the runs in `batch` or of those that are submitted.
        """
        futures, self._futures = self._futures, {}
        for future, (others, since) in futures.items():
            data = _result(future)
            if data is None:
                batch = batch + others
            else:
                yield from self._report(others, data, time.monotonic() - since)
        self._breaks += 1
        if not self.owns_executor or self._breaks > _MAX_BREAKS:
            raise exc
        self._running.shutdown(wait=False)
        self._executor = None
        yield from self._lose(exc, batch, source)

    def _lose(self, exc: BaseException, batch: list[Attempt], source: TaskSource) -> Iterator[Step]:
        """Of several runs it is unknown which one did it: they are tried one by one."""
        if len(batch) > 1:
            self._suspects = len(batch)
            for attempt in batch:
                attempt.begun = True
            source.give_back(batch)
            return
        self._suspects = max(0, self._suspects - 1)
        for attempt in batch:
            yield attempt, _lost(attempt, type(exc).__name__, str(exc))

    def _overdue(self) -> Iterator[Step]:
        """Give up runs that have not ended in time."""
        if self._timeout is None:
            return
        latest = time.monotonic() - self._timeout
        for future, (batch, since) in list(self._futures.items()):
            if since < latest and not future.done():
                del self._futures[future]
                self._gave_up = not future.cancel() or self._gave_up
                for attempt in batch:
                    explanation = f"The executor gave no result within {self._timeout:g} s."
                    yield attempt, _lost(attempt, "timeout", explanation)

    def abort(self) -> None:
        """Cancel what has not begun; what is active in an executor cannot be ended."""
        for future in list(self._futures):
            try:
                future.cancel()
            except NotImplementedError:
                continue

    def close(self) -> None:
        """Cancel what is left; shut the executor down if it was made here."""
        self.abort()
        self._futures = {}
        if self._executor is not None and self.owns_executor:
            self._executor.shutdown(wait=not self._gave_up, cancel_futures=True)
        self._executor = None


def _result(future: Future[bytes | None]) -> bytes | None:
    """What a future has come to, ``None`` if that is no outcomes."""
    if not future.done() or future.cancelled() or future.exception() is not None:
        return None
    return future.result()


def _lost(attempt: Attempt, cause: str, explanation: str) -> RunOutcome:
    return attempt.outcome(lost(cause, explanation, attempts=attempt.number))


def _unpickled(data: bytes, attempt: Attempt) -> RunOutcome:
    try:
        return received_outcome(data)
    except Exception as exc:
        return attempt.outcome(describe(exc, attempts=attempt.number), exc)
