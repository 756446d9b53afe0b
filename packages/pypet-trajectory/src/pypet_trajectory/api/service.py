"""The outer storage seam: what a trajectory says to whatever keeps it.

A trajectory knows its storage service only through two methods, ``store(message, what, ...)``
and ``load(message, what, ...)``. Messages are the strings of
:mod:`pypet_trajectory.constants`. Users may write services; one that understands little may
raise :class:`~pypet_trajectory.exceptions.NoSuchServiceError` for the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar, runtime_checkable

from pypet_trajectory.logger import logger_of

if TYPE_CHECKING:
    from pypet_trajectory.api.records import RunDelta, RunLeaf, RunRows

T = TypeVar("T")


class StorageService:
    """Base of all storage services.

    Subclasses override :meth:`store` and :meth:`load`, and the two properties where the
    defaults do not hold. They may log by ``self._logger``.
    """

    @property
    def _logger(self) -> logging.Logger:
        return logger_of(self)

    @_logger.setter
    def _logger(self, logger: logging.Logger) -> None:
        object.__setattr__(self, "_own_logger", logger)

    @property
    def is_open(self) -> bool:
        """Whether the service keeps its file open between calls."""
        return False

    @property
    def multiproc_safe(self) -> bool:
        """Whether several processes may use the service at once without being wrapped."""
        return False

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store `stuff_to_store` as `msg` says.

        Raises
        ------
        NoSuchServiceError
            If the service does not know the message.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement store().")

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load `stuff_to_load` as `msg` says.

        Raises
        ------
        NoSuchServiceError
            If the service does not know the message.
        DataNotInStorageError
            If what is asked for was never stored.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement load().")


@runtime_checkable
class SupportsSessions(Protocol):
    """A service that can be held open, so that many small calls share one opening."""

    @property
    def is_open(self) -> bool:
        """Whether the store is open."""

    def opened(self, name: str | None, *, writable: bool) -> AbstractContextManager[Any]:
        """Hold the store open, with the trajectory `name` selected.

        Raises
        ------
        ValueError
            If there is no such store or trajectory.
        """


@runtime_checkable
class SupportsHolding(Protocol):
    """A service that may show what it stored later, as long as it is held.

    Without, each call has shown what it stored, to readers of any kind, when it returns. Between
    `hold` and `release` everything confirmed is as safe, but readers may see it somewhat later.
    A service that is pickled while it is held belongs to the same session in its new process.
    """

    def hold(self) -> None:
        """Begin a session of many calls; calls of both may be nested."""

    def checkpoint(self) -> None:
        """Show everything that was stored so far, without ending the session.

        Raises
        ------
        StorageFailedError
            If that is impossible, as on a full disk.
        """

    def release(self) -> None:
        """End the session; everything is shown when the last one of nested calls returns.

        Raises
        ------
        StorageFailedError
            If that is impossible, as on a full disk.
        """


@runtime_checkable
class SupportsTransactions(Protocol):
    """A service on which several calls can happen together or not at all."""

    def transaction(self, name: str) -> AbstractContextManager[None]:
        """What is stored in this block is stored at its end, or not at all if it is left by error.

        Parameters
        ----------
        name : str
            The trajectory that is concerned.
        """


def supports(service: object, protocol: Callable[..., T]) -> TypeGuard[T]:
    """Whether a service has all that a protocol of this module names.

    ``isinstance`` does not see what wrappers pass on by ``__getattr__`` since Python 3.12.
    """
    return all(hasattr(service, name) for name in vars(protocol) if not name.startswith("_"))


def checkpoint(service: Any) -> None:
    """Let a service show everything that was stored so far, if it puts that off."""
    if supports(service, SupportsHolding):
        service.checkpoint()


@contextmanager
def transaction(service: Any, name: str) -> Iterator[None]:
    """Let what is stored in this block happen as a whole, if the service can do that."""
    if not supports(service, SupportsTransactions):
        yield
        return
    with service.transaction(name):
        yield


@runtime_checkable
class SupportsDeltas(Protocol):
    """A service that writes the nodes of a run from records, without the trajectory.

    Wrap modes that carry data between processes use this where it is there, and send leaves
    through :meth:`StorageService.store` where it is not. Such a service also understands the
    message ``DELETE_RUNS``: names of runs, and patterns of what stays of them
    (:mod:`~pypet_trajectory.storage.deleting`).
    """

    def store_delta(self, delta: RunDelta) -> None:
        """Write everything in `delta`; a failed request removes only what it added itself.

        Where the store is held open, what was written survives the death of this process only
        after the message ``FLUSH``, so that many deltas need just one.
        """

    def store_run_rows(self, rows: RunRows) -> None:
        """Rewrite the rows of runs whose state changed."""


@runtime_checkable
class SupportsRunLeaves(Protocol):
    """A service that reads what runs have in common without making them nodes of the tree."""

    def run_parents(self, traj: Any) -> Mapping[str, Collection[int]]:
        """Full names of the stored groups that hold groups of runs, and of which runs.

        Index -1 is no particular run; a group with a child for that alone is left out.
        """

    def run_leaves(self, traj: Any, name: str, runs: Collection[int]) -> Iterable[RunLeaf]:
        """Leaves called `name` of these runs, by ascending index; -1 is no particular run.

        Raises
        ------
        ValueError
            If there is no such store or trajectory.
        ImportError
            If the class of a leaf cannot be found.
        """
