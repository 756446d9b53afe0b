"""What QUEUE and PIPE share: one writer process, and outcomes that wait for its word.

An outcome says how many messages its run sent; it is settled once the writer has confirmed as many
for the same attempt. Invariant: confirmations and outcomes may arrive in either order.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import StoringFailedError
from pypet_multiproc.transport.messages import MessageSource
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings
from pypet_multiproc.wrapping.services import StoringOnly
from pypet_multiproc.writer.handle import PATIENCE, WriterHandle
from pypet_multiproc.writer.process import Confirmation, WriterSetup
from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
from pypet_trajectory.exceptions import PypetRuntimeError


class WriterWrap(WrapMode):
    """Base of wrap modes with a writer process."""

    #: Name of the writer process.
    process_name: str

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._writer: WriterHandle | None = None
        self._sender: Any = None
        self._failure: BaseException | None = None
        self._waiting: dict[int, RunOutcome] = {}
        self._written: dict[int, int] = {}
        self._failed: dict[int, RunFailure] = {}

    # ------------------------------------------------------------- life cycle

    @abstractmethod
    def _make_source(self) -> MessageSource:
        """Where the writer gets its messages from."""

    @abstractmethod
    def _make_sender(self, source: Any, by_delta: bool) -> StoringOnly:
        """What runs send to `source` with."""

    def _release_source(self, source: Any) -> None:
        """Called in the main process once the writer has the source."""
        source.forget()

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Start the writer."""
        source = self._make_source()
        self._sender = self._make_sender(source, supports(service, SupportsDeltas))
        if self.settings.keep_deltas:
            self._sender.keep_deltas()
        setup = WriterSetup(
            service=service,
            source=source,
            capacity=self.settings.queue_maxsize,
            gc_interval=self.settings.gc_interval,
            logging_manager=self.settings.logging_manager,
        )
        self._writer = WriterHandle(setup, self.process_name, self.settings.start_method)
        self._release_source(source)

    @property
    def _started(self) -> WriterHandle:
        if self._writer is None:
            raise PypetRuntimeError(f"The wrap mode {self.name} has not been started.")
        return self._writer

    @property
    def writer_pid(self) -> int | None:
        """Process id of the writer, ``None`` unless started."""
        return None if self._writer is None else self._writer.pid

    def worker_service(self) -> StorageService:
        """A service that sends to the writer."""
        service: StorageService = self._sender
        return service

    def finalize(self) -> None:
        """Let the writer write what it has and end."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self._note(writer.close(given_up=self._failure is not None))
            self._failure = self._failure or writer.failure()
            self._close_sender()

    def _close_sender(self) -> None:
        """Give back what sending needed in the main process."""
        return None

    # --------------------------------------------------------------- outcomes

    def after_outcome(self, outcome: RunOutcome) -> None:
        """Let the outcome wait for the writer's word."""
        if not outcome.sent:
            self._settled.append(outcome)
            return
        self._waiting[outcome.token] = outcome
        self._settle(outcome.token)

    def settled(self) -> list[RunOutcome]:
        """Outcomes the writer has confirmed."""
        if self._writer is not None:
            self._note(self._writer.confirmations())
            self._failure = self._failure or self._writer.failure()
        return super().settled()

    def drain(self) -> list[RunOutcome]:
        """Wait until the writer has confirmed all, or cannot go on.

        Data that does not come although nothing happens for minutes has been lost on its way.
        """
        patience_ends = time.monotonic() + PATIENCE
        while self._waiting and self._writer is not None and self._failure is None:
            news = self._writer.wait(1.0)
            self._note(news)
            self._failure = self._failure or self._writer.failure()
            if news:
                patience_ends = time.monotonic() + PATIENCE
            elif time.monotonic() > patience_ends:
                indices = sorted(outcome.idx for outcome in self._waiting.values())
                self._failure = StoringFailedError(
                    f"The writer process has not told for {PATIENCE:.0f} s whether the data of "
                    f"runs {indices} is stored; they count as open."
                )
        return super().settled()

    def _note(self, news: list[Confirmation]) -> None:
        for confirmation in news:
            for token, count in confirmation.written.items():
                self._written[token] = self._written.get(token, 0) + count
            self._failed.update(confirmation.failed)
            for token in confirmation.written:
                self._settle(token)

    def _settle(self, token: int) -> None:
        outcome = self._waiting.get(token)
        if outcome is None or self._written.get(token, 0) < outcome.sent:
            return
        del self._waiting[token]
        del self._written[token]
        failure = self._failed.pop(token, None)
        if failure is not None and outcome.failure is None:
            outcome.failure = failure
            outcome.exception = StoringFailedError(
                f"Run {outcome.idx} completed, but its data could not be stored: "
                f"{failure.exception}: {failure.message}"
            )
            outcome.row["completed"] = 0
        self._settled.append(outcome)

    def waitables(self) -> Sequence[Any]:
        """The writer's reports, and its end."""
        return () if self._writer is None else self._writer.waitables()

    def failure(self) -> BaseException | None:
        """Why the writer cannot go on, or what it could not store outside of runs, if so."""
        outside = self._failed.get(0)
        if self._failure is None and outside is not None:
            return StoringFailedError(
                f"The writer process could not store what was sent to it outside of runs: "
                f"{outside.exception}: {outside.message}"
            )
        return self._failure

    def failure_behind(self, outcome: RunOutcome) -> BaseException | None:
        """Why the writer has ended, if the run could not send to it because of that."""
        if outcome.cut_off and self._writer is not None and self._failure is None:
            # A writer says why before it closes connections; one that was killed is just gone.
            self._writer.wait_for_failure()
            self._failure = self._writer.failure()
        return self._failure if outcome.cut_off else super().failure_behind(outcome)

    def store_run_rows(self, rows: RunRows) -> None:
        """Let the writer store them."""
        self._started.store_run_rows(rows)
