"""LOCK: every process stores and loads by itself, one at a time.

The lock belongs to its owner (:mod:`pypet_multiproc.locks`): a process that is killed while it
stores does not block the others. It is held from before the file is opened until after it is
closed, so a service that is kept open keeps the lock.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pypet_multiproc.experiment import RunOutcome
from pypet_multiproc.lifeline import storing
from pypet_multiproc.locks import OwnerLock
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings, store_rows
from pypet_multiproc.wrapping.services import MultiprocWrapper, RecordingService
from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.logger import HasLogger
from pypet_trajectory.storage.records import RunRows
from pypet_trajectory.storage.service import StorageService


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
                # A network lock may have been given to somebody else after its timeout.
                self._logger.error("Could not release the lock `%s`: %s", self._lock, exc)


class LockWrapper(MultiprocWrapper, LockAcquisition):
    """A service that is used by one process at a time.

    Parameters
    ----------
    storage_service : StorageService
        What stores and loads.
    lock : object, optional
        Anything with ``acquire`` and ``release``; by default an :class:`OwnerLock`.
    """

    def __init__(self, storage_service: StorageService, lock: Any = None) -> None:
        LockAcquisition.__init__(self, OwnerLock() if lock is None else lock)
        self._storage_service = storage_service

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._storage_service, name)

    @property
    def is_open(self) -> bool:
        """Whether the wrapped service is open."""
        return self._storage_service.is_open

    def begin_run(self, idx: int, token: int) -> None:
        """Pass on."""
        if isinstance(self._storage_service, MultiprocWrapper):
            self._storage_service.begin_run(idx, token)

    def end_run(self, outcome: RunOutcome) -> None:
        """Pass on."""
        if isinstance(self._storage_service, MultiprocWrapper):
            self._storage_service.end_run(outcome)

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store under the lock."""
        return self._locked(self._storage_service.store, msg, stuff_to_store, args, kwargs)

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load under the lock."""
        return self._locked(self._storage_service.load, msg, stuff_to_load, args, kwargs)

    def store_run_rows(self, rows: RunRows) -> None:
        """Store rows of the run table under the lock."""
        with storing:
            self.acquire_lock()
            try:
                store_rows(self._storage_service, rows)
            finally:
                self._release_if_closed()

    def _locked(self, call: Any, msg: str, stuff: Any, args: Any, kwargs: Any) -> Any:
        self.acquire_lock()
        try:
            with storing:
                return call(msg, stuff, *args, **kwargs)
        finally:
            self._release_if_closed()

    def _release_if_closed(self) -> None:
        if not self._storage_service.is_open:
            self.release_lock()


class LockWrap(WrapMode):
    """Lets processes store and load in turn."""

    name: ClassVar[str] = constants.WRAP_MODE_LOCK
    can_load: ClassVar[bool] = True
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
        if self.settings.keep_deltas:
            service = RecordingService(service)
        self._wrapper = LockWrapper(service, self._make_lock())

    def worker_service(self) -> StorageService:
        """The service under the lock."""
        return self._started

    def before_process_start(self) -> None:
        """Nothing is open: each process opens the file only under the lock."""
        return None

    def store_run_rows(self, rows: RunRows) -> None:
        """Store them under the lock."""
        self._started.store_run_rows(rows)

    def finalize(self) -> None:
        """Remove the lock."""
        if self._wrapper is not None:
            if self.settings.resource is None and isinstance(self._wrapper.lock, OwnerLock):
                self._wrapper.lock.remove()
            self._wrapper = None
