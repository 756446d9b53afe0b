"""Waiting for many things at once.

On POSIX systems a selector does it, which stays registered and costs microseconds. Windows can
select sockets only; there the waiting of :mod:`multiprocessing.connection` takes its place, which
knows pipes, connected sockets and the ends of processes, but no socket that others connect to.
"""

from __future__ import annotations

import selectors
import sys
from multiprocessing import connection
from typing import Any, Protocol


class Waiter(Protocol):
    """Something that waits for registered objects to become readable."""

    def register(self, fileobj: Any, data: Any) -> None:
        """Wait for this object, too."""

    def unregister(self, fileobj: Any) -> None:
        """Wait for it no longer; nothing happens if it is not registered."""

    def wait(self, timeout: float | None) -> list[tuple[Any, Any]]:
        """Objects that are readable with their data, after at most `timeout` seconds."""

    def close(self) -> None:
        """Forget everything."""


class SelectorWaiter:
    """Waits with a selector."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fileobj: Any, data: Any) -> None:
        """Wait for this object, too."""
        self._selector.register(fileobj, selectors.EVENT_READ, data)

    def unregister(self, fileobj: Any) -> None:
        """Wait for it no longer."""
        if fileobj in self._selector.get_map():
            self._selector.unregister(fileobj)

    def wait(self, timeout: float | None) -> list[tuple[Any, Any]]:
        """Objects that are readable with their data."""
        return [(key.fileobj, key.data) for key, _ in self._selector.select(timeout)]

    def close(self) -> None:
        """Forget everything."""
        self._selector.close()


class ConnectionWaiter:
    """Waits with :func:`multiprocessing.connection.wait`."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[Any, Any, Any]] = {}

    def register(self, fileobj: Any, data: Any) -> None:
        """Wait for this object, too."""
        waitable = getattr(fileobj, "channel", fileobj)
        self._objects[id(fileobj)] = waitable, fileobj, data

    def unregister(self, fileobj: Any) -> None:
        """Wait for it no longer."""
        self._objects.pop(id(fileobj), None)

    def wait(self, timeout: float | None) -> list[tuple[Any, Any]]:
        """Objects that are readable with their data."""
        registered = list(self._objects.values())
        readable = connection.wait([waitable for waitable, _, _ in registered], timeout)
        return [(fileobj, data) for waitable, fileobj, data in registered if waitable in readable]

    def close(self) -> None:
        """Forget everything."""
        self._objects.clear()


def make_waiter() -> Waiter:
    """The waiter for this system."""
    return ConnectionWaiter() if sys.platform == "win32" else SelectorWaiter()
