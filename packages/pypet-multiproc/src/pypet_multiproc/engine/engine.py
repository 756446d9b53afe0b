"""The engine: joins a way to run with a wrap mode and keeps account of every run.

It is the one place that decides what a failure means: tried again, recorded, or raised. Invariant:
each task ends as exactly one outcome, or stays open if the engine was stopped before; and when
:meth:`RunEngine.run` is left, however that happens, no process, file or signal handler of its is
left behind. A storage that takes nothing any more stops the engine, whatever is to happen to runs
that fail: no run can do anything about it.

From before the first process starts until the last one has ended the storage is held, so that it
may show at once what all of them stored.

::

    main process                               workers: a pool, one per run, an executor
      TaskSource ───── batches of attempts ────►  restore the snapshot, call the run function
      RunEngine  ◄──────── RunOutcome ──────────    │
        │ rows of the run table                     │ RunDelta, plain records
        ▼                                           ▼
      wrap mode: QUEUE, PIPE ── messages ──► writer process ──► storage service ──► file
                 LOCAL       ── the delta comes with the outcome; the main process stores it
                 LOCK        ── the worker takes the lock and stores it by itself
                 NONE        ── the worker stores by itself, the service is safe enough

Outcomes come in the order in which runs end, not in that of their indices. The run table is the
caller's business; the engine only carries its rows to the storage.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from pypet_multiproc.backends.base import Backend, BackendContext
from pypet_multiproc.backends.executor import ExecutorBackend
from pypet_multiproc.backends.pool import PoolBackend
from pypet_multiproc.backends.process import ProcessBackend
from pypet_multiproc.backends.serial import SerialBackend
from pypet_multiproc.logs.manager import LoggingManager
from pypet_multiproc.model.experiment import Experiment, RunOutcome, RunTask
from pypet_multiproc.model.failures import FAILED, CleanUp, exception_of, reason
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.model.tasks import Attempt, TaskSource
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.workers.single_run import Runner, RunPolicy
from pypet_multiproc.wrapping.base import WrapMode, WrapModeFactory, WrapSettings, store_rows
from pypet_multiproc.wrapping.direct import DirectWrap, NoWrap
from pypet_multiproc.wrapping.local import LocalWrap
from pypet_multiproc.wrapping.lock import LockWrap
from pypet_multiproc.wrapping.pipe import PipeWrap
from pypet_multiproc.wrapping.queue import QueueWrap
from pypet_multiproc.writer.files import close_file, held, open_file
from pypet_trajectory.api.records import RunRows
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import PypetRuntimeError, PypetValueError
from pypet_trajectory.storage.memory import InMemoryStorageService

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

_logger = logging.getLogger("pypet")

#: Makes a backend; a subclass of :class:`Backend` is one.
BackendFactory = Callable[[BackendContext], Backend]

#: The ways to run that this distribution has.
BACKENDS: Mapping[str, BackendFactory] = {
    "serial": SerialBackend,
    "pool": PoolBackend,
    "process": ProcessBackend,
    "executor": ExecutorBackend,
}

#: The wrap modes that this distribution has.
WRAP_MODES: Mapping[str, WrapModeFactory] = {
    wrap.name: wrap for wrap in (LocalWrap, LockWrap, NoWrap, PipeWrap, QueueWrap)
}


class RunEngine:
    """Runs experiments.

    Parameters
    ----------
    settings : EngineSettings
        How to run.
    logging_manager : LoggingManager, optional
        Sets up logging in other processes.
    wrap_modes : mapping of str to callable, optional
        Wrap modes by name, if there are more than those of this distribution.
    backends : mapping of str to callable, optional
        Ways to run by name, likewise.
    backend : str, optional
        Name of the way to run; by default it follows from the settings.
    wrap_settings : WrapSettings, optional
        What only some wrap modes need, such as a port; the rest is filled in from `settings`.
    make_runner : callable, optional
        Makes what does the runs, from what is to happen around each; for trials of the machinery.

    Examples
    --------
    >>> from pypet_trajectory import Trajectory
    >>> from pypet_trajectory.storage.memory import InMemoryStorageService
    >>> traj = Trajectory("squares", storage_service=InMemoryStorageService())
    >>> _ = traj.f_add_parameter("x", 1)
    >>> traj.f_explore({"x": [1, 2, 3]})
    >>> traj.f_store()
    >>> engine = RunEngine(EngineSettings())
    >>> experiment = Experiment(traj, lambda traj: traj.x**2)
    >>> [outcome.result for outcome in engine.run(experiment, map(RunTask, range(3)))]
    [1, 4, 9]
    """

    def __init__(
        self,
        settings: EngineSettings,
        logging_manager: LoggingManager | None = None,
        wrap_modes: Mapping[str, WrapModeFactory] | None = None,
        backends: Mapping[str, BackendFactory] | None = None,
        *,
        backend: str | None = None,
        wrap_settings: WrapSettings | None = None,
        make_runner: Callable[[RunPolicy], Runner] | None = None,
    ) -> None:
        self.settings = settings
        #: Whether there was a request to stop while runs were going on.
        self.interrupted = False
        self._logging_manager = logging_manager
        self._wrap_modes = wrap_modes
        self._backends = BACKENDS if backends is None else backends
        self._backend_name = backend
        self._wrap_settings = wrap_settings
        self._make_runner = make_runner
        self._wrap: WrapMode | None = None
        self._service: StorageService | None = None
        self._stopping = False
        self._error: BaseException | None = None

    # ------------------------------------------------------------------- run

    def run(
        self,
        experiment: Experiment,
        tasks: Iterator[RunTask],
        on_exhausted: Callable[[], Iterator[RunTask] | None] | None = None,
    ) -> Iterator[RunOutcome]:
        """Run tasks and yield what becomes of them, in the order in which they end.

        Parameters
        ----------
        experiment : Experiment
            What to run. Its trajectory uses another storage service meanwhile.
        tasks : iterator of RunTask
            Which runs; asked as late as possible.
        on_exhausted : callable, optional
            Called when all tasks have been started; may give more.

        Raises
        ------
        Exception
            What a run raised, after its outcome, where failures are raised.
        NotPicklableError
            Before the first run, if something cannot be sent to other processes.
        StorageFailedError
            If the storage takes nothing any more. Runs it had not confirmed are open; they are
            neither tried again nor recorded as failed.
        WriterDiedError
            If the process that writes has ended.
        WorkerStartError
            If worker processes cannot be set up.
        """
        trajectory = experiment.trajectory
        name, service = str(trajectory.v_name), trajectory.v_storage_service
        self._service = service
        self._stopping, self._error, self.interrupted = False, None, False
        wrap = self._make_wrap(service)
        source = TaskSource(iter(tasks), on_exhausted, self._must_stop)
        with ExitStack() as at_end:
            if self.settings.graceful_exit:
                sigint_handling.start()
                at_end.callback(self._stop_handling_signals)
            was_open = self._uses_processes and service is not None and service.is_open
            if was_open:
                at_end.enter_context(CleanUp(partial(open_file, service, name)))
            # Before there are other processes, for they belong to the session only then.
            at_end.enter_context(held(service))
            if was_open:
                # A forked process would inherit the file, and the lock on it.
                close_file(service)
            at_end.enter_context(CleanUp(partial(self._unwrap, wrap, trajectory, service)))
            wrap.start(service, name)
            self._wrap = wrap
            trajectory.v_storage_service = wrap.main_service()
            backend = self._make_backend(experiment, wrap)
            at_end.enter_context(CleanUp(backend.close))
            try:
                yield from self._drive(backend, wrap, source)
            except ConnectionError:
                # What this process stores may meet the end of a writer first, and not its reason.
                yield from self._judged(wrap.settled())
                failure = wrap.failure()
                if failure is not None:
                    raise failure from None
                raise
        if source.error is not None:
            raise source.error

    def _unwrap(self, wrap: WrapMode, trajectory: Trajectory, service: StorageService) -> None:
        """Let the trajectory have its service again, when everything is stored that can be."""
        trajectory.v_storage_service = service
        self._wrap = None
        try:
            wrap.finalize()
        finally:
            for outcome in wrap.unsettled():
                trajectory.v_runs.table.set(outcome.idx, completed=0)
        failure = wrap.failure()
        if failure is not None:
            raise failure

    def _stop_handling_signals(self) -> None:
        self.interrupted = self.interrupted or sigint_handling.hit
        sigint_handling.finalize()

    def _must_stop(self) -> bool:
        if sigint_handling.hit:
            self.interrupted = True
        return self.interrupted or self._stopping

    def _drive(self, backend: Backend, wrap: WrapMode, source: TaskSource) -> Iterator[RunOutcome]:
        for step in backend.run(source):
            yield from self._judged(wrap.settled())
            failure = wrap.failure()
            if failure is not None:
                raise failure
            if step is not None:
                failure = wrap.failure_behind(step[1])
                if failure is not None:
                    raise failure
                if self._is_final(*step, source):
                    wrap.after_outcome(step[1])
                    yield from self._judged(wrap.settled())
            if self._error is not None and not self._stopping:
                self._stopping = True
                backend.abort()
        yield from self._judged(wrap.drain())
        error = self._error or wrap.failure()
        if error is not None:
            raise error

    def _is_final(self, attempt: Attempt, outcome: RunOutcome, source: TaskSource) -> bool:
        """Whether this outcome stands; otherwise the run is open or will be tried again."""
        if outcome.interrupted:
            self.interrupted = True
        failure = outcome.failure
        if failure is None:
            return True
        if self._stopping and failure.status != FAILED:
            # Ended by us, because another run had failed.
            return False
        ended = (outcome.idx, failure.status.replace("_", " "), attempt.number)
        if attempt.number <= self.settings.retries and not self._must_stop():
            _logger.warning(
                "Run %d %s (attempt %d) and is tried again: %s", *ended, reason(failure)
            )
            source.try_again(attempt)
            return False
        # What was raised in this process has been logged here already, with its traceback.
        if outcome.exception is None or outcome.exception.__traceback__ is None:
            _logger.error("Run %d %s (attempt %d): %s", *ended, reason(failure))
        return True

    def _judged(self, outcomes: list[RunOutcome]) -> Iterator[RunOutcome]:
        for outcome in outcomes:
            yield outcome
            failure = outcome.failure
            if failure is None or self._error is not None or not self.settings.raises_run_errors:
                continue
            if failure.status == FAILED or self.settings.on_run_error == "raise":
                self._error = exception_of(failure, outcome.idx, outcome.exception)

    # ----------------------------------------------------------------- parts

    def _make_wrap(self, service: StorageService | None) -> WrapMode:
        settings = self.settings
        given = self._wrap_settings or WrapSettings()
        wrap_settings = WrapSettings(
            queue_maxsize=settings.queue_capacity,
            gc_interval=settings.gc_interval,
            timeout=given.timeout if given.timeout is not None else settings.timeout,
            port=given.port,
            start_method=settings.start_method,
            graceful_exit=settings.graceful_exit,
            logging_manager=self._logging_manager,
            keep_deltas=settings.keep_deltas,
            resource=given.resource,
        )
        if service is None:
            return NoWrap(wrap_settings)
        if not self._uses_processes:
            return DirectWrap(wrap_settings)
        if service.multiproc_safe:
            _logger.info("The storage service is safe for many processes; it is not wrapped.")
            return NoWrap(wrap_settings)
        wrap = make_wrap_mode(settings.wrap_mode, wrap_settings, self._wrap_modes)
        if isinstance(service, InMemoryStorageService) and not isinstance(wrap, LocalWrap):
            raise PypetValueError(
                f"The wrap mode {settings.wrap_mode} stores in other processes, but "
                f"{type(service).__name__} keeps what it stores in the memory of the process that "
                "stores. Use the wrap mode LOCAL, or a storage service with a file."
            )
        return wrap

    @property
    def _uses_processes(self) -> bool:
        return self.settings.multiproc or self.settings.executor is not None

    def _make_backend(self, experiment: Experiment, wrap: WrapMode) -> Backend:
        name = self._backend_name or self._default_backend()
        if name not in self._backends:
            raise PypetRuntimeError(
                f"There is no way to run called {name!r}; there are "
                f"{', '.join(sorted(self._backends))}."
            )
        context = BackendContext(
            experiment, self.settings, wrap, self._logging_manager, self._make_runner
        )
        return self._backends[name](context)

    def _default_backend(self) -> str:
        if self.settings.executor is not None:
            return "executor"
        if not self.settings.multiproc:
            return "serial"
        return "pool" if self.settings.use_pool else "process"

    # ------------------------------------------------------------- run table

    def store_run_rows(self, rows: RunRows) -> None:
        """Bring rows of the run table to the storage.

        While runs go on, the process that writes their data writes the rows as well.

        Raises
        ------
        StorageFailedError
            If the storage takes nothing any more.
        RuntimeError
            If nothing has been run yet, so that there is no storage to bring them to.
        """
        if self._wrap is not None:
            self._wrap.store_run_rows(rows)
        elif self._service is not None:
            store_rows(self._service, rows)
        else:
            raise PypetRuntimeError("There is nowhere to store the run table before the first run.")


def make_wrap_mode(
    name: str | None,
    settings: WrapSettings,
    wrap_modes: Mapping[str, WrapModeFactory] | None = None,
) -> WrapMode:
    """The wrap mode of this name, not started yet.

    Parameters
    ----------
    name : str or None
        A key of the table; ``None`` stands for ``'NONE'``.
    settings : WrapSettings
        What it may need to know.
    wrap_modes : mapping, optional
        The table; by default :data:`WRAP_MODES`.

    Raises
    ------
    RuntimeError
        If there is no such wrap mode.
    """
    table = WRAP_MODES if wrap_modes is None else wrap_modes
    name = NoWrap.name if name is None else name
    if name not in table:
        raise PypetRuntimeError(
            f"There is no wrap mode {name!r}; there are {', '.join(sorted(table))}."
        )
    return table[name](settings)
