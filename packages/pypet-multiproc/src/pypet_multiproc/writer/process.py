"""The writer process: the one process that has the file open while runs go on.

It takes messages as they arrive, writes them, and tells the main process which have been written.
Invariant: a message is confirmed only after the file was flushed, or the error of writing it is
reported; so the main process knows what would survive a crash. When to flush is decided by a
:class:`~pypet_multiproc.writer.files.FlushClock`.

When the main process dies, the writer writes what has arrived, closes the file and ends. When the
storage fails, or cannot be flushed, it confirms nothing any more, says why and ends: in this order,
so a sender that finds its connection closed is heard later than the reason.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from pypet_multiproc.model.failures import CleanUp, describe
from pypet_multiproc.processes.children import storing
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.processes.limits import GarbageInterval
from pypet_multiproc.transport.channels import Channel, FrameReader, can_send, send_frame
from pypet_multiproc.transport.messages import (
    DELTA,
    DONE,
    ROWS,
    Incoming,
    Message,
    MessageSource,
    deliver,
)
from pypet_multiproc.writer.files import FlushClock, WaitingRows, close_file, flush_file, open_file
from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
from pypet_trajectory.exceptions import StorageFailedError
from pypet_trajectory.logger import HasLogger, module_logger

#: Confirmations in one report; a report must fit into a channel at once.
_REPORT_SIZE = 256


@dataclass(slots=True)
class Confirmation:
    """What the writer tells the main process."""

    #: How many messages of which attempts have been written.
    written: dict[int, int] = field(default_factory=dict)
    #: Why messages of attempts could not be written.
    failed: dict[int, RunFailure] = field(default_factory=dict)
    #: Whether the file is closed and the writer ends.
    closed: bool = False
    #: Why the writer cannot go on, if so; it ends.
    broken: RunFailure | None = None
    #: Whether that is because the storage takes nothing any more.
    storage_failed: bool = False


class StorageServiceDataHandler(HasLogger):
    """Does what messages say, with the file kept open in between.

    Parameters
    ----------
    storage_service : StorageService
        Where to store.
    gc_interval : int, optional
        Collect garbage after so many store operations.
    """

    def __init__(self, storage_service: StorageService, gc_interval: int | None = None) -> None:
        self._storage_service = storage_service
        self._collector = GarbageInterval(gc_interval)
        self._trajectory_name: str | None = None

    def messages(self) -> Iterator[Message]:
        """What arrives; subclasses say from where."""
        return iter(())

    def run(self, on_failure: Callable[[StorageFailedError], None] | None = None) -> None:
        """Store until nothing arrives any more or a message says so; errors are logged.

        If the storage fails, further messages are taken and dropped, so that no process waits for
        room to send them.

        Parameters
        ----------
        on_failure : callable, optional
            Told at once if the storage fails.

        Raises
        ------
        StorageFailedError
            At the end, if the storage has failed.
        """
        failed: StorageFailedError | None = None
        with CleanUp(self.close_file):
            for message in self.messages():
                if message[0] == DONE:
                    break
                if failed is not None:
                    continue
                try:
                    self.handle(message)
                    self.flush_file()
                except StorageFailedError as exc:
                    failed = exc
                    if on_failure is not None:
                        on_failure(exc)
                except Exception:
                    self._logger.exception("ERROR occurred during storing!")
            if failed is not None:
                raise failed

    def handle(self, message: Message) -> None:
        """Store what a message brings; lets exceptions pass."""
        kind, args, kwargs = message
        name = args[0].trajectory_name if kind in (DELTA, ROWS) else kwargs.get("trajectory_name")
        if name and name != self._trajectory_name:
            self.close_file()
            open_file(self._storage_service, name)
            self._trajectory_name = name
        with storing:
            deliver(message, self._storage_service)
        self._collector.count()

    def store_run_rows(self, rows: RunRows) -> None:
        """Store rows of the run table."""
        if supports(self._storage_service, SupportsDeltas):
            self._storage_service.store_run_rows(rows)

    def flush_file(self) -> None:
        """Flush, if a file is open."""
        flush_file(self._storage_service)

    def close_file(self) -> None:
        """Close the file."""
        close_file(self._storage_service)
        self._trajectory_name = None


class WriterLoop:
    """What the writer process does.

    Parameters
    ----------
    handler : StorageServiceDataHandler
        Stores.
    source : MessageSource
        Brings messages.
    commands : socket.socket
        Rows of the run table and the word to end; its end means that the main process is gone.
    reports : socket.socket
        Where confirmations go.
    capacity : int
        How many messages may wait here; 0 means any number.
    """

    def __init__(
        self,
        handler: StorageServiceDataHandler,
        source: MessageSource,
        commands: Channel,
        reports: Channel,
        capacity: int,
    ) -> None:
        self._handler, self._source, self._reports = handler, source, reports
        self._commands = FrameReader(commands)
        self._capacity = capacity
        self._selector = DefaultSelector()
        self._pending: deque[Incoming] = deque()
        self._deferred: deque[Incoming] = deque()
        self._rows = WaitingRows()
        self._news = Confirmation()
        self._outbox: deque[bytes] = deque()
        self._clock = FlushClock()
        self._closing = False
        self._orphaned = False
        #: What is reported last, if the writer cannot go on.
        self._broken: Confirmation | None = None
        self._logger = module_logger(__name__)

    def run(self) -> None:
        """Work until told to end or the main process is gone."""
        self._selector.register(self._commands, EVENT_READ, None)
        self._source.open(self._selector)
        while self._broken is None:
            quiet = self._listen()
            if self._pending:
                self._write_one()
            elif self._closing and quiet:
                self._close()
                break
            if self._broken is None and self._clock.is_due(busy=bool(self._pending)):
                self._flush()
            self._send_reports(wait=False)
        self._end()

    # ------------------------------------------------------------- listening

    def _listen(self) -> bool:
        """Take what has arrived; returns whether nothing has."""
        full = bool(self._capacity) and len(self._pending) >= self._capacity
        if full:
            self._source.pause()
        else:
            self._source.resume()
        events = self._selector.select(self._timeout())
        for key, _ in events:
            if key.data is None:
                self._take_commands()
            else:
                for incoming in key.data.receive(key.fileobj):
                    self._accept(incoming)
        return not events and not full

    def _timeout(self) -> float | None:
        if self._pending or self._closing:
            return 0.0
        due = self._clock.seconds_until_due()
        if due is not None:
            return due
        return 0.05 if self._outbox else None

    def _accept(self, incoming: Incoming) -> None:
        self._pending.append(incoming)
        if self._capacity and len(self._pending) > self._capacity:
            self._deferred.append(incoming)
        else:
            incoming.acknowledge()

    def _take_commands(self) -> None:
        for frame in self._commands.read():
            command, argument = pickle.loads(frame)
            if command == "rows":
                self._rows.add(argument)
                self._clock.wrote()
            else:
                self._closing = True
        if self._commands.ended:
            self._closing = self._orphaned = True
            self._selector.unregister(self._commands)

    # --------------------------------------------------------------- writing

    def _write_one(self) -> None:
        incoming = self._pending.popleft()
        while self._deferred and len(self._pending) <= self._capacity:
            self._deferred.popleft().acknowledge()
        token = incoming.token
        try:
            self._handler.handle(pickle.loads(incoming.data))
        except StorageFailedError as exc:
            self._break("Could not store a message.", exc)
            return
        except Exception as exc:
            self._logger.exception("ERROR occurred during storing!")
            self._news.failed[token] = describe(exc)
        self._news.written[token] = self._news.written.get(token, 0) + 1
        self._clock.wrote()

    def _flush(self) -> None:
        """Write rows, flush, and let confirmations go: of nothing that is not flushed."""
        try:
            for rows in self._rows.take():
                self._handler.store_run_rows(rows)
            self._handler.flush_file()
        except Exception as exc:
            self._break("Could not flush the file.", exc)
        else:
            self._clock.flushed()
            self._queue_reports()

    def _close(self) -> None:
        """As `_flush`, by closing the file."""
        try:
            for rows in self._rows.take():
                self._handler.store_run_rows(rows)
            self._handler.close_file()
        except Exception as exc:
            self._break("Could not close the file.", exc)
        else:
            self._queue_reports()
            self._outbox.append(pickle.dumps(Confirmation(closed=True)))

    def _break(self, what: str, exc: Exception) -> None:
        """Note that this writer cannot go on."""
        failed = isinstance(exc, StorageFailedError)
        self._logger.error("%s %s: %s", what, type(exc).__name__, exc, exc_info=not failed)
        self._broken = Confirmation(broken=describe(exc), storage_failed=failed)

    # ------------------------------------------------------------- reporting

    def _queue_reports(self) -> None:
        news, self._news = self._news, Confirmation()
        written = list(news.written.items())
        for start in range(0, len(written), _REPORT_SIZE):
            part = dict(written[start : start + _REPORT_SIZE])
            failed = {token: news.failed[token] for token in part if token in news.failed}
            self._outbox.append(pickle.dumps(Confirmation(part, failed)))

    def _send_reports(self, wait: bool) -> None:
        while self._outbox and not self._orphaned:
            # The main process may be waiting for us to read; then reports wait, too.
            if not wait and not can_send(self._reports):
                return
            try:
                send_frame(self._reports, self._outbox[0])
            except OSError:
                self._orphaned = True
                return
            self._outbox.popleft()

    def _end(self) -> None:
        """Say the last word, and accept nothing any more."""
        if self._broken is None:
            self._send_reports(wait=True)
            self._source.close()
        else:
            self._outbox.append(pickle.dumps(self._broken))
            # If the main process is waiting for us to read, it stops and hears what we say; if it
            # is waiting for a sender, that one has to stop first.
            self._commands.close()
            self._send_reports(wait=False)
            self._source.close()
            self._send_reports(wait=True)
            # For what it may have locked; that it fails as well is no news.
            with suppress(Exception):
                self._handler.close_file()
        self._selector.close()


@dataclass(frozen=True)
class WriterSetup:
    """What the writer process needs besides its connections."""

    #: Where to store.
    service: StorageService
    #: Brings messages.
    source: MessageSource
    #: How many messages may wait; 0 means any number.
    capacity: int
    #: Collect garbage after so many store operations.
    gc_interval: int | None
    #: Sets up logging.
    logging_manager: Any = None


def writer_main(setup: WriterSetup, commands: Channel, reports: Channel) -> None:
    """Entry point of the process."""
    # The main process decides when the writer ends, whatever signals arrive.
    sigint_handling.ignore()
    if setup.logging_manager is not None:
        setup.logging_manager.make_logging_handlers_and_tools(multiproc=True)
    handler = StorageServiceDataHandler(setup.service, setup.gc_interval)
    try:
        WriterLoop(handler, setup.source, commands, reports, setup.capacity).run()
    finally:
        if setup.logging_manager is not None:
            setup.logging_manager.finalize()
