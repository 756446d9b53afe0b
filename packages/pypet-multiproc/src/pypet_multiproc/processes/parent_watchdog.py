"""How a helper process learns that it must end, and how it avoids ending at the wrong moment.

Every child holds the reading end of a pipe whose other end only the main process has. When the
main process dies, however that happens, the pipe ends and so does the child; a message on the
pipe asks it to end at once. A thread watches, so neither a run that never returns nor one that
blocks all signals keeps its process alive.

Invariant: a process never ends this way while it is inside :data:`storing`, so a file is not
left half written. A SIGKILL from outside is the one thing no guard can help against.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

#: Exit code of a child that was asked to end or lost its parent.
ENDED = 113

#: Message that asks the child to end.
END = b"end"


class StoringGuard:
    """Held while data is being written; a process is not ended meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Forget holders that live in another process."""
        self._lock = threading.RLock()


storing = StoringGuard()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=storing.renew)


def watch(connection: Connection, orphaned: Callable[[], None] | None = None) -> threading.Thread:
    """End this process when the other end of `connection` closes or says so.

    Returns the thread that watches.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
        Reading end of the pipe to the main process.
    orphaned : callable, optional
        Called before this process ends because the main process is gone.
    """
    thread = threading.Thread(
        target=_watch, args=(connection, orphaned), name="parent watchdog", daemon=True
    )
    thread.start()
    return thread


def _watch(connection: Connection, orphaned: Callable[[], None] | None) -> None:
    try:
        asked = connection.recv_bytes() == END
    except (EOFError, OSError):
        asked = False
    with storing:
        try:
            if not asked and orphaned is not None:
                orphaned()
        finally:
            os._exit(ENDED)
