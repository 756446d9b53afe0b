"""The writer process: the one process that has the file open while runs go on.

It takes messages as they arrive, writes them, and tells the main process which have been written.
Invariant: a message is confirmed only after the file was flushed, or the error of writing it is
reported; so the main process knows what would survive a crash. When to flush is decided by a
:class:`~pypet_multiproc.writing.files.FlushClock`.

When the main process dies, the writer writes what has arrived, closes the file and ends.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from pypet_multiproc.channels import Channel, FrameReader, can_send, send_frame
from pypet_multiproc.failures import describe
from pypet_multiproc.garbage import GarbageInterval
from pypet_multiproc.interrupt import sigint_handling
from pypet_multiproc.lifeline import storing
from pypet_multiproc.wrapping.messages import DELTA, DONE, ROWS, Message, deliver
from pypet_multiproc.writing.files import FlushClock, close_file, flush_file, open_file
from pypet_multiproc.writing.rows import WaitingRows
from pypet_multiproc.writing.source import Incoming, MessageSource
from pypet_trajectory.logger import HasLogger, module_logger
from pypet_trajectory.storage.records import RunFailure, RunRows
from pypet_trajectory.storage.service import StorageService, SupportsDeltas

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
    #: Why the writer cannot go on, if so.
    broken: RunFailure | None = None


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

    def run(self) -> None:
        """Store until nothing arrives any more or a message says so; errors are logged."""
        try:
            for message in self.messages():
                if message[0] == DONE:
                    break
                try:
                    self.handle(message)
                    self.flush_file()
                except Exception:
                    self._logger.exception("ERROR occurred during storing!")
        finally:
            self.close_file()

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
        if isinstance(self._storage_service, SupportsDeltas):
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
        self._logger = module_logger(__name__)

    def run(self) -> None:
        """Work until told to end or the main process is gone."""
        self._selector.register(self._commands, EVENT_READ, None)
        self._source.open(self._selector)
        while True:
            quiet = self._listen()
            if self._pending:
                self._write_one()
            elif self._closing and quiet:
                break
            if self._clock.is_due(busy=bool(self._pending)):
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
        except Exception as exc:
            self._logger.exception("ERROR occurred during storing!")
            self._news.failed[token] = describe(exc)
        self._news.written[token] = self._news.written.get(token, 0) + 1
        self._clock.wrote()

    def _store_rows(self) -> None:
        for rows in self._rows.take():
            try:
                self._handler.store_run_rows(rows)
            except Exception as exc:
                self._logger.exception("Could not store rows of the run table.")
                self._news.broken = describe(exc)

    def _flush(self) -> None:
        self._store_rows()
        try:
            self._handler.flush_file()
        except Exception as exc:
            self._logger.exception("Could not flush the file.")
            self._news.broken = describe(exc)
        self._clock.flushed()
        self._queue_reports()

    # ------------------------------------------------------------- reporting

    def _queue_reports(self) -> None:
        news, self._news = self._news, Confirmation()
        written = list(news.written.items())
        for start in range(0, len(written), _REPORT_SIZE):
            part = dict(written[start : start + _REPORT_SIZE])
            failed = {token: news.failed[token] for token in part if token in news.failed}
            self._outbox.append(pickle.dumps(Confirmation(part, failed)))
        if news.broken is not None:
            self._outbox.append(pickle.dumps(Confirmation(broken=news.broken)))

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
        self._store_rows()
        broken = self._news.broken
        try:
            self._handler.close_file()
        except Exception as exc:
            self._logger.exception("Could not close the file.")
            broken = describe(exc)
        self._queue_reports()
        self._outbox.append(pickle.dumps(Confirmation(closed=True, broken=broken)))
        self._send_reports(wait=True)
        self._source.close()
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
    # The main process decides when the writer ends, whoever else gets signals.
    sigint_handling.ignore()
    if setup.logging_manager is not None:
        setup.logging_manager.make_logging_handlers_and_tools(multiproc=True)
    handler = StorageServiceDataHandler(setup.service, setup.gc_interval)
    try:
        WriterLoop(handler, setup.source, commands, reports, setup.capacity).run()
    finally:
        if setup.logging_manager is not None:
            setup.logging_manager.finalize()
