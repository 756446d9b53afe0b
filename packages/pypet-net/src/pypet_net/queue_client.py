"""Putting messages into a queue that another process serves.

Invariant: when ``put`` returns, the server has put the message into its queue, once. Unlike a
queue of :mod:`multiprocessing` the client needs no feeder thread, so a process that is killed
after ``put`` loses nothing.
"""

from __future__ import annotations

import itertools
import queue
from typing import Any

from pypet_multiproc.model import serialization
from pypet_net import protocol
from pypet_net.client import ReliableClient
from pypet_net.keys import ClientKeys, user_keys
from pypet_trajectory.exceptions import PypetRuntimeError

_NUMBER_SIZE = 8


class QueuingClient(ReliableClient):
    """Puts messages into the queue of a server.

    Parameters
    ----------
    url
        Address of the server.
    keys
        The client half of the server's keys; by default those all processes of this user share.
    is_running
        As for :class:`~pypet_net.client.ReliableClient`.
    """

    def __init__(
        self, url: str, *, keys: ClientKeys | None = None, is_running: bool = False
    ) -> None:
        keys = user_keys().client if keys is None else keys
        super().__init__(url, keys=keys, is_running=is_running)
        self._numbers = itertools.count(1)

    def put(self, data: Any, block: bool = True) -> None:
        """Send an object, and wait until the queue has room for it.

        Parameters
        ----------
        data
            What to send; pickled here, unpickled by the server.
        block
            Whether to wait for room.

        Raises
        ------
        queue.Full
            If there is no room and `block` is false.
        ServerSilentError
            If the server does not answer.
        PypetRuntimeError
            If the server cannot rebuild the object.
        """
        if not block and self._ask([protocol.SPACE]).text == protocol.SPACE_NOT_AVAILABLE:
            raise queue.Full(f"The queue at '{self.url}' has no room.")
        self.put_bytes(serialization.dumps(data))

    def put_bytes(self, payload: bytes) -> None:
        """As :meth:`put`, with an object that is pickled already."""
        number = next(self._numbers).to_bytes(_NUMBER_SIZE, "little")
        answer = self._ask(
            [protocol.DATA, number, payload], interim=(protocol.SPACE_NOT_AVAILABLE,)
        )
        if answer.text != protocol.STORING:
            raise PypetRuntimeError(
                f"The queue at '{self.url}' did not take a message of {len(payload)} bytes: "
                f"{answer.text[:500]}"
            )


class ForkAwareQueuingClient(QueuingClient):
    """The name pypet 0.7 gave to a client that may be forked; every client may be by now."""

    def __init__(
        self,
        url: str = "tcp://127.0.0.1:22334",
        *,
        keys: ClientKeys | None = None,
        is_running: bool = False,
    ) -> None:
        super().__init__(url, keys=keys, is_running=is_running)
