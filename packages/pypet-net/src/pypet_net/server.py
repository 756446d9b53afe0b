"""A server: one socket, one loop, one answer for each request.

The loop waits for requests, for questions of who may connect, and for the next moment at which
something is due; it never sleeps and never spins. Invariants: a client whose key is not allowed
cannot make it do anything, and it ends when the process that wanted it does. Unlike the REP
socket of pypet 0.7, the ROUTER used here can answer late, answer another client first, or not at
all, and knows when a client's connection is gone. Clients with REQ sockets do not notice.
"""

from __future__ import annotations

import contextlib
import math
import socket as sockets
import time
from typing import Any

import psutil
import zmq

from pypet_net import protocol
from pypet_net.addresses import is_local, numeric
from pypet_net.keys import Doorkeeper, ServerKeys
from pypet_trajectory.exceptions import PypetRuntimeError, PypetValueError
from pypet_trajectory.logger import HasLogger

#: Longest time, in seconds, between two looks at the parent process.
_LONGEST_WAIT = 1.0

#: How long, in milliseconds, the last answers have to leave when a server closes.
_LINGER = 1000

#: Milliseconds: libzmq asks a silent peer for a sign of life, and when it gives up on it. Its own
#: threads ask and answer, so a client that computes for minutes is not taken for dead.
_HEARTBEAT_INTERVAL = 5_000
_HEARTBEAT_TIMEOUT = 15_000


