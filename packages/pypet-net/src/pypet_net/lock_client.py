"""Holding a lock that a server gives out.

Invariant: while ``acquire`` has returned and ``release`` was not called, no other client holds
the lock, unless this one was silent or slow for longer than the server allows; then ``release``
says so. Unlike a lock of :mod:`multiprocessing`, it can be pickled, forked and used on another
machine, and is never "held for ever" by a process that is gone.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from types import TracebackType
from typing import Any, Self

from pypet_net import protocol
from pypet_net.client import Answer, ReliableClient
from pypet_net.keys import ClientKeys
from pypet_net.protocol import DEFAULT_LOCK, DELIMITER, LockRequest
from pypet_trajectory.exceptions import PypetRuntimeError, PypetValueError


class LockLostError(PypetRuntimeError):
    """A lock was taken away before it was released."""


class LockerClient(ReliableClient):
    """Acquires and releases one lock.

    Parameters
    ----------
    url, keys, is_running
        As for :class:`~pypet_net.client.ReliableClient`.
    lock_name
        Which lock of the server.

    Examples
    --------
    With a server at this address, in any process::

        with LockerClient("tcp://127.0.0.1:7777") as lock:
            ...  # no other client is here
    """

    def __init__(
        self,
        url: str = "tcp://127.0.0.1:7777",
        lock_name: str = DEFAULT_LOCK,
        *,
        keys: ClientKeys | None = None,
        is_running: bool = False,
    ) -> None:
        super().__init__(url, keys=keys, is_running=is_running)
        if DELIMITER in lock_name:
            raise PypetValueError(
                f"The name of a lock must not contain '{DELIMITER}', but it is {lock_name!r}."
            )
        self.lock_name = lock_name
        self._is_held = False
        self._numbers = itertools.count(1)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"lock_name": self.lock_name}

    def start(self, test_connection: bool = True) -> None:
        """Connect as :meth:`ReliableClient.start`; a forked child does not hold the lock."""
        if self._has_forked():
            self._is_held = False
        super().start(test_connection)

    def acquire(self) -> bool:
        """Wait for the lock, first come first served; returns true.

        Raises
        ------
        PypetRuntimeError
            If this client holds the lock already.
        ServerSilentError
            If the server does not answer. A lock it gave nevertheless is free again when this
            process ends.
        """
        self.start(test_connection=False)
        if self._is_held:
            raise PypetRuntimeError(
                f"Lock '{self.lock_name}' can be acquired once, but this client holds it already."
            )
        try:
            answer = self._ask_for(protocol.LOCK_OR_WAIT, interim=(protocol.WAIT,))
        except BaseException:
            self._withdraw()
            raise
        # LOCK_ERROR: the server has us as the holder, from an answer that never arrived.
        if answer.word not in (protocol.GO, protocol.LOCK_ERROR):
            raise self._unexpected(answer, "acquire")
        self._is_held = True
        return True

    def release(self) -> None:
        """Give the lock back.

        Raises
        ------
        LockLostError
            If the server had taken it away.
        ServerSilentError
            If the server does not answer.
        """
        self.start(test_connection=False)
        self._is_held = False
        answer = self._ask_for(protocol.UNLOCK)
        if answer.word == protocol.RELEASED:
            return
        if answer.word != protocol.RELEASE_ERROR:
            raise self._unexpected(answer, "release")
        # If sent twice, the first attempt has released it and only its answer was lost.
        if answer.attempts == 1:
            raise LockLostError(
                f"Only a held lock can be released: {answer.text.partition(DELIMITER)[2]} Either "
                "it was not acquired, or the server took it away because it was held too long or "
                "the connection was lost."
            )

    def finalize(self) -> None:
        """Release the lock if it is held, and disconnect."""
        if self._is_held and not self._has_forked():
            with contextlib.suppress(PypetRuntimeError):
                self.release()  # If that fails, the server frees it when the process ends.
        super().finalize()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _ask_for(self, command: str, interim: tuple[str, ...] = ()) -> Answer:
        return self._ask([self._request(command)], interim)

    def _request(self, command: str) -> str:
        assert self._identity is not None
        number = f"{time.time():.6f}-{next(self._numbers)}"
        return LockRequest(command, self.lock_name, self._identity.encode(), number).encode()

    def _withdraw(self) -> None:
        """Leave the queue without waiting for an answer, for a stop must be quick."""
        if self._socket is not None:
            self._send([b"withdrawn", b"", self._request(protocol.UNLOCK).encode()])

    def _unexpected(self, answer: Answer, verb: str) -> PypetRuntimeError:
        return PypetRuntimeError(
            f"Cannot {verb} lock '{self.lock_name}': the server at '{self.url}' answers "
            f"{answer.text[:500]!r}."
        )


class ForkAwareLockerClient(LockerClient):
    """The name pypet 0.7 gave to a client that may be forked; every client may be by now."""
