"""Locks for processes that share nothing but a network.

The rules are :class:`~pypet_net.lock_table.LockTable`'s; this module adds sockets, the clock
and the question whether a client is still there. Invariant: a lock whose holder is gone becomes
free, even without a timeout. That a holder is gone is known within a tenth of a second if it
ran on the server's machine (its process has ended), and after `LEASE` seconds without a
connection if it ran elsewhere. Unlike a lock in shared memory, it so survives a client that is
killed while it writes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from pypet_net import protocol
from pypet_net.keys import ServerKeys
from pypet_net.lock_table import LockTable
from pypet_net.protocol import ClientIdentity, LockRequest
from pypet_net.server import ProcessWatch, Request, ZMQServer

#: Seconds between two looks at the holders of locks that a client waits for.
_CHECK_INTERVAL = 0.1

#: Seconds between two tests of a connection.
_PROBE_INTERVAL = 1.0

#: Seconds after which a waiting client is told that it still waits.
_WAIT_INTERVAL = 1.0


@dataclass(slots=True)
class _Presence:
    """What is known about the presence of one client."""

    #: Its latest request, which leads back to it.
    request: Request
    #: Its process, if that can be seen from here.
    process: ProcessWatch | None
    #: When to test its connection next.
    next_probe: float = 0.0
    #: Since when its connection is gone; ``None`` while it stands.
    lost_since: float | None = None


class LockerServer(ZMQServer):
    """Gives every lock to one client at a time.

    Parameters
    ----------
    url, keys
        As for :class:`~pypet_net.server.ZMQServer`.
    """

    LOCK = protocol.LOCK
    UNLOCK = protocol.UNLOCK
    GO = protocol.GO
    WAIT = protocol.WAIT
    RELEASED = protocol.RELEASED
    LOCK_ERROR = protocol.LOCK_ERROR
    RELEASE_ERROR = protocol.RELEASE_ERROR
    MSG_ERROR = protocol.MSG_ERROR
    DEFAULT_LOCK = protocol.DEFAULT_LOCK
    DELIMITER = protocol.DELIMITER

    #: A holder on another machine loses its locks after so many seconds without a connection.
    LEASE = 10.0

    def __init__(
        self, url: str = "tcp://127.0.0.1:7777", *, keys: ServerKeys | None = None
    ) -> None:
        super().__init__(url, keys=keys)
        self._table = LockTable()
        self._presences: dict[str, _Presence] = {}
        self._next_check = 0.0
        self._next_wait = 0.0

    @property
    def _locks(self) -> dict[str, tuple[str, str]]:
        """Holder and granted request of each lock that is held."""
        return {name: (each.client, each.request) for name, each in self._table.holders.items()}

    def _respond(self, request: Request) -> str | None:
        try:
            asked = LockRequest.decode(request.text)
        except ValueError as error:
            return f"{self.MSG_ERROR}{self.DELIMITER}{error}"
        now = time.monotonic()
        self._note_presence(asked.client, request)
        match asked.command:
            case self.LOCK:
                return self._table.lock(asked.lock_name, asked.client, asked.request, now)
            case protocol.LOCK_OR_WAIT:
                return self._table.lock_or_wait(asked.lock_name, asked.client, asked.request, now)
            case self.UNLOCK:
                return self._table.unlock(asked.lock_name, asked.client, asked.request)
            case command:
                return f"{self.MSG_ERROR}{self.DELIMITER}Unknown command {command[:200]!r}."

    def _note_presence(self, client: str, request: Request) -> None:
        known = self._presences.get(client)
        if known is not None:
            known.request, known.lost_since = request, None
            return
        identity = ClientIdentity.decode(client)
        # Clients with other texts for a name are taken as always present.
        if identity is not None:
            here = identity.is_on_this_machine
            process = ProcessWatch(identity.pid) if here else None
            self._presences[client] = _Presence(request, process)

    def _next_deadline(self) -> float | None:
        if not self._table.waiting:
            return None
        due = min(self._next_check, self._next_wait)
        overdue = self._table.next_deadline()
        return due if overdue is None else min(due, overdue)

    def _on_tick(self, now: float) -> None:
        if now >= self._next_check:
            self._next_check = now + _CHECK_INTERVAL
            self._evict_absent(now)
        self._answer_waiting(now)
        if now >= self._next_wait:
            self._next_wait = now + _WAIT_INTERVAL
            for queue in self._table.waiting.values():
                for client in queue:
                    self._tell(client, self.WAIT)

    def _answer_waiting(self, now: float) -> None:
        while grants := self._table.grant_waiting(now):
            # A client that cannot be told has no use for the lock: on to the next one.
            unreached = [client for _, client, answer in grants if not self._tell(client, answer)]
            for client in unreached:
                self._forget(client)

    def _tell(self, client: str, answer: str) -> bool:
        presence = self._presences.get(client)
        return presence is None or self._reply(presence.request, answer)

    def _evict_absent(self, now: float) -> None:
        """Take locks from holders that are gone, and forget clients that want nothing."""
        holding = {holder.client for holder in self._table.holders.values()}
        waiting = {client for queue in self._table.waiting.values() for client in queue}
        for client in list(self._presences):
            if client not in holding and client not in waiting:
                del self._presences[client]
            elif not self._is_present(client, now, holds=client in holding):
                for name in self._forget(client):
                    self._logger.error(
                        "Freed lock '%s', since its holder %s is gone. What it was writing may be "
                        "incomplete.",
                        name,
                        client,
                    )

    def _is_present(self, client: str, now: float, *, holds: bool) -> bool:
        presence = self._presences[client]
        if presence.process is not None:
            return presence.process.is_alive()
        if not holds:
            return True  # Found out when it is its turn and cannot be told.
        if now >= presence.next_probe:
            presence.next_probe = now + _PROBE_INTERVAL
            if self._send(presence.request, protocol.STILL_THERE):
                presence.lost_since = None
            elif presence.lost_since is None:
                presence.lost_since = now
        return presence.lost_since is None or now - presence.lost_since < self.LEASE

    def _forget(self, client: str) -> list[str]:
        self._presences.pop(client, None)
        return self._table.evict(client)


class TimeOutLockerServer(LockerServer):
    """Also takes a lock from a client that holds it too long, when another one asks for it.

    Parameters
    ----------
    url, keys
        As for :class:`~pypet_net.server.ZMQServer`.
    timeout
        How long, in seconds, a client may hold a lock that others want.
    """

    def __init__(self, url: str, timeout: float, *, keys: ServerKeys | None = None) -> None:
        super().__init__(url, keys=keys)
        self._timeout = timeout
        self._table = LockTable(timeout)
