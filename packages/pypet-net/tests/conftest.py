"""Servers in threads of the test, closed whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pypet_net.client import ReliableClient
from pypet_net.keys import SessionKeys
from pypet_net.server import ZMQServer


class Served:
    """A server that runs in a thread."""

    def __init__(self, server: ZMQServer, keys: SessionKeys | None) -> None:
        self.server = server
        self.keys = keys
        self.url = server.bind()
        self.thread = threading.Thread(target=server.run, daemon=True)
        self.thread.start()

    def client(self, kind: Callable[..., Any], *args: Any) -> Any:
        return kind(self.url, *args, keys=self.keys.client if self.keys else None)

    def stop(self) -> None:
        if self.thread.is_alive():
            client = self.client(ReliableClient)
            client.send_done()
            client.finalize()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Call with a server class to have one serve at a free port, with fresh keys by default."""
    with ExitStack() as stack:

        def start(kind: Callable[..., Any], *args: Any, secure: bool = True) -> Served:
            keys = SessionKeys.generate() if secure else None
            server = kind("tcp://127.0.0.1:*", *args, keys=keys.server if keys else None)
            served = Served(server, keys)
            stack.callback(served.stop)
            return served

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Call with a served server and a client class to have a client, finalized in the end."""
    with ExitStack() as stack:

        def make(served: Served, kind: Callable[..., Any], *args: Any) -> Any:
            client = served.client(kind, *args)
            stack.callback(client.finalize)
            return client

        yield make
