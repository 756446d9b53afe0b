"""A server in a process of its own, from its birth to its certain end.

The address is bound in the new process and reported back, so there is no moment at which
another program could take a port that was only looked up. Invariant: the process ends with
:meth:`ServerProcess.stop`, and also if the process that started it dies in whatever way.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from pypet_multiproc.processes.children import default_start_method, process_context, start_quietly
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_net.client import ReliableClient, ServerSilentError
from pypet_net.keys import ClientKeys
from pypet_net.server import ProcessWatch, ZMQServer
from pypet_trajectory.exceptions import PypetRuntimeError

#: Seconds a server has to report its address; importing everything may take a while.
_START_TIMEOUT = 60.0


class _ImpatientClient(ReliableClient):
    """Gives up after four seconds: a server that does not listen is ended by force."""

    RETRIES = 2
    TIMEOUT = 2000


class ServerProcess:
    """Starts a server, knows where it listens and whether it lives, and stops it.

    Parameters
    ----------
    make_server
        Makes the server from a url, in the new process; picklable unless processes are forked.
    urls
        Addresses to try until one is free.
    keys
        Keys of the clients, to tell the server that it is done.
    name
        Name of the process.
    start_method
        ``'fork'``, ``'spawn'`` or ``'forkserver'``; ``None``: fork where there is one.
    initializer
        Called in the new process before anything else, for instance to set up logging.
    """

    def __init__(
        self,
        make_server: Callable[[str], ZMQServer],
        urls: Sequence[str],
        *,
        keys: ClientKeys | None = None,
        name: str = "LockServer",
        start_method: str | None = None,
        initializer: Callable[[], None] | None = None,
    ) -> None:
        self._make_server = make_server
        self._urls = tuple(urls)
        self._keys = keys
        self._name = name
        self._start_method = start_method
        self._initializer = initializer
        self._process: BaseProcess | None = None
        #: Where the server listens; ``''`` before it does.
        self.url = ""

    def start(self) -> str:
        """Start the server and return its url.

        Raises
        ------
        PypetRuntimeError
            If no address is free, or the process ends or hangs while starting.
        """
        context = process_context(self._start_method or default_start_method())
        reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_serve,
            args=(self._make_server, self._urls, writer, os.getpid(), self._initializer),
            name=self._name,
            daemon=True,
        )
        with reader:
            start_quietly(self._process)
            writer.close()
            succeeded, text = self._first_words(reader)
        if not succeeded:
            self._end()
            raise PypetRuntimeError(f"The process '{self._name}' cannot start: {text}")
        self.url = text
        return text

    def is_alive(self) -> bool:
        """Whether the process of the server runs."""
        return self._process is not None and self._process.is_alive()

    @property
    def exitcode(self) -> int | None:
        """How the process ended; ``None`` while it runs or before it was started."""
        return None if self._process is None else self._process.exitcode

    @property
    def sentinel(self) -> int | None:
        """A handle that becomes ready when the process ends."""
        return None if self._process is None else self._process.sentinel

    def stop(self, timeout: float = 10.0) -> None:
        """End the server: by asking, and after `timeout` seconds by force; idempotent.

        Once it is asked, a server may finish what it has accepted.
        """
        if self._process is None:
            return
        if self._process.is_alive():
            client = _ImpatientClient(self.url, keys=self._keys)
            with contextlib.suppress(ServerSilentError):
                client.send_done()
                self._process.join(timeout)
            client.finalize()
        self._end()

    def _first_words(self, reader: Connection) -> tuple[bool, str]:
        try:
            if not reader.poll(_START_TIMEOUT):
                return False, f"it gave no sign of life for {_START_TIMEOUT:g} s."
            succeeded, text = reader.recv()
        except EOFError:
            return False, "it ended before it was ready; its error is on stderr and in the logs."
        return succeeded, text

    def _end(self) -> None:
        assert self._process is not None
        if self._process.is_alive():
            self._process.kill()  # It ignores everything milder.
        self._process.join()


def _serve(
    make_server: Callable[[str], ZMQServer],
    urls: Sequence[str],
    writer: Connection,
    parent: int,
    initializer: Callable[[], None] | None,
) -> None:
    """Body of the new process."""
    # Ctrl-C reaches the whole group of processes. The main process decides what it means; the
    # server is needed until the last client has finished.
    sigint_handling.ignore()
    with writer:
        watch = ProcessWatch(parent)
        if initializer is not None:
            initializer()
        reason = "there is no address to try."
        for url in urls:
            server = make_server(url)
            server.parent = watch
            try:
                bound = server.bind()
            except PypetRuntimeError as error:
                reason = str(error)
                continue
            writer.send((True, bound))
            break
        else:
            writer.send((False, reason))
            return
    server.run()
