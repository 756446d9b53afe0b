"""Messages to the writer through a socket that any process on this machine can connect to.

A sender pickles to an address and a secret, so it travels by every start method and into pools and
executors, and connects in each process anew at first use. A process that dies while it sends
breaks its own connection only. Where the kernel knows abstract socket names no file is needed, and
where it knows no names at all the address is a port of this host; the secret keeps other users
out, for messages are pickles.

The bound on waiting messages is kept by acknowledgements: a sender has at most one message under
way that the writer has not accepted. It need not wait for it otherwise. Small messages that are
sent together, 64 KiB of them, count as one.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import struct
import sys
import tempfile
from selectors import EVENT_READ, BaseSelector
from typing import Any

from pypet_multiproc.model import serialization
from pypet_multiproc.transport.channels import CHUNK, FrameBuffer, frame
from pypet_multiproc.transport.messages import Channel, Incoming, Message, MessageSource

#: The attempt that sent a message, and whether the sender wants to know that it was accepted.
_HEADER = struct.Struct("<Q?")
_ACK = b"+"
#: Bytes that wait to be sent together at most.
_TOGETHER = 1 << 16

#: A name in the file system or an abstract one, or a host and a port.
Address = str | tuple[str, int]


def new_address() -> Address:
    """An address without a listener: the best kind that this system has."""
    if sys.platform == "linux":
        return f"\0pypet-{os.getpid()}-{secrets.token_hex(8)}"
    if hasattr(socket, "AF_UNIX"):
        return os.path.join(tempfile.mkdtemp(prefix="pypet-"), "writer")
    return ("127.0.0.1", 0)


def remove_address(address: Address) -> None:
    """Remove the file and its folder, if the address is a file that is still there."""
    if isinstance(address, str) and not address.startswith("\0"):
        try:
            os.unlink(address)
            os.rmdir(os.path.dirname(address))
        except FileNotFoundError:
            return


class WriterQueue(Channel):
    """The senders' side; looks like a queue that can only be put into.

    Parameters
    ----------
    address : str or (str, int)
        Where the writer listens.
    secret : bytes
        What proves that a sender belongs to this experiment.
    bounded : bool
        Whether to wait for acknowledgements.
    """

    def __init__(self, address: Address, secret: bytes, bounded: bool) -> None:
        self.address = address
        self._secret, self._bounded = secret, bounded
        self._socket: socket.socket | None = None
        self._pid = 0
        self._unacknowledged = 0
        #: Token and content of messages that wait to be sent together, and how large they are.
        self._waiting: list[tuple[int, bytes]] = []
        self._size = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self.address, "secret": self._secret, "bounded": self._bounded}

    def put(self, message: Message, more: bool = False) -> None:
        """Send a message, waiting for room if the queue is bounded.

        Parameters
        ----------
        message : Message
            What to send.
        more : bool
            Whether more will follow soon, so that a small message may wait to be sent with it.

        Raises
        ------
        OSError
            If the writer is gone.
        """
        if not more:
            self._wait_for_room()
        data = serialization.dumps(message)
        self._waiting.append((self.token, data))
        self._size += len(data)
        self.sent += 1
        if not more or self._size > _TOGETHER:
            self.send_waiting()

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait to be sent."""
        return bool(self._waiting)

    def waiting_tokens(self) -> set[int]:
        """The attempts whose messages wait to be sent."""
        return {token for token, _ in self._waiting}

    def send_waiting(self) -> None:
        """Send what waits.

        Raises
        ------
        OSError
            If the writer is gone.
        """
        if not self._waiting:
            return
        self._wait_for_room()
        (waiting, self._waiting), self._size = (self._waiting, []), 0
        last = len(waiting) - 1
        frames = [
            frame(_HEADER.pack(token, self._bounded and number == last) + data)
            for number, (token, data) in enumerate(waiting)
        ]
        self.connection().sendall(b"".join(frames))
        if self._bounded:
            self._unacknowledged += 1

    def _wait_for_room(self) -> None:
        connection = self.connection()
        while self._bounded and self._unacknowledged:
            acknowledged = connection.recv(64)
            if not acknowledged:
                raise ConnectionResetError("The writer process has closed the connection.")
            self._unacknowledged -= len(acknowledged)

    def connection(self) -> socket.socket:
        """The connection of this process, made when it is first asked for."""
        if self._socket is None or self._pid != os.getpid():
            # A connection inherited by fork belongs to the parent; this copy is dropped.
            if self._socket is not None:
                self._socket.close()
            self._unacknowledged = 0
            self._socket = _connect(self.address)
            self._socket.sendall(self._secret)
            self._pid = os.getpid()
        return self._socket

    def close(self) -> None:
        """End the connection of this process."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def _new_socket(address: Address) -> socket.socket:
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    return socket.socket(family, socket.SOCK_STREAM)


def _send_at_once(connection: socket.socket) -> None:
    """Let small messages and acknowledgements not wait to be sent together."""
    if connection.family == socket.AF_INET:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _connect(address: Address) -> socket.socket:
    connection = _new_socket(address)
    try:
        connection.connect(address)
        _send_at_once(connection)
    except OSError:
        connection.close()
        raise
    return connection


class _Sender:
    """The writer's side of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.buffer = FrameBuffer()
        self.greeting = b""
        self.trusted = False

    def acknowledge(self) -> None:
        """Tell the sender that there is room; it may be gone already."""
        try:
            self.connection.send(_ACK)
        except OSError:
            return


