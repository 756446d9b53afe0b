"""Letting in clients whose key is known: the ZAP protocol (ZeroMQ RFC 27), as one small object.

libzmq asks on an in-process socket about every client that wants to connect, after it has
proved that it owns its key. :class:`Doorkeeper` answers. Invariant: until it has said yes, no
message of that client reaches the server's socket. Unlike pyzmq's own authenticators it needs
neither a thread nor an event loop: the server polls its socket along with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet_trajectory.logger import module_logger

if TYPE_CHECKING:
    import zmq

    from pypet_net.keys import ServerKeys

_ADDRESS = "inproc://zeromq.zap.01"
_VERSION = b"1.0"

_logger = module_logger(__name__)


class Doorkeeper:
    """Decides which clients may connect to the sockets of one context.

    Parameters
    ----------
    context
        The server's context; the doorkeeper must be there before a socket of it binds.
    keys
        Whose ``allowed`` keys are let in.
    """

    def __init__(self, context: zmq.Context[Any], keys: ServerKeys) -> None:
        import zmq
        from zmq.utils import z85

        self._allowed = {z85.decode(key) for key in keys.allowed}
        #: To be polled for input; then call :meth:`answer`.
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(_ADDRESS)

    def answer(self) -> None:
        """Answer one question that is waiting."""
        frames: list[bytes] = self.socket.recv_multipart()
        request_id = frames[1] if len(frames) > 1 else b""
        if self._is_welcome(frames):
            status, text, user = b"200", b"OK", b"client"
        else:
            status, text, user = b"400", b"unknown key", b""
            address = frames[3].decode("ascii", "replace") if len(frames) > 3 else "unknown"
            _logger.warning("Refused a client at %s: its key is not allowed.", address)
        self.socket.send_multipart([_VERSION, request_id, status, text, user, b""])

    def _is_welcome(self, frames: list[bytes]) -> bool:
        # version, request id, domain, address, identity, mechanism, then the credentials
        return (
            len(frames) == 7
            and frames[0] == _VERSION
            and frames[5] == b"CURVE"
            and frames[6] in self._allowed
        )

    def close(self) -> None:
        """Close the socket; no client is let in any more."""
        self.socket.close()
