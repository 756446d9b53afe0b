"""Writer processes for queues and pipes that users bring along.

A queue of a manager on another machine, a pipe that was made before: these carry messages to a
writer, but no word back. So, unlike with QUEUE and PIPE, an outcome is settled when the run has
ended, and errors of storing are logged only. The exception is a storage that fails for good: the
writer tells the main process, and goes on to take messages, which it drops, for what the user
supplies cannot be closed here and processes would wait for room in it.
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from pypet_multiproc.model.failures import describe, with_remote_traceback
from pypet_multiproc.processes.children import (
    default_start_method,
    process_context,
    start_quietly,
    watch,
)
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.transport.channels import keep_from_children
from pypet_multiproc.transport.locks import OwnerLock
from pypet_multiproc.transport.messages import ROWS
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings
from pypet_multiproc.wrapping.pipe import PipeStorageServiceSender, PipeStorageServiceWriter
from pypet_multiproc.wrapping.queue import QueueStorageServiceSender, QueueStorageServiceWriter
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
from pypet_trajectory.exceptions import PypetRuntimeError, StorageFailedError
from pypet_trajectory.logger import module_logger

_PATIENCE = 300.0

_logger = module_logger(__name__)


def supplied_writer_main(
    writer: Any, logging_manager: Any, line: Connection, reports: Connection
) -> None:
    """Entry point of the process: run a writer until it is told that this was all."""
    watch(line)
    sigint_handling.ignore()
    if logging_manager is not None:
        logging_manager.make_logging_handlers_and_tools(multiproc=True)

    def report(exc: StorageFailedError) -> None:
        _logger.error("Nothing more can be stored: %s", exc)
        reports.send_bytes(pickle.dumps(describe(exc)))

    try:
        writer.run(report)
    except StorageFailedError as exc:
        # Perhaps for the second time; closing the file may be what failed first.
        reports.send_bytes(pickle.dumps(describe(exc)))


class SuppliedWrap(WrapMode):
    """Base of wrap modes over something the user supplies in ``settings.resource``."""

    process_name: ClassVar[str]

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._process: Any = None
        self._sender: Any = None
        self._reports: Connection | None = None
        self._failure: BaseException | None = None

    @abstractmethod
    def _make_sender(self, by_delta: bool) -> Any:
        """What runs store with."""

    @abstractmethod
    def _make_writer(self, service: StorageService) -> Any:
        """What the writer process runs."""

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Start the writer."""
        self._sender = self._make_sender(supports(service, SupportsDeltas))
        context = process_context(self.settings.start_method or default_start_method())
        line_there, line_here = context.Pipe(duplex=False)
        reports_here, reports_there = context.Pipe(duplex=False)
        self._line = keep_from_children(line_here)
        self._reports = keep_from_children(reports_here)
        self._process = context.Process(
            target=supplied_writer_main,
            args=(
                self._make_writer(service),
                self.settings.logging_manager,
                line_there,
                reports_there,
            ),
            name=self.process_name,
        )
        start_quietly(self._process)
        line_there.close()
        reports_there.close()

    def worker_service(self) -> StorageService:
        """A service that sends to the writer."""
        if self._sender is None:
            raise PypetRuntimeError(f"The wrap mode {self.name} has not been started.")
        service: StorageService = self._sender
        return service

    def failure(self) -> BaseException | None:
        """An error if the storage has failed or the writer has ended."""
        self._hear()
        if self._failure is None and self._process is not None and not self._process.is_alive():
            return PypetRuntimeError(f"The writer process {self._process.name} has ended.")
        return self._failure

    def _hear(self) -> None:
        """Take notice of what the writer has reported."""
        try:
            while self._reports is not None and self._reports.poll():
                failure: RunFailure = pickle.loads(self._reports.recv_bytes())
                error = with_remote_traceback(StorageFailedError(failure.message), failure)
                self._failure = self._failure or error
        except EOFError:
            return

    def store_run_rows(self, rows: RunRows) -> None:
        """Send them to the writer like data."""
        self._sender.send((ROWS, (rows,), {}))

    def finalize(self) -> None:
        """Tell the writer that this was all and wait for its end."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.is_alive():
            self._sender.send_done()
        # A report is so small that the writer does not wait for us to hear it.
        process.join(timeout=_PATIENCE)
        if process.is_alive():
            _logger.error("The writer process %s did not end; it is killed.", process.name)
            process.kill()
            process.join()
        self._line.close()
        self._hear()
        if self._reports is not None:
            self._reports.close()
            self._reports = None


class SuppliedQueueWrap(SuppliedWrap):
    """Sends through a queue of the user's."""

    name: ClassVar[str] = constants.WRAP_MODE_QUEUE
    process_name: ClassVar[str] = "QueueProcess"

    def _make_sender(self, by_delta: bool) -> QueueStorageServiceSender:
        return QueueStorageServiceSender(self.settings.resource, by_delta)

    def _make_writer(self, service: StorageService) -> QueueStorageServiceWriter:
        return QueueStorageServiceWriter(service, self.settings.resource, self.settings.gc_interval)


class SuppliedPipeWrap(SuppliedWrap):
    """Sends through a pair of connections of the user's, under a lock."""

    name: ClassVar[str] = constants.WRAP_MODE_PIPE
    process_name: ClassVar[str] = "PipeProcess"

    def _make_sender(self, by_delta: bool) -> PipeStorageServiceSender:
        self._lock = OwnerLock()
        return PipeStorageServiceSender(self.settings.resource[1], self._lock, by_delta)

    def _make_writer(self, service: StorageService) -> PipeStorageServiceWriter:
        return PipeStorageServiceWriter(
            service, self.settings.resource[0], gc_interval=self.settings.gc_interval
        )

    def finalize(self) -> None:
        """Tell the writer that this was all, wait for its end, remove the lock."""
        super().finalize()
        if self._sender is not None:
            self._lock.remove()
