"""The network as a source of messages for the writer process of :mod:`pypet_multiproc`.

The address is taken in the main process, so its port is known before anything is started, and
the listening socket travels into the writer. There a thread listens; it hands messages over
through an ordinary socket pair that the writer can wait for, because the file descriptors ZeroMQ
offers do not become readable for every message. Invariant: at most `capacity` messages that the
writer has not accepted are held here, besides one for each sender that is kept waiting.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from selectors import EVENT_READ, BaseSelector
from typing import Any

from pypet_multiproc.transport.messages import Incoming, MessageSource
from pypet_net.addresses import Port, candidate_urls, numeric
from pypet_net.keys import SessionKeys
from pypet_net.queue_client import QueuingClient
from pypet_net.queue_server import QueuingServerMessageListener
from pypet_trajectory.exceptions import PypetRuntimeError

_TOKEN = struct.Struct("<Q")

#: How many connections may wait to be accepted.
_BACKLOG = 1024


class _Inbox:
    """Messages on their way from the listening thread to the writer."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)
        self._messages: deque[bytes] = deque()
        self._unaccepted = 0
        self._lock = threading.Lock()

    def put(self, payload: bytes) -> None:
        with self._lock:
            self._messages.append(payload)
            self._unaccepted += 1
        # A full buffer means that the writer will be woken anyway.
        with contextlib.suppress(BlockingIOError):
            self._writer.send(b"!")

    def qsize(self) -> int:
        return self._unaccepted

    def take_all(self) -> list[bytes]:
        with contextlib.suppress(BlockingIOError):
            self.reader.recv(4096)
        with self._lock:
            messages, self._messages = list(self._messages), deque()
        return messages

    def accept_one(self) -> None:
        with self._lock:
            self._unaccepted -= 1

    def close(self) -> None:
        self.reader.close()
        self._writer.close()


class _Listener(QueuingServerMessageListener):
    """Hands over messages as they are: the writer unpickles."""

    def _put(self, payload: bytes) -> None:
        self.queue.put(payload)


class NetQueueSource(MessageSource):
    """Takes messages from anywhere in the network.

    Parameters
    ----------
    port
        Port, range of ports or url to listen at.
    capacity
        How many messages may wait here; 0 means any number.

    Raises
    ------
    PypetRuntimeError
        If no such address is free.
    """

    def __init__(self, port: Port, capacity: int) -> None:
        self._keys = SessionKeys.generate()
        self._capacity = capacity
        self._socket, self.url = _listening_socket(port)
        self._inbox: _Inbox | None = None
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    def client(self) -> QueuingClient:
        """A client that may put messages in."""
        return QueuingClient(self.url, keys=self._keys.client, is_running=True)

    def open(self, selector: BaseSelector) -> None:
        """Start to listen, in the writer process."""
        self._inbox = _Inbox()
        self._listener = _Listener(self.url, self._inbox, self._capacity, keys=self._keys.server)
        self._listener.bind(self._socket)
        self._thread = threading.Thread(target=self._listener.listen, name="listener", daemon=True)
        self._thread.start()
        selector.register(self._inbox.reader, EVENT_READ, self)

    def receive(self, fileobj: Any) -> list[Incoming]:
        """Messages that have arrived."""
        assert self._inbox is not None
        return [
            Incoming(
                _TOKEN.unpack_from(payload)[0], payload[_TOKEN.size :], acknowledge=self._accepted
            )
            for payload in self._inbox.take_all()
        ]

    def _accepted(self) -> None:
        assert self._inbox is not None
        assert self._listener is not None
        self._inbox.accept_one()
        self._listener.wake()

    def forget(self) -> None:
        """Called in the main process once the writer has the listening socket."""
        self._socket.close()

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None and self._thread is not None and self._inbox is not None:
            self._listener.stop()
            self._thread.join()
            self._inbox.close()
        self._socket.close()


def with_token(token: int, payload: bytes) -> bytes:
    """A message marked with the attempt that sends it, as :class:`NetQueueSource` reads it."""
    return _TOKEN.pack(token) + payload


def _listening_socket(port: Port) -> tuple[socket.socket, str]:
    reason: object = "there is no address to try"
    for url in candidate_urls(port):
        host, _, number = numeric(url).removeprefix("tcp://").rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        address = ("0.0.0.0" if host == "*" else host.strip("[]"), int(number.replace("*", "0")))
        try:
            listener = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            reason = error
            continue
        return listener, f"{url.rpartition(':')[0]}:{listener.getsockname()[1]}"
    raise PypetRuntimeError(
        f"The queue server cannot listen at port {port!r}: {reason}. Choose another one, or None "
        "for any that is free."
    )