def _incoming(message: bytes, sender: _Sender) -> Incoming:
    token, wants_to_know = _HEADER.unpack_from(message)
    data = message[_HEADER.size :]
    return Incoming(token, data, sender.acknowledge) if wants_to_know else Incoming(token, data)


class SocketSource(MessageSource):
    """The writer's side: one listening socket and a connection per sender.

    Parameters
    ----------
    bounded : bool
        Whether senders wait for acknowledgements.
    """

    def __init__(self, bounded: bool) -> None:
        self._bounded = bounded
        self._secret = secrets.token_bytes(32)
        address = new_address()
        # Made in the main process, so that senders can connect before the writer listens.
        self._listener = _new_socket(address)
        self._listener.bind(address)
        self._listener.listen(128)
        self._address = self._listener.getsockname() if isinstance(address, tuple) else address
        self._senders: dict[socket.socket, _Sender] = {}
        self._selector: BaseSelector | None = None

    def queue(self) -> WriterQueue:
        """A sender for this source."""
        return WriterQueue(self._address, self._secret, self._bounded)

    def __getstate__(self) -> dict[str, Any]:
        # Sockets can be sent to a process that is being started.
        return {**self.__dict__, "_senders": {}, "_selector": None}

    def open(self, selector: BaseSelector) -> None:
        """Listen."""
        self._selector = selector
        self._listener.setblocking(False)
        selector.register(self._listener, EVENT_READ, self)

    def receive(self, fileobj: Any) -> list[Incoming]:
        """Accept a connection, or take messages off one."""
        if fileobj is self._listener:
            self._accept()
            return []
        return self._read(self._senders[fileobj])

    def _accept(self) -> None:
        assert self._selector is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        _send_at_once(connection)
        self._senders[connection] = _Sender(connection)
        self._selector.register(connection, EVENT_READ, self)

    def _read(self, sender: _Sender) -> list[Incoming]:
        try:
            data = sender.connection.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self._drop(sender)
            return []
        if not sender.trusted:
            sender.greeting += data
            size = len(self._secret)
            if len(sender.greeting) < size:
                return []
            if not hmac.compare_digest(sender.greeting[:size], self._secret):
                self._drop(sender)
                return []
            sender.trusted = True
            data = sender.greeting[size:]
        return [_incoming(message, sender) for message in sender.buffer.feed(data)]

    def _drop(self, sender: _Sender) -> None:
        assert self._selector is not None
        self._selector.unregister(sender.connection)
        del self._senders[sender.connection]
        sender.connection.close()

    def forget(self) -> None:
        """Called in the main process once the writer has the listening socket."""
        self._listener.close()

    def close(self) -> None:
        """Drop all connections and, where it is a file, the address."""
        for sender in list(self._senders.values()):
            self._drop(sender)
        self._listener.close()
        remove_address(self._address)
