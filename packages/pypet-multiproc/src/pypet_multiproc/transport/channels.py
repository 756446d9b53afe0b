"""One-way channels that carry whole messages and never block the reader.

A frame is its length in eight bytes and its payload. The reader takes what the channel holds and
keeps incomplete frames for later, so a sender that stalls or dies in the middle of a message
costs that message only. ``multiprocessing.Connection`` would wait for the rest of it for ever.

A channel is a pipe, or a pair of sockets where one process waits for it beside other sockets:
Windows can wait for many pipes or for many sockets, not for both. Pipes of Windows keep messages
apart by themselves, so there no frames are needed.

The reader's ends are closed in every process forked from this one; otherwise a child that was
started later would keep a channel alive whose reader is long gone.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import weakref
from multiprocessing.connection import Connection
from typing import TypeVar

#: One end of a channel.
Channel = Connection | socket.socket

_End = TypeVar("_End", bound=Channel)

_LENGTH = struct.Struct("<Q")

#: How much is read at once.
CHUNK = 1 << 18

#: Ends of channels that belong to this process alone.
_own_ends: weakref.WeakSet[Channel] = weakref.WeakSet()


def socket_channel() -> tuple[socket.socket, socket.socket]:
    """The sender's and the receiver's end of a new channel of sockets."""
    return socket.socketpair()


def keep_from_children(end: _End) -> _End:
    """Close this end in processes that are forked from here; returns it."""
    _own_ends.add(end)
    return end


def _close_own_ends() -> None:
    for end in list(_own_ends):
        end.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_own_ends)


def frame(payload: bytes) -> bytes:
    """The bytes of one frame."""
    return _LENGTH.pack(len(payload)) + payload


def send_frame(channel: Channel, payload: bytes) -> None:
    """Send one frame, waiting as long as the channel is full.

    Raises
    ------
    OSError
        If there is no reader any more.
    """
    small = len(payload) < CHUNK
    parts = (frame(payload),) if small else (_LENGTH.pack(len(payload)), payload)
    if isinstance(channel, socket.socket):
        for part in parts:
            channel.sendall(part)
    elif sys.platform == "win32":
        channel.send_bytes(payload)
    else:
        for part in parts:
            _write_all(channel.fileno(), memoryview(part))


def can_send(channel: Channel) -> bool:
    """Whether a small frame can be sent now without waiting."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    return bool(select.select([], [channel], [], 0)[1])


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
    """Takes frames off one end of a channel.

    Parameters
    ----------
    channel : multiprocessing.connection.Connection or socket.socket
        The reading end; closed by :meth:`close`.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._buffer = FrameBuffer()
        #: Whether the other side has closed the channel.
        self.ended = False
        if isinstance(channel, socket.socket):
            channel.setblocking(False)
        elif sys.platform != "win32":
            os.set_blocking(channel.fileno(), False)

    @property
    def channel(self) -> Channel:
        """The end of the channel."""
        return self._channel

    def fileno(self) -> int:
        """File descriptor, for selectors."""
        return self._channel.fileno()

    def read(self) -> list[bytes]:
        """All frames that have arrived completely."""
        if sys.platform == "win32" and not isinstance(self._channel, socket.socket):
            return self._read_messages(self._channel)
        frames: list[bytes] = []
        while not self.ended:
            try:
                data = self._receive()
            except BlockingIOError:
                break
            except ConnectionError:
                data = b""
            if not data:
                self.ended = True
            frames += self._buffer.feed(data)
            if len(data) < CHUNK:
                break
        return frames

    def _receive(self) -> bytes:
        if isinstance(self._channel, socket.socket):
            return self._channel.recv(CHUNK)
        return os.read(self._channel.fileno(), CHUNK)

    def _read_messages(self, pipe: Connection) -> list[bytes]:
        frames = []
        try:
            while pipe.poll():
                frames.append(pipe.recv_bytes())
        except (EOFError, OSError):
            self.ended = True
        return frames

    def close(self) -> None:
        """Close the channel; frames that are incomplete are lost."""
        self._channel.close()
