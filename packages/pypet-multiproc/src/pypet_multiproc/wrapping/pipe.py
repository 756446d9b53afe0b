"""PIPE: runs send what they store to a writer process through one pipe.

Fast for many small results. Runs store only; the pipe can be handed to processes that are being
started, by any start method, but not be sent to running ones. No lock guards it
(:mod:`pypet_multiproc.transport.chunks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pypet_multiproc.transport.chunks import ChunkSource, ChunkWriter
from pypet_multiproc.transport.messages import DONE, Message, MessageSource
from pypet_multiproc.wrapping.lock import LockAcquisition
from pypet_multiproc.wrapping.services import DeferringSender
from pypet_multiproc.wrapping.through_writer import WriterWrap
from pypet_multiproc.writer.process import StorageServiceDataHandler
from pypet_trajectory import constants
from pypet_trajectory.api.service import StorageService


class PipeStorageServiceSender(DeferringSender, LockAcquisition):
    """Sends what runs store through a pipe.

    Parameters
    ----------
    storage_connection : object, optional
        Anything with ``send``.
    lock : object, optional
        Held while sending, for connections that need it.
    by_delta : bool
        Whether the service at the other end writes records.
    """

    def __init__(
        self, storage_connection: Any = None, lock: Any = None, by_delta: bool = True
    ) -> None:
        DeferringSender.__init__(self, by_delta)
        LockAcquisition.__init__(self, lock)
        self.conn = storage_connection

    @property
    def channel(self) -> ChunkWriter | None:
        """The pipe, unless it is one of the user's own."""
        return self.conn if isinstance(self.conn, ChunkWriter) else None

    def send(self, message: Message) -> None:
        if self.channel is not None:
            try:
                self.channel.send(message, more=self.may_wait(message))
            except OSError as exc:
                self._note_end(exc)
                raise
            return
        if self._lock is None:
            self.conn.send(message)
            return
        self.acquire_lock()
        try:
            self.conn.send(message)
        finally:
            self.release_lock()

    def send_done(self) -> None:
        """Tell the reader of a connection of the user's own that this was all."""
        self.send((DONE, (), {}))


class PipeStorageServiceWriter(StorageServiceDataHandler):
    """Stores what arrives through a connection of the user's own until told that this was all.

    Parameters
    ----------
    storage_service : StorageService
        Where to store.
    storage_connection : object
        Anything with ``recv``.
    max_buffer_size : int
        Accepted for compatibility; the pipe itself is the buffer.
    gc_interval : int, optional
        Collect garbage after so many store operations.
    """

    def __init__(
        self,
        storage_service: StorageService,
        storage_connection: Any,
        max_buffer_size: int = 10,
        gc_interval: int | None = None,
    ) -> None:
        super().__init__(storage_service, gc_interval)
        self.conn = storage_connection
        self.max_buffer_size = max_buffer_size

    def messages(self) -> Iterator[Message]:
        """What comes through the connection until its other end is closed."""
        while True:
            try:
                yield self.conn.recv()
            except EOFError:
                return


class PipeWrap(WriterWrap):
    """Sends data to a writer process through a pipe."""

    name: ClassVar[str] = constants.WRAP_MODE_PIPE
    process_name = "PipeProcess"

    @property
    def pipe(self) -> Any:
        """What runs send messages with, ``None`` unless started."""
        return None if self._writer is None else self._sender.conn

    def _make_source(self) -> MessageSource:
        return ChunkSource()

    def _make_sender(self, source: Any, by_delta: bool) -> PipeStorageServiceSender:
        return PipeStorageServiceSender(source.writer(), by_delta=by_delta)

    def _close_sender(self) -> None:
        self._sender.conn.close()
