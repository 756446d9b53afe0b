"""All worker processes together: starting them, waiting for them, ending them.

One waiter waits for everything at once: what workers say, their ends, and whatever a wrap mode
waits for. Invariant: no wait is without an end. A worker that is asked to end and does not is
killed, one whose process has ended is heard out and buried, and workers that cannot even start
are an error after a few of them.

::

    main process                                worker process
      tasks     ── batches of attempts ──►        one run after the other
      results   ◄─ ready, outcome, outcome ──
      parent  ── (silence; "end"; EOF) ──►      a thread that ends the process
      process descriptor ◄─ readable when it has ended

On POSIX systems a selector waits, which stays registered and costs microseconds. Windows can select
sockets only; there the waiting of :mod:`multiprocessing.connection` takes its place, which knows
pipes, connected sockets and the ends of processes, but no socket that others connect to.
"""

from __future__ import annotations

import multiprocessing.connection
import os
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.util import Finalize
from typing import Any

from pypet_multiproc.model.failures import WorkerStartError, explain_exit
from pypet_multiproc.model.tasks import Attempt
from pypet_multiproc.processes.children import process_context, start_quietly, watch_end
from pypet_multiproc.transport.channels import FrameReader, keep_from_children
from pypet_multiproc.workers.handles import Ended, Event, Worker
from pypet_multiproc.workers.process import WorkerPipes, WorkerSetup, worker_main
from pypet_trajectory.logger import module_logger

#: Workers that may end before they are ready, one after another.
_MAX_FAILED_STARTS = 3
#: Seconds after which a killed process is left to the system.
_UNKILLABLE = 30.0

_logger = module_logger(__name__)


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
        self._context: Any = process_context(start_method)
        self._before_start, self._on_death = before_start, on_death
        self._waiter = make_waiter()
        self._others: dict[Any, Any] = {}
        self._failed_starts = 0
        self._started = 0
        #: Workers that have not ended.
        self.workers: list[Worker] = []
        # Should no caller close it: before multiprocessing waits for its children at exit.
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
        parent_there, parent_here = self._context.Pipe(duplex=False)
        for connection in (tasks_here, results_here, parent_here):
            keep_from_children(connection)
        pipes = WorkerPipes(tasks_there, results_there, parent_there)
        process = self._context.Process(
            target=worker_main,
            args=(setup, pipes),
            name=None if name is None else name.format(n=self._started),
        )
        start_quietly(process)
        for connection in (tasks_there, results_there, parent_there):
            connection.close()
        worker = Worker(
            process=process,
            tasks=tasks_here,
            results=FrameReader(results_here),
            parent=parent_here,
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
        was_ready = worker.ready
        yield from worker.hear()
        if worker.ready and not was_ready:
            self._failed_starts = 0
        if worker.results.ended:
            self._waiter.unregister(worker.results)

    def _bury(self, worker: Worker, events: list[Event]) -> Ended:
        """Take leave of a worker whose process has ended."""
        events.extend(self._hear(worker))
        self._waiter.unregister(worker.results)
        self._waiter.unregister(worker.end)
        if worker.end != worker.process.sentinel:
            os.close(worker.end)
        worker.process.join(timeout=5.0)
        exitcode = worker.process.exitcode
        self.workers.remove(worker)
        pid = worker.pid
        worker.results.close()
        worker.parent.close()
        worker.dismiss()
        worker.process.close()
        ended = worker.ended(exitcode)
        if not worker.ready and worker.reason is None:
            self._note_failed_start(exitcode)
        if ended.lost is not None or ended.undone:
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


def _abandon(workers: list[Worker]) -> None:
    """End workers that no process supervises any more."""
    for worker in list(workers):
        worker.process.kill()


class SelectorWaiter:
    """Waits with a selector."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fileobj: Any, data: Any) -> None:
        """Wait for this object, too."""
        self._selector.register(fileobj, selectors.EVENT_READ, data)

    def unregister(self, fileobj: Any) -> None:
        """Wait for it no longer; nothing happens if it is not registered."""
        if fileobj in self._selector.get_map():
            self._selector.unregister(fileobj)

    def wait(self, timeout: float | None) -> list[tuple[Any, Any]]:
        """Objects that are readable with their data, after at most `timeout` seconds."""
        return [(key.fileobj, key.data) for key, _ in self._selector.select(timeout)]

    def close(self) -> None:
        """Forget everything."""
        self._selector.close()


class ConnectionWaiter:
    """Waits with :func:`multiprocessing.connection.wait`."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[Any, Any, Any]] = {}

    def register(self, fileobj: Any, data: Any) -> None:
        """Wait for this object, too."""
        waitable = getattr(fileobj, "channel", fileobj)
        self._objects[id(fileobj)] = waitable, fileobj, data

    def unregister(self, fileobj: Any) -> None:
        """Wait for it no longer."""
        self._objects.pop(id(fileobj), None)

    def wait(self, timeout: float | None) -> list[tuple[Any, Any]]:
        """Objects that are readable with their data."""
        registered = list(self._objects.values())
        waitables = [waitable for waitable, _, _ in registered]
        readable = multiprocessing.connection.wait(waitables, timeout)
        return [(fileobj, data) for waitable, fileobj, data in registered if waitable in readable]

    def close(self) -> None:
        """Forget everything."""
        self._objects.clear()


def make_waiter() -> SelectorWaiter | ConnectionWaiter:
    """The waiter for this system."""
    return ConnectionWaiter() if sys.platform == "win32" else SelectorWaiter()
