"""What servers and clients say to each other: short texts, the same as in pypet 0.7.

A lock request is four fields joined by ``:::``: command, name of the lock, client, request. All
answers are one word, some followed by ``:::`` and a text for people. Invariant: nothing in here
is ever evaluated or unpickled. New against 0.7 is `LOCK_OR_WAIT`: the server answers when the
lock is free, instead of being asked a hundred times a second.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Self

from pypet_trajectory.exceptions import PypetValueError

DELIMITER = ":::"
DEFAULT_LOCK = "_DEFAULT_"

# Said by all servers and clients.
PING = "PING"
PONG = "PONG"
DONE = "DONE"
CLOSED = "CLOSED"
MSG_ERROR = "MSG_ERROR"

# Locks: commands, then answers.
LOCK = "LOCK"
LOCK_OR_WAIT = "LOCK_OR_WAIT"
UNLOCK = "UNLOCK"
GO = "GO"
WAIT = "WAIT"
RELEASED = "RELEASED"
LOCK_ERROR = "LOCK_ERROR"
RELEASE_ERROR = "RELEASE_ERROR"
#: Sent to the holder of a lock to learn whether its connection stands; needs no answer.
STILL_THERE = "STILL_THERE"

# Queues: commands, then answers.
SPACE = "SPACE"
DATA = "DATA"
SPACE_AVAILABLE = "SPACE_AVAILABLE"
SPACE_NOT_AVAILABLE = "SPACE_NOT_AVAILABLE"
STORING = "STORING"


@cache
def _host_name() -> str:
    """Full name of this machine; asking for it may take a look-up in the network."""
    return socket.getfqdn()


@cache
def machine_token() -> str:
    """Eight digits that two processes share if and only if one can see the other's number.

    Containers on one host may share their host's name but not their process numbers; on Linux
    the token therefore covers the boot and the namespace of process numbers.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts = [file.read(), os.readlink("/proc/self/ns/pid")]
    except OSError:
        parts = [socket.gethostname(), str(uuid.getnode())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class LockRequest:
    """One question to a lock server."""

    command: str
    lock_name: str
    #: Text of a :class:`ClientIdentity`, or any text that tells clients apart.
    client: str
    #: Tells the requests of one client apart.
    request: str

    def encode(self) -> str:
        """The request as text."""
        return DELIMITER.join((self.command, self.lock_name, self.client, self.request))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a request.

        Raises
        ------
        PypetValueError
            If it does not have four fields.

        Examples
        --------
        >>> LockRequest.decode("LOCK:::_DEFAULT_:::node1__42:::1").client
        'node1__42'
        """
        parts = text.split(DELIMITER)
        if len(parts) != 4:
            raise PypetValueError(
                f"A lock request has 4 fields separated by '{DELIMITER}', but this one has "
                f"{len(parts)}: {text[:200]!r}."
            )
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """Which client of which process on which machine."""

    host: str = field(default_factory=_host_name)
    pid: int = field(default_factory=os.getpid)
    #: See :func:`machine_token`.
    machine: str = field(default_factory=machine_token)
    #: Tells clients of one process apart.
    unique: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the number of its process means something here."""
        return self.machine == machine_token()

    def encode(self) -> str:
        """The identity as text."""
        return "__".join((self.host, str(self.pid), self.machine, self.unique))

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Read an identity; ``None`` if it is another kind of text.

        Examples
        --------
        >>> ClientIdentity.decode("node1__42__5f3a9c01__1b9d6bcd").pid
        42
        >>> ClientIdentity.decode("node1__42") is None
        True
        """
        parts = text.rsplit("__", 3)
        if len(parts) != 4 or not parts[1].isdecimal():
            return None
        host, pid, machine, unique = parts
        return cls(host, int(pid), machine, unique)
