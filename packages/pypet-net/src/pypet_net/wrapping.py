"""NETLOCK and NETQUEUE: concurrent runs that share only a network, as two wrap modes.

Both are the local wrap modes with another carrier. NETLOCK is LOCK with a lock that a server gives
out, so every process still stores and loads by itself. NETQUEUE is QUEUE with a source of messages
that other machines can reach, so only the writer touches the file. They settle outcomes, and
treat a run whose process dies, as the local ones do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pypet_multiproc.model import serialization
from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.transport.messages import Message, MessageSource
from pypet_multiproc.wrapping.base import WrapModeFactory, WrapSettings
from pypet_multiproc.wrapping.lock import LockWrap
from pypet_multiproc.wrapping.services import StoringOnly
from pypet_multiproc.wrapping.through_writer import WriterWrap
from pypet_net.addresses import candidate_urls
from pypet_net.keys import SessionKeys
from pypet_net.lock_client import LockerClient
from pypet_net.lock_server import LockerServer, TimeOutLockerServer
from pypet_net.queue_client import QueuingClient
from pypet_net.queue_source import NetQueueSource, with_token
from pypet_net.server import ZMQServer
from pypet_net.serving import ServerProcess
from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetRuntimeError


class LockServerDiedError(PypetRuntimeError):
    """The lock server is gone, so runs can store no more."""


class NetLockWrap(LockWrap):
    """Lets processes on any machine that reaches the server store and load in turn.

    A lock is freed when its holder dies, and, if ``settings.timeout`` is given, when another
    process has waited for it that long.
    """

    name: ClassVar[str] = constants.WRAP_MODE_NETLOCK

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._server: ServerProcess | None = None

    @property
    def url(self) -> str | None:
        """Address of the lock server, ``None`` unless it runs."""
        return None if self._server is None else self._server.url

    def _make_lock(self) -> Any:
        if self.settings.resource is not None:
            return self.settings.resource
        keys = SessionKeys.generate()
        make: Callable[[str], ZMQServer] = partial(LockerServer, keys=keys.server)
        if self.settings.timeout is not None:
            make = partial(TimeOutLockerServer, timeout=self.settings.timeout, keys=keys.server)
        manager = self.settings.logging_manager
        self._server = ServerProcess(
            make,
            candidate_urls(self.settings.port),
            keys=keys.client,
            start_method=self.settings.start_method,
            initializer=None if manager is None else partial(_set_up_logging, manager),
        )
        return LockerClient(self._server.start(), keys=keys.client, is_running=True)

    def before_process_start(self) -> None:
        """Disconnect, so that no connection is inherited."""
        if isinstance(self.lock, LockerClient) and not self._started.is_locked:
            self.lock.finalize()

    def waitables(self) -> Sequence[Any]:
        """The end of the server."""
        sentinel = None if self._server is None else self._server.sentinel
        return () if sentinel is None else (sentinel,)

    def failure(self) -> BaseException | None:
        """The end of the server, if it came unexpectedly."""
        if self._server is None or self._server.is_alive():
            return None
        return LockServerDiedError(
            f"The lock server at '{self._server.url}' has ended with exit code "
            f"{self._server.exitcode}. What runs have stored is there; the others count as open."
        )

    def finalize(self) -> None:
        """Disconnect and stop the server."""
        lock = self.lock
        super().finalize()
        if self._server is not None:
            if isinstance(lock, LockerClient):
                lock.finalize()
            self._server.stop()
            self._server = None


class NetQueueSender(StoringOnly):
    """Sends what runs store to a writer anywhere in the network.

    Parameters
    ----------
    client
        Takes the messages.
    by_delta
        Whether the service at the other end writes records.
    """

    def __init__(self, client: QueuingClient, by_delta: bool = True) -> None:
        super().__init__(by_delta)
        self.queue = client
        self._token = 0
        self._sent = 0

    def begin_run(self, idx: int, token: int) -> None:
        """Attribute messages to this attempt."""
        super().begin_run(idx, token)
        self._token, self._sent = token, 0

    def end_run(self, outcome: RunOutcome) -> None:
        """Tell how many messages there were."""
        super().end_run(outcome)
        outcome.token, outcome.sent = self._token, self._sent
        self._token = self._sent = 0

    def send(self, message: Message) -> None:
        self.queue.put_bytes(with_token(self._token, serialization.dumps(message)))
        self._sent += 1


class NetQueueWrap(WriterWrap):
    """Sends data from any machine to one writer process."""

    name: ClassVar[str] = constants.WRAP_MODE_NETQUEUE
    process_name = "QueuingServerProcess"

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._client: QueuingClient | None = None

    @property
    def url(self) -> str | None:
        """Where the writer listens, ``None`` unless started."""
        return None if self._client is None else self._client.url

    @property
    def queue(self) -> QueuingClient | None:
        """What runs put messages into, ``None`` unless started."""
        return self._client

    def _make_source(self) -> MessageSource:
        return NetQueueSource(self.settings.port, self.settings.queue_maxsize)

    def _make_sender(self, source: Any, by_delta: bool) -> NetQueueSender:
        client: QueuingClient = source.client()
        self._client = client
        return NetQueueSender(client, by_delta)

    def before_process_start(self) -> None:
        """Disconnect, so that no connection is inherited."""
        if self._client is not None:
            self._client.finalize()

    def _close_sender(self) -> None:
        if self._client is not None:
            self._client.finalize()
            self._client = None


#: To be added to the wrap modes of :mod:`pypet_multiproc.engine`.
WRAP_MODES: Mapping[str, WrapModeFactory] = {
    wrap.name: wrap for wrap in (NetLockWrap, NetQueueWrap)
}


def _set_up_logging(manager: Any) -> None:
    manager.make_logging_handlers_and_tools(multiproc=True)