class ProcessWatch:
    """Tells whether one process of this machine still runs.

    It is bound to the process, not to its number: numbers are given away again. Once it has said
    "dead" it never says "alive" again. Unlike with ``os.kill(pid, 0)``, a zombie counts as dead,
    since it will never release what it holds.

    Parameters
    ----------
    pid
        The process; it should be alive now.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process: psutil.Process | None
        try:
            self._process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        if self._process is None:
            return False
        try:
            state = self._process.status() if self._process.is_running() else psutil.STATUS_DEAD
            alive = state not in (psutil.STATUS_DEAD, psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            alive = False
        except psutil.AccessDenied:
            # It is there, only we may not look at it.
            alive = True
        if not alive:
            self._process = None
        return alive


class Request:
    """One request: where it came from and what it says."""

    __slots__ = ("body", "envelope")

    def __init__(self, frames: list[bytes]) -> None:
        # Everything up to the first empty frame is the way back; a REQ socket checks it.
        end = frames.index(b"", 1) + 1 if b"" in frames[1:] else 1
        #: Frames that lead an answer back; the first names the connection.
        self.envelope = frames[:end]
        #: Frames of the message itself.
        self.body = frames[end:]

    @property
    def text(self) -> str:
        """The first frame as text."""
        return self.body[0].decode("utf-8", "replace") if self.body else ""


class ZMQServer(HasLogger):
    """Base of the servers: binds, listens, answers ``PING`` and ``DONE``.

    Parameters
    ----------
    url
        The address to bind to; ``tcp://127.0.0.1:*`` takes a free port.
    keys
        Whom to let in. Without keys every process on this machine may talk to the server.

    Raises
    ------
    PypetValueError
        If there are no keys and other machines could reach the address.
    """

    PING = protocol.PING
    PONG = protocol.PONG
    DONE = protocol.DONE
    CLOSED = protocol.CLOSED

    #: Longest message taken, in bytes; -1 means any.
    MAX_MESSAGE_SIZE = 65_536

    def __init__(
        self, url: str = "tcp://127.0.0.1:7777", *, keys: ServerKeys | None = None
    ) -> None:
        if keys is None and not is_local(url):
            raise PypetValueError(
                f"Other machines can reach '{url}', so the server must know its clients: pass "
                "keys=SessionKeys.generate().server, and give .client to the clients."
            )
        self._url = url
        self._keys = keys
        self._context: zmq.Context[Any] | None = None
        self._socket: zmq.Socket[Any] | None = None
        self._doorkeeper: Doorkeeper | None = None
        self._wakers: tuple[sockets.socket, sockets.socket] | None = None
        self._is_stopping = False
        #: The server ends when this process does.
        self.parent: ProcessWatch | None = None

    def bind(self, listener: sockets.socket | None = None) -> str:
        """Take the address, and return it as clients need it; does nothing the second time.

        Parameters
        ----------
        listener
            A socket that listens at this address already; the server takes it over.

        Raises
        ------
        PypetRuntimeError
            If the address is taken or does not exist.
        """
        if self._socket is not None:
            return self._url
        self._context = zmq.Context()
        socket = self._context.socket(zmq.ROUTER)
        socket.linger = _LINGER
        socket.ipv6 = "[" in self._url
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.setsockopt(zmq.MAXMSGSIZE, self.MAX_MESSAGE_SIZE)
        socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_INTERVAL)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT)
        socket.setsockopt(zmq.HEARTBEAT_TTL, _HEARTBEAT_TIMEOUT)
        self._socket = socket
        self._wakers = sockets.socketpair()
        for waker in self._wakers:
            waker.setblocking(False)
        if listener is not None:
            socket.setsockopt(zmq.USE_FD, listener.detach())
        if self._keys is not None:
            self._doorkeeper = Doorkeeper(self._context, self._keys)
            socket.curve_server = True
            socket.curve_secretkey = self._keys.secret.encode("ascii")
            socket.zap_domain = b"pypet"
        try:
            socket.bind(numeric(self._url))
        except zmq.ZMQError as error:
            self._close()
            raise PypetRuntimeError(
                f"A {type(self).__name__} cannot bind to '{self._url}': {error}. Choose another "
                "port, or None for any that is free."
            ) from error
        if self._url.endswith(":*"):
            self._url = socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        return self._url

    def run(self) -> None:
        """Serve until a client says ``DONE``, or the parent process ends; then close."""
        try:
            self.bind()
            self._serve()
        finally:
            self._close()

    def wake(self) -> None:
        """Have the server look at once for what is due; may be called from any thread."""
        wakers = self._wakers
        if wakers is not None:
            # A full buffer means that it will wake anyway, a closed one that it has ended.
            with contextlib.suppress(OSError):
                wakers[1].send(b"!")

    def stop(self) -> None:
        """Have the server end; may be called from any thread, before or while it serves."""
        self._is_stopping = True
        self.wake()

    def _serve(self) -> None:
        assert self._socket is not None
        assert self._wakers is not None
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._wakers[0].fileno(), zmq.POLLIN)
        if self._doorkeeper is not None:
            poller.register(self._doorkeeper.socket, zmq.POLLIN)
        next_look = 0.0
        while not self._is_stopping:
            ready = dict(poller.poll(math.ceil(1000 * self._seconds_to_wait())))
            if self._doorkeeper is not None and self._doorkeeper.socket in ready:
                self._doorkeeper.answer()
            if self._wakers[0].fileno() in ready:
                self._wakers[0].recv(4096)
            if self._socket in ready:
                request = Request(self._socket.recv_multipart())
                if request.text == self.DONE and len(request.body) == 1:
                    self._on_done()
                    self._reply(request, self.CLOSED)
                    return
                answer = self.PONG if request.text == self.PING else self._respond(request)
                if answer is not None:
                    self._reply(request, answer)
            now = time.monotonic()
            self._on_tick(now)
            if self.parent is not None and now >= next_look:
                next_look = now + _LONGEST_WAIT
                if not self.parent.is_alive():
                    self._logger.error("The process that started the server is gone; closing.")
                    return

    def _seconds_to_wait(self) -> float:
        due = self._next_deadline()
        if due is None:
            return _LONGEST_WAIT
        return min(_LONGEST_WAIT, max(0.0, due - time.monotonic()))

    def _respond(self, request: Request) -> str | None:
        """Answer a request; ``None`` if the answer comes later."""
        return f"{protocol.MSG_ERROR}{protocol.DELIMITER}Unknown message {request.text[:200]!r}."

    def _pre_respond_hook(self, response: str) -> bool:
        """Called before every answer; returning false keeps it from being sent."""
        return True

    def _next_deadline(self) -> float | None:
        """When :meth:`_on_tick` is due at the latest, on the monotonic clock."""
        return None

    def _on_tick(self, now: float) -> None:
        """Do what is due; called after every request and when time has passed."""

    def _on_done(self) -> None:
        """Called before the last answer."""

    def _reply(self, request: Request, answer: str) -> bool:
        """Send an answer, and tell whether the client's connection was there to take it."""
        return not self._pre_respond_hook(answer) or self._send(request, answer)

    def _send(self, request: Request, text: str) -> bool:
        """Send a text the way the request came; false if the connection is gone."""
        assert self._socket is not None
        try:
            self._socket.send_multipart([*request.envelope, text.encode()], zmq.NOBLOCK)
        except zmq.Again:
            return True  # It is connected, but reads so slowly that it has to ask again.
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def _close(self) -> None:
        if self._doorkeeper is not None:
            self._doorkeeper.close()
        if self._socket is not None:
            self._socket.close()
        if self._context is not None:
            self._context.term()
        for waker in self._wakers or ():
            waker.close()
        self._doorkeeper = self._socket = self._context = self._wakers = None
