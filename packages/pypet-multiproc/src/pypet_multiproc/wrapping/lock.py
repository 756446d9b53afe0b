"""LOCK: every process stores and loads by itself, one at a time.

The lock belongs to its owner (:mod:`pypet_multiproc.transport.locks`): a process that is killed
while it stores does not block the others. It is held from before the file is opened until after it
is closed, so a service that is kept open keeps the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.processes.children import storing
from pypet_multiproc.transport.locks import OwnerLock
from pypet_multiproc.transport.messages import joined, overwriting
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings, store_rows
from pypet_multiproc.wrapping.services import NOT_PASSED_ON, Deferral, MultiprocWrapper
from pypet_multiproc.writer.files import flush_file, kept_open, store_delta
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunDelta, RunRows
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PypetRuntimeError,
    StorageFailedError,
)
from pypet_trajectory.logger import HasLogger
from pypet_trajectory.storage.storing import delta_from_message

#: Seconds for which a process without a main process waits for the lock to delete its file.
_PATIENCE_AS_ORPHAN = 1.0


class LockAcquisition(HasLogger):
    """Takes and gives back a lock; taking it again while it is held does nothing."""

    def __init__(self, lock: Any = None) -> None:
        self._lock = lock
        self.is_locked = False

    @property
    def lock(self) -> Any:
        """The lock, anything with ``acquire`` and ``release``."""
        return self._lock

    def acquire_lock(self) -> None:
        """Wait for the lock."""
        if not self.is_locked:
            self._lock.acquire()
            self.is_locked = True

    def release_lock(self) -> None:
        """Give the lock back, if it is held."""
        if self.is_locked:
            self.is_locked = False
            try:
                self._lock.release()
            except RuntimeError as exc:
                # A network lock may have been given to another process after its timeout.
                self._logger.error("Could not release the lock `%s`: %s", self._lock, exc)


class LockWrapper(MultiprocWrapper, LockAcquisition):
    """A service that is used by one process at a time.

    A worker that does many short runs may let what is stored automatically after several runs
    wait and be stored together, because taking the lock and opening a file takes longer than such
    a run. Loading stores first, so a run sees everything that earlier runs of its worker stored.

    Parameters
    ----------
    storage_service : StorageService
        What stores and loads.
    lock : object, optional
        Anything with ``acquire`` and ``release``; by default an :class:`OwnerLock`.
    keep_deltas : bool
        Whether outcomes must carry what their runs stored.
    short : float
        Seconds above which a run is stored when it ends.
    """

    def __init__(
        self,
        storage_service: StorageService,
        lock: Any = None,
        keep_deltas: bool = False,
        short: float = 0.05,
    ) -> None:
        LockAcquisition.__init__(self, OwnerLock() if lock is None else lock)
        self._storage_service = storage_service
        self._keep_deltas = keep_deltas
        self._deferral = Deferral(short)
        self._deltas: list[RunDelta] = []
        self._deferred: list[tuple[int, RunDelta]] = []
        self._errors: dict[int, BaseException] = {}
        self._token = 0
        self._run_index = -1
        #: Whether something was stored into a file that stayed open, and not flushed.
        self._unflushed = False
        #: How many blocks need the lock.
        self._depth = 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in NOT_PASSED_ON:
            raise AttributeError(name)
        attribute = getattr(self._storage_service, name)
        if name == "transaction":
            return self._transaction
        return partial(self.call, attribute) if name == "checkpoint" else attribute

    @property
    def storage_service(self) -> StorageService:
        """The wrapped service."""
        return self._storage_service

    @property
    def is_open(self) -> bool:
        """Whether the wrapped service is open."""
        return self._storage_service.is_open

    # ------------------------------------------------------------------- runs

    def begin_run(self, idx: int, token: int) -> None:
        """Attribute what is stored from now on to this attempt."""
        self._run_index, self._token, self._deltas = idx, token, []
        self._deferral.begin_run()

    def function_returned(self) -> None:
        """Allow what is stored from now on to wait, if the run was short."""
        self._deferral.function_returned()

    def make_safe(self) -> None:
        """Flush what the run has stored into a file that it left open."""
        if self._unflushed and self.is_open:
            self.call(flush_file, self._storage_service)
        self._unflushed = False

    def end_run(self, outcome: RunOutcome) -> None:
        """Hand over what was kept."""
        if self._keep_deltas:
            outcome.delta = joined(self._deltas)
        self._run_index, self._token, self._deltas = -1, 0, []
        self._deferral.end_run()

    def defer(self, allowed: bool) -> None:
        """Allow data of runs to wait, unless a journal is to know of each run when it ends."""
        self._deferral.allowed = allowed and self.takes_records and not self._keep_deltas

    @property
    def takes_records(self) -> bool:
        """Whether the wrapped service does."""
        return supports(self._storage_service, SupportsDeltas)

    @property
    def has_deferred(self) -> bool:
        """Whether data of runs waits."""
        return bool(self._deferred)

    def holds(self, token: int) -> bool:
        """Whether data of this attempt waits, as the latest that does."""
        return bool(self._deferred) and self._deferred[-1][0] == token

    def store_deferred(self) -> dict[int, BaseException]:
        """Store what waits under the lock, opening the file once.

        It is safe when the file was closed or flushed; before that an error that concerns the file
        as a whole concerns all that was stored with it.
        """
        if self._deferred:
            deferred, self._deferred = self._deferred, []
            try:
                with storing, self, self.failure_noted():
                    self._store_all(deferred)
            except Exception as exc:
                self._errors.update(dict.fromkeys((token for token, _ in deferred), exc))
        errors, self._errors = self._errors, {}
        return errors

    def _store_all(self, deferred: list[tuple[int, RunDelta]]) -> None:
        service: Any = self._storage_service
        with kept_open(service, deferred[0][1].trajectory_name):
            for token, delta in deferred:
                try:
                    service.store_delta(delta)
                except StorageFailedError:
                    raise
                except Exception as exc:
                    self._errors[token] = exc

    def orphaned(self) -> None:
        """Delete the lock's file, which no other process will do."""
        if isinstance(self._lock, OwnerLock):
            # The main process may have held it, and the kernel frees it only after it is gone.
            self._lock.discard(_PATIENCE_AS_ORPHAN)

    # ---------------------------------------------------------- store and load

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store under the lock."""
        waits = self._deferral.waits and msg == constants.SINGLE_RUN
        if self._keep_deltas or waits or (self.overwrite and self.takes_records):
            try:
                delta = delta_from_message(
                    msg, stuff_to_store, args, kwargs, run_index=self._run_index
                )
            except NoSuchServiceError:
                return self._store_as_it_is(msg, stuff_to_store, *args, **kwargs)
            if self.overwrite:
                delta = overwriting(delta)
            self._deltas.append(delta)
            if waits:
                self._deferred.append((self._token, delta))
                return None
            return self.call(store_delta, self._storage_service, delta)
        return self._store_as_it_is(msg, stuff_to_store, *args, **kwargs)

    def _store_as_it_is(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        result = self.call(self._storage_service.store, msg, stuff_to_store, *args, **kwargs)
        self._unflushed = self.is_open and msg != constants.FLUSH
        return result

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load under the lock."""
        return self.call(self._storage_service.load, msg, stuff_to_load, *args, **kwargs)

    def store_run_rows(self, rows: RunRows) -> None:
        """Store rows of the run table under the lock."""
        self.call(store_rows, self._storage_service, rows)

    def call(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function under the lock, after storing what waits."""
        self._store_earlier_runs()
        with storing, self, self.failure_noted():
            return call(*args, **kwargs)

    def _store_earlier_runs(self) -> None:
        """Store what waits, and keep its errors until they are asked for."""
        if self._deferred:
            errors = self.store_deferred()
            self._errors.update(errors)

    @contextmanager
    def _transaction(self, name: str) -> Iterator[None]:
        """A transaction of the wrapped service, all of it under the lock."""
        # Data of earlier runs does not share the fate of this transaction.
        self._store_earlier_runs()
        service: Any = self._storage_service
        with self, self.failure_noted(), service.transaction(name):
            yield

    def __enter__(self) -> None:
        self.acquire_lock()
        self._depth += 1

    def __exit__(self, kind: object, value: BaseException | None, trace: object) -> None:
        self._depth -= 1
        # A process that keeps the file open keeps the lock, unless the storage has failed: then
        # the file may never be closed, and others are to find out instead of waiting.
        done = not self._storage_service.is_open or isinstance(value, StorageFailedError)
        if done and self._depth == 0:
            self.release_lock()


class LockWrap(WrapMode):
    """Lets processes store and load in turn."""

    name: ClassVar[str] = constants.WRAP_MODE_LOCK
    writes_in_worker: ClassVar[bool] = True

    def __init__(self, settings: WrapSettings) -> None:
        super().__init__(settings)
        self._wrapper: LockWrapper | None = None

    def _make_lock(self) -> Any:
        return OwnerLock() if self.settings.resource is None else self.settings.resource

    @property
    def lock(self) -> Any:
        """The lock, ``None`` unless started."""
        return None if self._wrapper is None else self._wrapper.lock

    @property
    def _started(self) -> LockWrapper:
        if self._wrapper is None:
            raise PypetRuntimeError(f"The wrap mode {self.name} has not been started.")
        return self._wrapper

    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Make the lock."""
        self._wrapper = LockWrapper(service, self._make_lock(), self.settings.keep_deltas)

    def worker_service(self) -> StorageService:
        """The service under the lock."""
        return self._started

    def store_run_rows(self, rows: RunRows) -> None:
        """Store them under the lock."""
        self._started.store_run_rows(rows)

    def finalize(self) -> None:
        """Remove the lock."""
        if self._wrapper is not None:
            if self.settings.resource is None and isinstance(self._wrapper.lock, OwnerLock):
                self._wrapper.lock.remove()
            self._wrapper = None
