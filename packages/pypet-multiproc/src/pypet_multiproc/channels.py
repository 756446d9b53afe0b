"""One-way pipes that carry whole messages and never block the reader.

A frame is its length in eight bytes and its payload. The reader takes what the pipe holds and
keeps incomplete frames for later, so a sender that stalls or dies in the middle of a message
costs that message only. ``multiprocessing.Connection`` would wait for the rest of it for ever.

The reader's ends are closed in every process forked from this one; otherwise a child that was
started later would keep a pipe alive whose reader is long gone.
"""

from __future__ import annotations

import os
import select
import struct
import sys
import weakref
from multiprocessing.connection import Connection

_LENGTH = struct.Struct("<Q")

#: How much is read at once.
CHUNK = 1 << 18

#: Ends of pipes that belong to this process alone.
_own_ends: weakref.WeakSet[Connection] = weakref.WeakSet()


def keep_from_children(connection: Connection) -> Connection:
    """Close this end in processes that are forked from here; returns the connection."""
    _own_ends.add(connection)
    return connection


def _close_own_ends() -> None:
    for connection in list(_own_ends):
        if not connection.closed:
            connection.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_own_ends)


def frame(payload: bytes) -> bytes:
    """The bytes of one frame."""
    return _LENGTH.pack(len(payload)) + payload


def send_frame(connection: Connection, payload: bytes) -> None:
    """Send one frame, waiting as long as the pipe is full.

    Raises
    ------
    OSError
        If nobody reads any more.
    """
    if sys.platform == "win32":
        connection.send_bytes(payload)
        return
    fd = connection.fileno()
    if len(payload) < CHUNK:
        _write_all(fd, memoryview(frame(payload)))
    else:
        _write_all(fd, memoryview(_LENGTH.pack(len(payload))))
        _write_all(fd, memoryview(payload))


def can_send(connection: Connection) -> bool:
    """Whether a small frame can be sent now without waiting."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLOUT)
    return bool(poll.poll(0))


def _write_all(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


class FrameBuffer:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """All frames that are complete with this piece of the stream."""
        self._buffer += data
        frames = []
        start, available = 0, len(self._buffer)
        with memoryview(self._buffer) as view:
            while available - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(view, start)
                end = start + _LENGTH.size + length
                if end > available:
                    break
                frames.append(bytes(view[start + _LENGTH.size : end]))
                start = end
        if start:
            del self._buffer[:start]
        return frames


class FrameReader:
    """Takes frames off one end of a pipe.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
        The reading end; closed by :meth:`close`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = FrameBuffer()
        #: Whether the other side has closed the pipe.
        self.ended = False
        if sys.platform != "win32":
            os.set_blocking(connection.fileno(), False)

    @property
    def connection(self) -> Connection:
        """The end of the pipe."""
        return self._connection

    def fileno(self) -> int:
        """File descriptor, for selectors."""
        return self._connection.fileno()

    def read(self) -> list[bytes]:
        """All frames that have arrived completely."""
        if sys.platform == "win32":
            return self._read_messages()
        frames: list[bytes] = []
        fd = self._connection.fileno()
        while not self.ended:
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                break
            if not data:
                self.ended = True
            frames += self._buffer.feed(data)
            if len(data) < CHUNK:
                break
        return frames

    def _read_messages(self) -> list[bytes]:
        frames = []
        try:
            while self._connection.poll():
                frames.append(self._connection.recv_bytes())
        except (EOFError, OSError):
            self.ended = True
        return frames

    def close(self) -> None:
        """Close the pipe; frames that are incomplete are lost."""
        self._connection.close()
