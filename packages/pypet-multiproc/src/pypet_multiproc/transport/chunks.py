"""Messages to the writer through one pipe that all workers share, without a lock.

A pipe takes writes of up to ``PIPE_BUF`` bytes as a whole. So messages are cut into chunks of that
size, each of which says whose it is; chunks of different senders may mix, and a sender that is
killed leaves complete chunks of a message that is then forgotten. pypet 0.7 held a lock while it
sent, which a killed process never gave back.
"""

from __future__ import annotations

import os
import secrets
import select
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import context, get_context
from multiprocessing.connection import Connection
from pickle import PicklingError
from selectors import EVENT_READ, BaseSelector
from typing import Any

from pypet_multiproc.model import serialization
from pypet_multiproc.transport.messages import Channel, Incoming, Message, MessageSource
from pypet_trajectory.exceptions import PypetRuntimeError

#: Sender, token, process id, size of the piece, whether it is the last one.
HEADER = struct.Struct("<QQIH?")
_CHUNK = getattr(select, "PIPE_BUF", 512)
_PIECE = _CHUNK - HEADER.size


#: Whether writing ends are left out of what is pickled.
_left_out: ContextVar[bool] = ContextVar("_left_out", default=False)


@contextmanager
def left_out() -> Iterator[None]:
    """Pickle senders without their pipe in this block: for what a run returns.

    A trajectory that comes back refers to what its run stored with, and stores nothing any more.
    """
    before = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(before)


class ChunkWriter(Channel):
    """The senders' side; looks like a connection that can only be sent to.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection, optional
        Writing end of the pipe; None if it was left out of what a run returned.
    """

    def __init__(self, connection: Connection | None) -> None:
        self._connection: Any = connection
        self._pid = 0
        self._sender = 0
        self._forget_waiting()

    def __getstate__(self) -> dict[str, Any]:
        if self._connection is None or _left_out.get():
            return {"connection": None}
        if context.get_spawning_popen() is None:
            raise PicklingError(
                "The end of a pipe can only be handed to a process when that is started, not sent "
                "to one that runs. Pass the trajectory to `multiprocessing.Process`, or use the "
                "wrap mode QUEUE."
            )
        return {"connection": self._connection}

    def send(self, message: Message, more: bool = False) -> None:
        """Send a message, waiting as long as the pipe is full.

        Parameters
        ----------
        message : Message
            What to send.
        more : bool
            Whether more will follow soon, so that the end of the message may wait for it.

        Raises
        ------
        OSError
            If the writer is gone.
        PypetRuntimeError
            If this came back with what a run returned.
        """
        if self._connection is None:
            raise PypetRuntimeError(
                "A trajectory that a run returned cannot store, for the pipe of its run is closed. "
                "Store with the trajectory of the environment, or load it."
            )
        if self._pid != os.getpid():
            self._forget_waiting()
            self._pid, self._sender = os.getpid(), secrets.randbits(64)
        data = serialization.dumps(message)
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            last = start + _PIECE >= len(data)
            header = HEADER.pack(self._sender, self.token, self._pid, len(piece), last)
            if len(self._waiting) + len(header) + len(piece) > _CHUNK:
                self.send_waiting()
            self._waiting += header + piece
            self._tokens.add(self.token)
        self.sent += 1
        if not more:
            self.send_waiting()

    @property
    def has_waiting(self) -> bool:
        """Whether chunks wait to be sent."""
        return bool(self._waiting)

    def waiting_tokens(self) -> set[int]:
        """The attempts whose chunks wait to be sent."""
        return set(self._tokens)

    def send_waiting(self) -> None:
        """Send the chunks that wait, which together are as small as one may be.

        Raises
        ------
        OSError
            If the writer is gone.
        """
        waiting = bytes(self._waiting)
        self._forget_waiting()
        if waiting:
            os.write(self.fileno(), waiting)

    def _forget_waiting(self) -> None:
        self._waiting = bytearray()
        self._tokens: set[int] = set()

    def fileno(self) -> int:
        """File descriptor of this end."""
        return int(self._connection.fileno())

    def close(self) -> None:
        """Close this end."""
        if self._connection is not None:
            self._connection.close()


class ChunkSource(MessageSource):
    """The writer's side: puts chunks together again."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise PypetRuntimeError(
                "The wrap mode PIPE needs pipes that take small writes as a whole, which Windows "
                "has not; use QUEUE, LOCK or LOCAL."
            )
        reading, writing = get_context().Pipe(duplex=False)
        self._reading: Connection = reading
        self._writing: Connection | None = writing
        self._buffer = bytearray()
        self._pieces: dict[int, list[bytes]] = {}
        self._selector: BaseSelector | None = None

    def writer(self) -> ChunkWriter:
        """A sender for this source."""
        assert self._writing is not None
        return ChunkWriter(self._writing)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writing": None, "_selector": None}

    def open(self, selector: BaseSelector) -> None:
        """Wait for the pipe."""
        if self._writing is not None:
            # Inherited by fork; kept open it would hide that all senders are gone.
            self._writing.close()
            self._writing = None
        os.set_blocking(self._reading.fileno(), False)
        self._selector = selector
        self.resume()

    def pause(self) -> None:
        """Leave chunks in the pipe, which makes senders wait."""
        if self._selector is not None and self._registered:
            self._selector.unregister(self._reading)

    def resume(self) -> None:
        """Take chunks again."""
        if self._selector is not None and not self._registered:
            self._selector.register(self._reading, EVENT_READ, self)

    @property
    def _registered(self) -> bool:
        assert self._selector is not None
        return self._reading in self._selector.get_map()

    def receive(self, fileobj: Any) -> list[Incoming]:
        """Messages that are complete."""
        try:
            data = os.read(self._reading.fileno(), 16 * _CHUNK)
        except BlockingIOError:
            return []
        if not data:
            self.pause()
            self._selector = None
            return []
        self._buffer += data
        return self._complete()

    def _complete(self) -> list[Incoming]:
        complete = []
        start = 0
        while len(self._buffer) - start >= HEADER.size:
            sender, token, _, size, last = HEADER.unpack_from(self._buffer, start)
            end = start + HEADER.size + size
            if end > len(self._buffer):
                break
            piece = bytes(self._buffer[start + HEADER.size : end])
            start = end
            if last:
                data = b"".join([*self._pieces.pop(sender, ()), piece])
                complete.append(Incoming(token, data))
            else:
                self._pieces.setdefault(sender, []).append(piece)
        del self._buffer[:start]
        return complete

    def forget(self) -> None:
        """Called in the main process once the writer has the reading end."""
        self._reading.close()

    def close(self) -> None:
        """Close the pipe."""
        self._selector = None
        self._reading.close()
