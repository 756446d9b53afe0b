"""CurveZMQ keys: who may talk to a server, and how a client knows that it is the right one.

Every server of an experiment gets a fresh pair of key pairs, one for itself and one that its
clients share. The client half travels inside the clients' pickles, over the same way the
experiment itself takes; nothing is typed in or configured. Invariant: a secret never shows in
a ``repr``, a log or an error. Unlike a password, a key is never sent to the other side.

:class:`Doorkeeper` lets in clients whose key is known. libzmq asks it on an in-process socket about
every client that wants to connect, after it has proved that it owns its key (ZAP protocol, ZeroMQ
RFC 27). Until it has said yes, no message of that client reaches the server's socket. Unlike
pyzmq's own authenticators it needs neither a thread nor an event loop: the server polls its socket
along with the others.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pypet_trajectory.exceptions import PypetOSError, PypetRuntimeError
from pypet_trajectory.logger import module_logger

if TYPE_CHECKING:
    import zmq

#: Where libzmq asks, and in which version of the protocol.
_ZAP_ADDRESS = "inproc://zeromq.zap.01"
_ZAP_VERSION = b"1.0"

_logger = module_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What a server needs: its own pair, and whom it lets in."""

    #: The server's public key, 40 characters of Z85 text.
    public: str
    #: The server's secret key, likewise.
    secret: str = field(repr=False)
    #: Public keys of clients that may connect.
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a client needs: its own pair, and the server it trusts."""

    #: The client's public key.
    public: str
    #: The client's secret key.
    secret: str = field(repr=False)
    #: Public key of the one server this client talks to.
    server: str


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Both halves for one server and its clients."""

    server: ServerKeys
    client: ClientKeys

    @classmethod
    def generate(cls) -> Self:
        """Make fresh keys.

        Raises
        ------
        PypetRuntimeError
            If this build of ZeroMQ cannot encrypt.
        """
        import zmq

        if not zmq.has("curve"):
            raise PypetRuntimeError(
                "Servers authenticate their clients with CurveZMQ, but ZeroMQ "
                f"{zmq.zmq_version()} was built without it. Install a wheel of pyzmq from PyPI, "
                "or build libzmq with libsodium."
            )
        public, secret = (key.decode("ascii") for key in zmq.curve_keypair())
        client_public, client_secret = (key.decode("ascii") for key in zmq.curve_keypair())
        return cls(
            ServerKeys(public, secret, frozenset({client_public})),
            ClientKeys(client_public, client_secret, public),
        )


def user_keys(folder: str | os.PathLike[str] | None = None) -> SessionKeys:
    """Keys that all processes of one user share, kept in a private folder.

    For servers and clients that are made separately and have no other way to agree on keys.

    Parameters
    ----------
    folder
        Where the file ``pypet-net.keys`` lies, ``~/.pypet`` if not given. A home folder that
        several machines share makes them trust each other.

    Raises
    ------
    PypetOSError
        If others can read the file, or it is damaged.
    """
    path = Path(folder if folder is not None else Path.home() / ".pypet") / "pypet-net.keys"
    if not path.exists():
        _write_once(path, SessionKeys.generate())
    return _read(path)


def _write_once(path: Path, keys: SessionKeys) -> None:
    """Create the file unless another process has just done so; it is never seen incomplete."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        server, client = asdict(keys.server), asdict(keys.client)
        file.write(f"{server['public']} {server['secret']} {client['public']} {client['secret']}\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # The other process was first, and its keys are as good as ours.
    finally:
        os.unlink(temporary)


def _read(path: Path) -> SessionKeys:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise PypetOSError(
            f"Keys must be readable by their owner only, but '{path}' has mode "
            f"{path.stat().st_mode & 0o777:03o}. Delete it to have new keys made."
        )
    parts = path.read_text(encoding="ascii").split()
    if [len(part) for part in parts] != [40, 40, 40, 40]:
        raise PypetOSError(
            f"'{path}' should hold four keys of 40 characters, but does not. Delete it to have "
            "new keys made."
        )
    public, secret, client_public, client_secret = parts
    return SessionKeys(
        ServerKeys(public, secret, frozenset({client_public})),
        ClientKeys(client_public, client_secret, public),
    )


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
        self.socket.bind(_ZAP_ADDRESS)

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
        self.socket.send_multipart([_ZAP_VERSION, request_id, status, text, user, b""])

    def _is_welcome(self, frames: list[bytes]) -> bool:
        # version, request id, domain, address, identity, mechanism, then the credentials
        return (
            len(frames) == 7
            and frames[0] == _ZAP_VERSION
            and frames[5] == b"CURVE"
            and frames[6] in self._allowed
        )

    def close(self) -> None:
        """Close the socket; no client is let in any more."""
        self.socket.close()
