"""When a service's file is opened, written and flushed, over many store calls.

Not every storage service has a file to keep open. Such a service says so with
:class:`~pypet_trajectory.exceptions.NoSuchServiceError`, and then every call opens and closes
whatever it needs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from pypet_multiproc.model.failures import CleanUp
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunDelta, RunFailure, RunRows
from pypet_trajectory.api.service import StorageService, SupportsHolding, supports
from pypet_trajectory.exceptions import NoSuchServiceError


def open_file(service: StorageService, trajectory_name: str) -> bool:
    """Open the file until :func:`close_file`; returns whether this call opened it."""
    if service.is_open:
        return False
    try:
        service.store(constants.OPEN_FILE, None, trajectory_name=trajectory_name)
    except NoSuchServiceError:
        return False
    return True


@contextmanager
def kept_open(service: StorageService, trajectory_name: str) -> Iterator[None]:
    """Keep the file open in this block; at its end everything is with the operating system.

    Nothing that was stored in the block is safe if the block is left by an error.
    """
    opened = open_file(service, trajectory_name)
    with CleanUp(partial(close_file if opened else flush_file, service)):
        yield


def held(service: StorageService | None) -> AbstractContextManager[None]:
    """Hold a service from now to the end of the block that is entered, if it can be held.

    See :class:`~pypet_trajectory.api.service.SupportsHolding`. Processes that are started
    meanwhile and get the service belong to the same session. An error of releasing the service
    hides no error of the block.
    """
    if not supports(service, SupportsHolding):
        return nullcontext()
    service.hold()
    return CleanUp(service.release)


def flush_file(service: StorageService) -> None:
    """Make what was stored visible to others."""
    if service.is_open:
        try:
            service.store(constants.FLUSH, None)
        except NoSuchServiceError:
            return


def store_delta(service: Any, delta: RunDelta) -> None:
    """Store the records of a run at once, also in a file that is held open."""
    service.store_delta(delta)
    flush_file(service)


def close_file(service: StorageService) -> None:
    """Close the file, if it is open."""
    if service.is_open:
        service.store(constants.CLOSE_FILE, None)


class FlushClock:
    """When an open file is to be flushed.

    Bounded from both sides: never more often than every `at_most` seconds, and never later than
    `at_least` seconds after the first write that was not flushed. In between, a file is flushed
    as soon as there is nothing else to write.

    Parameters
    ----------
    at_most, at_least : float
        Seconds.
    """

    def __init__(self, at_most: float = 0.05, at_least: float = 0.5) -> None:
        self._at_most, self._at_least = at_most, at_least
        self._last_flush = 0.0
        self._unflushed_since: float | None = None

    def wrote(self) -> None:
        """Note a write."""
        if self._unflushed_since is None:
            self._unflushed_since = time.monotonic()

    def flushed(self) -> None:
        """Note a flush."""
        self._last_flush, self._unflushed_since = time.monotonic(), None

    def is_due(self, busy: bool = False) -> bool:
        """Whether to flush now; `busy` says that there is more to write."""
        if self._unflushed_since is None:
            return False
        now = time.monotonic()
        if now - self._unflushed_since >= self._at_least:
            return True
        return not busy and now - self._last_flush >= self._at_most

    def seconds_until_due(self) -> float | None:
        """How long to wait for the next flush, ``None`` if there is nothing to flush."""
        if self._unflushed_since is None:
            return None
        return max(0.0, self._last_flush + self._at_most - time.monotonic())


class WaitingRows:
    """Rows of the run table that wait, by trajectory, until something else is written.

    The writer opens or flushes the file for the data of runs anyway; rows that go with it cost next
    to nothing. Invariant: of each run the latest row waits, with the failure that belongs to it;
    so writing what waits has the effect of writing everything in order.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[dict[int, Mapping[str, Any]], dict[int, RunFailure]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, rows: RunRows) -> None:
        """Let rows wait; they replace earlier ones of the same runs."""
        waiting, failures = self._waiting.setdefault(rows.trajectory_name, ({}, {}))
        waiting.update(rows.rows)
        for idx in rows.rows:
            failures.pop(idx, None)
        failures.update(rows.failures)

    def take(self) -> list[RunRows]:
        """What waits, one for each trajectory; from now on nothing waits."""
        taken = [RunRows(name, *parts) for name, parts in self._waiting.items()]
        self._waiting = {}
        return taken
