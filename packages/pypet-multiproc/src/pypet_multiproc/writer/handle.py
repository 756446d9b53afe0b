"""The writer process as the main process sees it.

Starts it, tells it rows of the run table and when to end, and hears which messages have been
written. Invariant: whatever happens to the writer is either a confirmation or a reason why it
cannot go on; waiting for it ends when it ends.

Both channels to it are sockets, so that a writer has nothing but sockets to wait for.
"""

from __future__ import annotations

import pickle
import time
from multiprocessing import connection
from multiprocessing.util import Finalize
from typing import Any

from pypet_multiproc.model.failures import (
    StoringFailedError,
    WriterDiedError,
    explain_exit,
    with_remote_traceback,
)
from pypet_multiproc.processes.children import default_start_method, process_context, start_quietly
from pypet_multiproc.transport.channels import (
    FrameReader,
    keep_from_children,
    send_frame,
    socket_channel,
)
from pypet_multiproc.writer.process import Confirmation, WriterSetup, writer_main
from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.exceptions import StorageFailedError

#: Seconds without any sign of life after which a writer is given up ...
PATIENCE = 300.0
#: ... if it cannot go on anyway.
_PATIENCE_WHEN_BROKEN = 3.0


class WriterHandle:
    """A running writer process.

    Parameters
    ----------
    setup : WriterSetup
        What it works with.
    name : str
        Name of the process, as it appears in the names of log files.
    start_method : str, optional
        How to start it.
    """

    def __init__(self, setup: WriterSetup, name: str, start_method: str | None = None) -> None:
        context = process_context(start_method or default_start_method())
        commands_here, commands_there = socket_channel()
        reports_there, reports_here = socket_channel()
        self._commands = keep_from_children(commands_here)
        self._reports = FrameReader(keep_from_children(reports_here))
        self._process = context.Process(
            target=writer_main, args=(setup, commands_there, reports_there), name=name
        )
        start_quietly(self._process)
        commands_there.close()
        reports_there.close()
        self._closed = False
        self._failure: BaseException | None = None
        #: News that was heard while something else was waited for.
        self._early: list[Confirmation] = []
        # Should it not be closed: before multiprocessing waits for its children at exit.
        self._finalizer = Finalize(self, self._commands.close, exitpriority=10)

    @property
    def pid(self) -> int | None:
        """Process id."""
        pid: int | None = self._process.pid
        return pid

    def waitables(self) -> list[Any]:
        """What becomes readable when there is news or the process has ended."""
        return [self._reports, self._process.sentinel]

    def confirmations(self) -> list[Confirmation]:
        """What the writer has told since the last call."""
        news, self._early = self._early + self._hear(), []
        return news

    def _hear(self) -> list[Confirmation]:
        news: list[Confirmation] = [pickle.loads(frame) for frame in self._reports.read()]
        for confirmation in news:
            self._closed = self._closed or confirmation.closed
            if confirmation.broken is not None and self._failure is None:
                self._failure = _broken(confirmation.broken, confirmation.storage_failed)
        if self._reports.ended and not self._closed and self._failure is None:
            self._process.join(timeout=1.0)
            self._failure = WriterDiedError(
                f"The writer process {self._process.name} {explain_exit(self._process.exitcode)}. "
                "What it had confirmed is stored; runs it had not confirmed count as open."
            )
        return news

    def failure(self) -> BaseException | None:
        """Why the writer cannot go on, if so."""
        return self._failure

    def store_run_rows(self, rows: RunRows) -> None:
        """Let the writer store rows of the run table.

        Raises
        ------
        StorageFailedError
            If it has ended because the storage takes nothing any more.
        WriterDiedError
            If it is gone.
        """
        if not self._command("rows", rows):
            self.wait_for_failure()
            if self._failure is not None:
                raise self._failure

    def _command(self, command: str, argument: Any) -> bool:
        """Send a command; returns whether the writer still takes any."""
        try:
            send_frame(self._commands, pickle.dumps((command, argument)))
        except OSError:
            return False
        return True

    def wait_for_failure(self) -> None:
        """Hear out a writer that takes nothing any more, so that :meth:`failure` tells why."""
        self._early += self._wait_for_end(_PATIENCE_WHEN_BROKEN, renewed=False)

    def wait(self, timeout: float) -> list[Confirmation]:
        """News, after waiting for some at most `timeout` seconds."""
        if not self._reports.ended:
            connection.wait([self._reports.channel], timeout)
        return self.confirmations()

    def close(self, given_up: bool = False) -> list[Confirmation]:
        """Let the writer write what it has, close the file and end; returns the last news.

        Parameters
        ----------
        given_up : bool
            Whether it is known not to answer any more, so that there is little to wait for.
        """
        # Whether the process lives is not asked: a process of a fork server that was ended by a
        # signal counts as alive, and the end of its reports tells as well.
        if not self._closed and self._failure is None:
            self._command("close", None)
        given_up = given_up or self._failure is not None
        news = self._wait_for_end(_PATIENCE_WHEN_BROKEN if given_up else PATIENCE)
        self._finalizer.cancel()
        self._commands.close()
        self._process.join(timeout=5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._reports.close()
        self._process.close()
        return news

    def _wait_for_end(self, patience: float, renewed: bool = True) -> list[Confirmation]:
        """News until there will be no more, for so many seconds at most.

        Parameters
        ----------
        patience : float
            Seconds.
        renewed : bool
            Whether they count from the latest news.
        """
        news = self.confirmations()
        patience_ends = time.monotonic() + patience
        while not self._closed and not self._reports.ended and time.monotonic() < patience_ends:
            fresh = self.wait(1.0)
            news += fresh
            if fresh and renewed:
                given_up = self._failure is not None
                patience = min(patience, _PATIENCE_WHEN_BROKEN) if given_up else patience
                patience_ends = time.monotonic() + patience
        return news


def _broken(failure: RunFailure, storage_failed: bool) -> BaseException:
    """What to raise for a writer that cannot go on."""
    if storage_failed:
        return with_remote_traceback(StorageFailedError(failure.message), failure)
    return StoringFailedError(
        f"The writer process could not store: {failure.exception}: {failure.message}"
    )
