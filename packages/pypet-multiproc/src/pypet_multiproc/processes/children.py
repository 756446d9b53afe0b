"""Child processes: started the same way everywhere, and ended when the process above is gone.

Fork is the default where there is one, because run functions of pypet 0.7 rely on inheriting what
cannot be pickled; Python 3.14 has another default, and nothing here changes the global one.

Every child holds the reading end of a pipe whose other end only the main process has. When the
main process dies, however that happens, the pipe ends and so does the child; a message on the
pipe asks it to end at once. A thread watches, so neither a run that never returns nor one that
blocks all signals keeps its process alive.

Invariant: a process never ends this way while it is inside :data:`storing`, so a file is not
left half written. A SIGKILL from outside is the one thing no guard can help against.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any

from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_trajectory.api.service import StorageService


def default_start_method() -> str:
    """``'fork'`` where the system has it, else ``'spawn'``."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


def process_context(start_method: str) -> Any:
    """The context of :mod:`multiprocessing` that starts processes.

    The server that forks for ``'forkserver'`` imports pypet and the storage services that are in
    use once; each process would do so anew otherwise, and that takes longer than a fork. Modules
    of users are not among it: whether they may be imported where others fork, only users know.
    """
    context: Any = multiprocessing.get_context(start_method)
    if start_method == "forkserver":
        wanted = {"pypet"} & sys.modules.keys() | _modules_of_services(StorageService)
        context.set_forkserver_preload(
            ["__main__", "pypet_multiproc.backends.workers", *sorted(wanted)]
        )
    return context


def _modules_of_services(service_class: type[StorageService]) -> set[str]:
    """Modules of pypet that define storage services."""
    modules = {service_class.__module__}
    for subclass in service_class.__subclasses__():
        modules |= _modules_of_services(subclass)
    return {name for name in modules if name.startswith("pypet_")}


def start_quietly(process: BaseProcess) -> None:
    """Start a process.

    Python 3.12 warns of forking beside threads and counts those of numerical libraries, which are
    idle at that moment and stay behind in the parent.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        spawned = isinstance(process, SpawnProcess)
        with sigint_handling.held_back() if spawned else sigint_handling.passed_on():
            process.start()


def watch_end(process: BaseProcess) -> int:
    """A file descriptor that becomes readable when the process has ended.

    Where the kernel offers process descriptors, these are used: the sentinel of ``multiprocessing``
    is a pipe, which children of a killed process would keep open. To be closed by the caller
    unless it is the sentinel.
    """
    if hasattr(os, "pidfd_open") and process.pid is not None:
        try:
            return os.pidfd_open(process.pid)
        except OSError:
            return process.sentinel
    return process.sentinel


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
