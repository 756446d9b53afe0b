"""QUEUE: runs send what they store to a writer process through a bounded queue.

Runs store only. A full queue makes them wait, so that memory stays bounded when the disk is slower
than the runs. The queue is a local socket (:mod:`pypet_multiproc.transport.sockets`); a queue
object of the user's own works as well. Small data of short runs travels together and counts as one
message: passing it on one by one would take longer than the runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from pypet_multiproc.transport.messages import DONE, Message, MessageSource
from pypet_multiproc.transport.sockets import SocketSource, WriterQueue, remove_address
from pypet_multiproc.wrapping.services import DeferringSender
from pypet_multiproc.wrapping.through_writer import WriterWrap
from pypet_multiproc.writer.process import StorageServiceDataHandler
from pypet_trajectory import constants
from pypet_trajectory.api.service import StorageService

_RETRIES = 9
_PAUSE = 0.01


class QueueStorageServiceSender(DeferringSender):
    """Puts what runs store into a queue.

    Parameters
    ----------
    storage_queue : object, optional
        Anything with ``put``; may be set later as ``queue``.
    by_delta : bool
        Whether the service at the other end writes records.
    """

    def __init__(self, storage_queue: Any = None, by_delta: bool = True) -> None:
        super().__init__(by_delta)
        self.queue = storage_queue

    @property
    def channel(self) -> WriterQueue | None:
        """The queue, unless it is one of the user's own."""
        return self.queue if isinstance(self.queue, WriterQueue) else None

    def send(self, message: Message) -> None:
        if self.channel is None:
            _repeat(lambda: self.queue.put(message))
            return
        try:
            self.channel.put(message, more=self.may_wait(message))
        except OSError as exc:
            self._note_end(exc)
            raise

    def send_done(self) -> None:
        """Tell the writer of a queue of the user's own that this was all."""
        _repeat(lambda: self.queue.put((DONE, (), {})))


def _repeat(send: Callable[[], None]) -> None:
    """Try to send until it works; queues of managers fail now and then."""
    for attempt in range(_RETRIES + 1):
        try:
            send()
        except Exception:
            if attempt == _RETRIES:
                raise
            time.sleep(_PAUSE)
        else:
            return


class QueueStorageServiceWriter(StorageServiceDataHandler):
    """Stores what arrives in a queue of the user's own until told that this was all.

    Parameters
    ----------
    storage_service : StorageService
        Where to store.
    storage_queue : object
        Anything with ``get``.
    gc_interval : int, optional
        Collect garbage after so many store operations.
    """

    def __init__(
        self, storage_service: StorageService, storage_queue: Any, gc_interval: int | None = None
    ) -> None:
        super().__init__(storage_service, gc_interval)
        self.queue = storage_queue

    def messages(self) -> Iterator[Message]:
        """What is put into the queue."""
        while True:
            yield self.queue.get()


class QueueWrap(WriterWrap):
    """Sends data to a writer process through a queue."""

    name: ClassVar[str] = constants.WRAP_MODE_QUEUE
    process_name = "QueueProcess"

    @property
    def queue(self) -> Any:
        """What runs put messages into, ``None`` unless started."""
        return None if self._writer is None else self._sender.queue

    def _make_source(self) -> MessageSource:
        return SocketSource(bounded=self.settings.queue_maxsize > 0)

    def _make_sender(self, source: Any, by_delta: bool) -> QueueStorageServiceSender:
        return QueueStorageServiceSender(source.queue(), by_delta)

    def _close_sender(self) -> None:
        self._sender.queue.close()
        # The writer does it, unless it was killed.
        remove_address(self._sender.queue.address)
