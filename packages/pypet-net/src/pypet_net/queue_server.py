"""A queue that processes anywhere can put into, and a writer that stores what arrives.

A message is answered when the queue has room for it, so senders are held back without being
asked to try again, and nothing is reserved that a dying sender could fail to use. Invariants: a
message is put into the queue once, however often its sender had to repeat it; and nothing is
unpickled unless its sender proved to own a key that this server lets in. Pypet 0.7 unpickled
whatever arrived.
"""

from __future__ import annotations

import pickle
import queue
import threading
from typing import Any, Protocol

from pypet_multiproc.transport.messages import DONE
from pypet_multiproc.wrapping.queue import QueueStorageServiceWriter
from pypet_net import protocol
from pypet_net.keys import ServerKeys, user_keys
from pypet_net.server import Request, ZMQServer
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.logger import HasLogger

#: Seconds after which a sender that is held back is told so.
_WAIT_INTERVAL = 1.0


class SupportsPut(Protocol):
    """The end of a queue that one puts into."""

    def put(self, item: Any) -> None: ...
    def qsize(self) -> int: ...


class QueuingServerMessageListener(ZMQServer):
    """Takes messages off the network and puts them into a queue.

    Parameters
    ----------
    url
        The address to bind to.
    queue
        Where messages go.
    queue_maxsize
        How many messages may be in the queue; 0 means any number.
    keys
        Whom to let in; by default other processes of this user.
    """

    SPACE = protocol.SPACE
    DATA = protocol.DATA
    SPACE_AVAILABLE = protocol.SPACE_AVAILABLE
    SPACE_NOT_AVAILABLE = protocol.SPACE_NOT_AVAILABLE
    STORING = protocol.STORING

    MAX_MESSAGE_SIZE = -1

    def __init__(
        self,
        url: str,
        queue: SupportsPut,
        queue_maxsize: int,
        *,
        keys: ServerKeys | None = None,
    ) -> None:
        super().__init__(url, keys=user_keys().server if keys is None else keys)
        self.queue = queue
        self.queue_maxsize = queue_maxsize
        #: Per connection the message that waits for room, first come first.
        self._waiting: dict[bytes, Request] = {}
        #: Per connection the number of the last message put into the queue.
        self._last_numbers: dict[bytes, int] = {}
        self._next_wait = 0.0

    def listen(self) -> None:
        """Serve until a client says ``DONE``."""
        self.run()

    def _respond(self, request: Request) -> str | None:
        match request.body:
            case [b"SPACE"]:
                return self.SPACE_AVAILABLE if self._has_room() else self.SPACE_NOT_AVAILABLE
            case [b"DATA", number, _]:
                sender = request.envelope[0]
                if int.from_bytes(number, "little") <= self._last_numbers.get(sender, 0):
                    return self.STORING
                # A sender that repeats itself keeps its place.
                self._waiting[sender] = request
                self._accept_waiting()
                return None
        return super()._respond(request)

    def _has_room(self) -> bool:
        return self.queue_maxsize <= 0 or self.queue.qsize() < self.queue_maxsize

    def _accept_waiting(self, *, whatever_room: bool = False) -> None:
        while self._waiting and (whatever_room or self._has_room()):
            sender, request = next(iter(self._waiting.items()))
            del self._waiting[sender]
            _, number, payload = request.body
            try:
                self._put(payload)
            except Exception as error:
                self._logger.exception("Cannot take a message.")
                text = f"{type(error).__name__}: {error}"
                self._reply(request, f"{protocol.MSG_ERROR}{protocol.DELIMITER}{text}")
                continue
            self._last_numbers[sender] = int.from_bytes(number, "little")
            self._reply(request, self.STORING)

    def _put(self, payload: bytes) -> None:
        self.queue.put(pickle.loads(payload))

    def _next_deadline(self) -> float | None:
        return self._next_wait if self._waiting else None

    def _on_tick(self, now: float) -> None:
        self._accept_waiting()
        if now >= self._next_wait:
            self._next_wait = now + _WAIT_INTERVAL
            for request in self._waiting.values():
                self._reply(request, self.SPACE_NOT_AVAILABLE)

    def _on_done(self) -> None:
        self._accept_waiting(whatever_room=True)


class _WakingQueue(queue.Queue[Any]):
    """Tells the listener when there is room again."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: ZMQServer | None = None

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        item = super().get(block, timeout)
        if self.listener is not None:
            self.listener.wake()
        return item


class QueuingServer(HasLogger):
    """Collects messages in one thread and stores them in another.

    Parameters
    ----------
    url
        The address to bind to.
    storage_service
        Where to store.
    queue_maxsize
        How many messages may wait; 0 means any number.
    gc_interval
        Collect garbage after so many store operations; ``None``: leave that to Python.
    keys
        Whom to let in; by default other processes of this user.
    """

    def __init__(
        self,
        url: str,
        storage_service: StorageService,
        queue_maxsize: int,
        gc_interval: int | None,
        *,
        keys: ServerKeys | None = None,
    ) -> None:
        self._queue = _WakingQueue()
        self._listener = QueuingServerMessageListener(url, self._queue, queue_maxsize, keys=keys)
        self._queue.listener = self._listener
        self._writer = QueueStorageServiceWriter(storage_service, self._queue, gc_interval)

    def bind(self) -> str:
        """Take the address; as :meth:`ZMQServer.bind`."""
        return self._listener.bind()

    def run(self) -> None:
        """Store until a client says ``DONE`` and everything that came before is stored."""
        self.bind()
        thread = threading.Thread(target=self._listen, name="listener", daemon=True)
        thread.start()
        try:
            self._writer.run()
        finally:
            self._listener.stop()
            thread.join()

    def _listen(self) -> None:
        try:
            self._listener.listen()
        except Exception:
            self._logger.exception("The listener has failed; what has arrived will be stored.")
        finally:
            self._queue.put((DONE, (), {}))
