"""Who holds which lock and who waits for it: rules only, no sockets and no clock.

Requests go in, answers and grants come out, the time is an argument; the server around it does
the talking. Invariants: a lock has at most one holder, and who waits longest is next.
Unlike a mutex, a lock can be taken away from its holder, by time or because the holder died;
the former holder learns it when it releases.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pypet_net import protocol
from pypet_net.protocol import DELIMITER


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock."""

    client: str
    #: The request that was granted.
    request: str
    #: When, in the seconds of whatever clock the caller uses.
    since: float


@dataclass(slots=True)
class LockTable:
    """All locks of a server.

    Parameters
    ----------
    timeout
        A lock held longer, in seconds, goes to the client that asks next. ``None``: never.
    """

    timeout: float | None = None
    holders: dict[str, Holder] = field(default_factory=dict)
    #: For each lock its waiting clients, first come first, with their requests.
    waiting: dict[str, dict[str, str]] = field(default_factory=dict)

    def lock(self, name: str, client: str, request: str, now: float) -> str:
        """Ask for a lock without waiting; answers ``GO``, ``WAIT`` or ``LOCK_ERROR``."""
        holder = self.holders.get(name)
        if holder is not None and holder.client == client:
            return (
                f"{protocol.LOCK_ERROR}{DELIMITER}"
                f"Client {client} asked for lock '{name}' with request {request}, but holds it "
                f"already since request {holder.request}."
            )
        first = next(iter(self.waiting.get(name, ())), client)
        if holder is None and first == client:
            return self._grant(name, client, request, now)
        if holder is not None and first == client and self._is_overdue(holder, now):
            return (
                f"{self._grant(name, client, request, now)}{DELIMITER}"
                f"Lock '{name}' was taken from {holder.client}, which held it for "
                f"{now - holder.since:.3f} s; the limit is {self.timeout} s."
            )
        return protocol.WAIT

    def lock_or_wait(self, name: str, client: str, request: str, now: float) -> str:
        """Ask for a lock and, on ``WAIT``, queue for it; keeps its place when asked again."""
        answer = self.lock(name, client, request, now)
        if answer == protocol.WAIT:
            self.waiting.setdefault(name, {})[client] = request
        return answer

    def unlock(self, name: str, client: str, request: str) -> str:
        """Give a lock back, or stop waiting for it; ``RELEASED`` or ``RELEASE_ERROR``."""
        holder = self.holders.get(name)
        if holder is not None and holder.client == client:
            del self.holders[name]
            return protocol.RELEASED
        if self._stop_waiting(name, client):
            return protocol.RELEASED
        owner = "is free" if holder is None else f"is held by {holder.client}"
        return (
            f"{protocol.RELEASE_ERROR}{DELIMITER}"
            f"Client {client} wanted to release lock '{name}' with request {request}, but the "
            f"lock {owner}."
        )

    def grant_waiting(self, now: float) -> list[tuple[str, str, str]]:
        """Give every free or overdue lock to the client that waits for it longest.

        Returns
        -------
        list
            Name of the lock, its new holder, and the answer to be sent to that client.
        """
        grants = []
        for name in list(self.waiting):
            client, request = next(iter(self.waiting[name].items()))
            answer = self.lock(name, client, request, now)
            if answer.startswith(protocol.GO):
                grants.append((name, client, answer))
        return grants

    def evict(self, client: str) -> list[str]:
        """Forget a client; returns the names of the locks that became free."""
        freed = [name for name, holder in self.holders.items() if holder.client == client]
        for name in freed:
            del self.holders[name]
        for name in list(self.waiting):
            self._stop_waiting(name, client)
        return freed

    def next_deadline(self) -> float | None:
        """When the next lock that a client waits for becomes overdue; ``None`` if never."""
        if self.timeout is None:
            return None
        moments = [self.holders[name].since for name in self.waiting if name in self.holders]
        return min(moments) + self.timeout if moments else None

    def _grant(self, name: str, client: str, request: str, now: float) -> str:
        self.holders[name] = Holder(client, request, now)
        self._stop_waiting(name, client)
        return protocol.GO

    def _stop_waiting(self, name: str, client: str) -> bool:
        queue = self.waiting.get(name, {})
        found = queue.pop(client, None) is not None
        if found and not queue:
            del self.waiting[name]
        return found

    def _is_overdue(self, holder: Holder, now: float) -> bool:
        return self.timeout is not None and now - holder.since >= self.timeout
