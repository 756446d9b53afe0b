"""A client that gets its answer, or an error in bounded time.

A request carries a tag that comes back with its answer; if no answer comes, the connection is
made anew and the request sent again. Invariants: an answer to an earlier attempt is never taken
for that of a later request, and a client that was pickled or forked connects by itself, with an
identity of its own. Unlike a plain REQ socket, it is not stuck after one lost message.
"""

from __future__ import annotations

import math
import os
import socket
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import zmq

from pypet_net import protocol
from pypet_net.keys import ClientKeys
from pypet_net.protocol import ClientIdentity
from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.logger import HasLogger

#: Sockets and contexts of the parent process. A forked child must neither use nor close them, so
#: it keeps them here, out of reach of the garbage collector.
_inherited: list[Any] = []


#: Seconds without an answer after which it is found out whether a server listens at all. Longer
#: than the second after which servers tell waiting clients that they still wait.
_LOOK_AFTER = 1.2
_LOOK_AGAIN = 0.3

#: How often in a row a connection may be refused by a server that has answered before, and by one
#: that has not and may be just about to start.
_REFUSALS_OF_KNOWN = 2
_REFUSALS_OF_UNKNOWN = 30


class ServerSilentError(PypetRuntimeError):
    """A server does not answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    text: str
    #: How often the request was sent; if more than once, the server may have acted already.
    attempts: int

    @property
    def word(self) -> str:
        """The answer without its explanation."""
        return self.text.partition(protocol.DELIMITER)[0]


class ForkDetector(HasLogger):
    """Knows whether the process is still the one that opened the connection."""

    def __init__(self) -> None:
        self._pid: int | None = None

    def _has_forked(self) -> bool:
        """Whether this is a child of the process that opened the connection."""
        return self._pid is not None and self._pid != os.getpid()


class ReliableClient(ForkDetector):
    """Base of the clients: connects when needed, asks, waits, asks again.

    One thread at a time may use a client; every thread and process may have its own.

    Parameters
    ----------
    url
        Address of the server.
    keys
        The client half of the server's :class:`~pypet_net.keys.SessionKeys`, if it has any.
    is_running
        Whether the server is known to listen already. If none does, it has ended then, and is
        not waited for.
    """

    #: Seconds between two attempts.
    SLEEP = 0.01
    #: How often a request is sent before giving up.
    RETRIES = 9
    #: Milliseconds to wait for an answer to one attempt.
    TIMEOUT = 2222

    def __init__(
        self, url: str, *, keys: ClientKeys | None = None, is_running: bool = False
    ) -> None:
        super().__init__()
        self.url = url
        self._keys = keys
        self._is_running = is_running
        self._identity: ClientIdentity | None = None
        self._refusals = 0
        self._context: zmq.Context[Any] | None = None
        self._socket: zmq.Socket[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "keys": self._keys, "is_running": self._is_running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def start(self, test_connection: bool = True) -> None:
        """Connect, unless there is a connection of this process already.

        Parameters
        ----------
        test_connection
            Whether to wait for a sign of life of the server.

        Raises
        ------
        ServerSilentError
            If it gives none.
        """
        if self._has_forked():
            self._logger.debug("Process %d was forked; connecting anew.", os.getpid())
            self._leave_to_parent()
        self._pid = os.getpid()
        if self._identity is None:
            self._identity = ClientIdentity()
        if self._context is None:
            self._context = zmq.Context()
        if self._socket is None:
            self._connect()
        if test_connection:
            self.test_ping()

    def test_ping(self) -> None:
        """Make sure that the server answers.

        Raises
        ------
        ServerSilentError
            If it does not.
        """
        answer = self._ask([protocol.PING])
        if answer.text != protocol.PONG:
            raise PypetRuntimeError(
                f"The server at '{self.url}' should answer PONG to PING, but answers "
                f"{answer.text[:200]!r}. Is it another program's?"
            )

    def send_done(self) -> None:
        """Tell the server to end.

        Raises
        ------
        ServerSilentError
            If it does not answer.
        """
        self._ask([protocol.DONE])

    def finalize(self) -> None:
        """Disconnect; does nothing if there is no connection of this process."""
        if self._has_forked():
            self._leave_to_parent()
        if self._socket is not None:
            self._socket.close()
        if self._context is not None:
            self._context.term()
        self._socket = self._context = None

    def _leave_to_parent(self) -> None:
        _inherited.extend((self._socket, self._context))
        self._socket = self._context = self._identity = None

    def _connect(self) -> None:
        assert self._context is not None
        assert self._identity is not None
        if self._socket is not None:
            self._socket.close()
        dealer = self._context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.ipv6 = "[" in self.url
        dealer.identity = self._identity.unique.encode("ascii")
        if self._keys is not None:
            dealer.curve_publickey = self._keys.public.encode("ascii")
            dealer.curve_secretkey = self._keys.secret.encode("ascii")
            dealer.curve_serverkey = self._keys.server.encode("ascii")
        dealer.connect(self.url)
        self._socket = dealer

    def _ask(self, body: Sequence[str | bytes], interim: Collection[str] = ()) -> Answer:
        """Send a request until it is answered.

        Parameters
        ----------
        body
            Frames of the request.
        interim
            Answers that only say "wait": after them the final one is waited for.

        Raises
        ------
        ServerSilentError
            If nothing is heard in all attempts.
        """
        self.start(test_connection=False)
        tag = uuid.uuid4().bytes
        frames = [frame.encode() if isinstance(frame, str) else frame for frame in body]
        for attempt in range(1, self.RETRIES + 1):
            self._send([tag, b"", *frames])
            text = self._receive(tag)
            while text in interim:
                text = self._receive(tag)
            if text is not None:
                return Answer(text, attempt)
            self._logger.debug("No answer from '%s' in attempt %d.", self.url, attempt)
            self._check_listening()
            time.sleep(self.SLEEP)
            self._connect()
        raise ServerSilentError(
            f"The server at '{self.url}' did not answer {self.RETRIES} times, each within "
            f"{self.TIMEOUT / 1000:g} s. Either it has ended, or the network does not let "
            "the messages through, or it does not know the key of this client."
        )

    def _send(self, frames: list[bytes]) -> None:
        assert self._socket is not None
        # Waits only if thousands of messages are queued for a server that is not there.
        if self._socket.poll(self.TIMEOUT, zmq.POLLOUT):
            self._socket.send_multipart(frames)

    def _receive(self, tag: bytes) -> str | None:
        """The answer to the request with this tag; ``None`` if there is none in time."""
        assert self._socket is not None
        end = time.monotonic() + self.TIMEOUT / 1000
        look = time.monotonic() + _LOOK_AFTER
        while True:
            now = time.monotonic()
            if not self._socket.poll(math.ceil(1000 * max(0.0, min(end, look) - now))):
                if time.monotonic() >= end:
                    return None
                self._check_listening()
                # A first refusal is looked into at once.
                look = time.monotonic() + (_LOOK_AGAIN if self._refusals else _LOOK_AFTER)
                continue
            frames: list[bytes] = self._socket.recv_multipart()
            self._is_running, self._refusals = True, 0
            text = frames[-1].decode("utf-8", "replace")
            # Older tags belong to attempts given up, and STILL_THERE is no answer.
            if frames[0] == tag and text != protocol.STILL_THERE:
                return text

    def _check_listening(self) -> None:
        """Give up early on a server that is not there any more.

        ZeroMQ connects again for ever and does not tell, so this knocks at the port itself.
        """
        if not _is_refused(self.url):
            self._refusals = 0
            return
        self._refusals += 1
        limit = _REFUSALS_OF_KNOWN if self._is_running else _REFUSALS_OF_UNKNOWN
        if self._refusals >= limit:
            raise ServerSilentError(
                f"No server listens at '{self.url}' any more. The server has ended; if you did not "
                "end it, look at the end of its log."
                if self._is_running
                else f"No server listens at '{self.url}'. Is the server running, and is the "
                "address the one it has told?"
            )


def _is_refused(url: str) -> bool:
    """Whether the host says that no process listens at the address."""
    parts = urlsplit(url)
    if parts.scheme != "tcp" or parts.hostname is None or parts.port is None:
        return False
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1.0).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False  # Slow or out of reach for now; that is what waiting is for.
    return False
