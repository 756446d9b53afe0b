"""Wrapping a trajectory's storage service for processes of the user's own.

What an environment does around its runs, for people who start processes themselves: inside of a
:class:`MultiprocContext` the trajectory may be handed to several processes, all of which store.
Invariant: after :meth:`MultiprocContext.finalize` the trajectory has its former service again, and
everything that was sent has been stored, or an error says what has not. Meanwhile the service is
held, and may show what was stored at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from pypet_multiproc.engine.engine import WRAP_MODES, make_wrap_mode
from pypet_multiproc.logs.manager import LoggingManager
from pypet_multiproc.model.failures import CleanUp
from pypet_multiproc.wrapping.base import WrapMode, WrapModeFactory, WrapSettings
from pypet_multiproc.wrapping.local import LocalWrap
from pypet_multiproc.wrapping.pipe import PipeWrap
from pypet_multiproc.wrapping.queue import QueueWrap
from pypet_multiproc.wrapping.supplied import SuppliedPipeWrap, SuppliedQueueWrap
from pypet_multiproc.writer.files import held
from pypet_trajectory import constants
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.decorators import prefix_naming
from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.logger import HasLogger

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


@prefix_naming
class MultiprocContext(HasLogger):
    """Lets several processes store one trajectory.

    Parameters
    ----------
    trajectory : Trajectory
        With a storage service.
    wrap_mode : str
        How data reaches the storage: ``'QUEUE'``, ``'LOCK'``, ``'PIPE'``, ``'LOCAL'``, or a mode
        of `wrap_modes`.
    full_copy : bool, optional
        Sets ``trajectory.v_full_copy``.
    manager : multiprocessing.managers.SyncManager, optional
        Makes the lock or queue; left running afterwards.
    use_manager : bool
        Accepted for compatibility: locks and queues made here can be sent to any process anyway.
    lock : object, optional
        A lock to use.
    queue : object, optional
        A queue to use; for PIPE a pair of connections, the first one for receiving.
    queue_maxsize : int
        How many messages may wait for the writer; 0 means any number.
    port : int, tuple or str, optional
        For network modes: port, range of ports, or url.
    timeout : float, optional
        For network locks: seconds after which a lock is taken from its holder.
    gc_interval : int, optional
        Collect garbage after so many store operations.
    log_config, log_stdout : optional
        Logging of helper processes.
    graceful_exit : bool
        Accepted for compatibility: helper processes outlive signals in any case.
    wrap_modes : mapping, optional
        Wrap modes by name, if there are more than those of this distribution.

    Examples
    --------
    >>> from pypet_trajectory import Trajectory
    >>> from pypet_trajectory.storage.memory import InMemoryStorageService
    >>> traj = Trajectory("shared", storage_service=InMemoryStorageService())
    >>> with MultiprocContext(traj, wrap_mode="LOCK"):
    ...     traj.v_storage_service.multiproc_safe
    True
    >>> traj.v_storage_service.multiproc_safe
    False
    """

    def __init__(
        self,
        trajectory: Trajectory,
        wrap_mode: str = constants.WRAP_MODE_LOCK,
        full_copy: bool | None = None,
        manager: Any = None,
        use_manager: bool = True,
        lock: Any = None,
        queue: Any = None,
        queue_maxsize: int = 0,
        port: int | tuple[int, int] | str | None = None,
        timeout: float | None = None,
        gc_interval: int | None = None,
        log_config: Any = None,
        log_stdout: Any = False,
        graceful_exit: bool = False,
        *,
        wrap_modes: Mapping[str, WrapModeFactory] | None = None,
    ) -> None:
        if full_copy is not None:
            trajectory.v_full_copy = full_copy
        self._traj = trajectory
        self._wrap_mode = wrap_mode
        self._wrap_modes = WRAP_MODES if wrap_modes is None else wrap_modes
        self._manager, self._lock, self._queue = manager, lock, queue
        self._log_config, self._log_stdout = log_config, log_stdout
        self._settings = WrapSettings(
            queue_maxsize=queue_maxsize,
            gc_interval=gc_interval,
            timeout=timeout,
            port=port,
            graceful_exit=graceful_exit,
        )
        self._wrap: WrapMode | None = None
        self._service: StorageService | None = None
        #: What is done at the end.
        self._at_end = ExitStack()
        self._logging_manager: LoggingManager | None = None

    # ------------------------------------------------------------- properties

    def _wrapper(self, wrap_mode: str) -> Any:
        if self._wrap is None or self._wrap.name != wrap_mode:
            return None
        return self._wrap.worker_service()

    @property
    def lock(self) -> Any:
        """The lock, where one is used."""
        return getattr(self._wrapper(constants.WRAP_MODE_LOCK), "lock", None)

    @property
    def queue(self) -> Any:
        """The queue, where one is used."""
        return getattr(self._wrapper(constants.WRAP_MODE_QUEUE), "queue", None)

    @property
    def pipe(self) -> Any:
        """The sending end of the pipe, where one is used."""
        return getattr(self._wrapper(constants.WRAP_MODE_PIPE), "conn", None)

    @property
    def queue_wrapper(self) -> Any:
        """The service processes use with QUEUE."""
        return self._wrapper(constants.WRAP_MODE_QUEUE)

    @property
    def pipe_wrapper(self) -> Any:
        """The service processes use with PIPE."""
        return self._wrapper(constants.WRAP_MODE_PIPE)

    @property
    def lock_wrapper(self) -> Any:
        """The service processes use with LOCK."""
        return self._wrapper(constants.WRAP_MODE_LOCK)

    @property
    def reference_wrapper(self) -> Any:
        """The service processes use with LOCAL."""
        return self._wrapper(constants.WRAP_MODE_LOCAL)

    # ------------------------------------------------------------- life cycle

    def start(self) -> None:
        """Store the trajectory's meta data and wrap its storage service.

        Raises
        ------
        RuntimeError
            If there is no such wrap mode.
        StorageFailedError
            If the storage takes nothing any more.
        """
        if self._wrap is not None:
            return
        if self._wrap_mode == constants.WRAP_MODE_NONE or self._wrap_mode not in self._wrap_modes:
            raise PypetRuntimeError(
                f"There is nothing to wrap with the mode {self._wrap_mode!r}; there are "
                f"{', '.join(sorted(set(self._wrap_modes) - {constants.WRAP_MODE_NONE}))}."
            )
        service = self._traj.v_storage_service
        with ExitStack() as at_end:
            # Before there are other processes, for they belong to the session only then.
            at_end.enter_context(held(service))
            self._traj.f_store(only_init=True)
            wrap = self._make_wrap()
            at_end.enter_context(CleanUp(partial(_finalize, wrap)))
            wrap.start(service, str(self._traj.v_name))
            self._service, self._wrap = service, wrap
            self._traj.v_storage_service = wrap.worker_service()
            self._at_end = at_end.pop_all()

    def _make_wrap(self) -> WrapMode:
        settings = self._settings
        if self._log_config or self._log_stdout:
            manager = LoggingManager(self._log_config, self._log_stdout)
            manager.check_log_config()
            manager.extract_replacements(self._traj)
            settings = _replaced(settings, logging_manager=manager)
        resource = self._resource()
        if resource is not None:
            settings = _replaced(settings, resource=resource)
            if self._wrap_mode == QueueWrap.name:
                return SuppliedQueueWrap(settings)
            if self._wrap_mode == PipeWrap.name:
                return SuppliedPipeWrap(settings)
        return make_wrap_mode(self._wrap_mode, settings, self._wrap_modes)

    def _resource(self) -> Any:
        """The lock, queue or pipe that the user or the user's manager supplies."""
        if self._wrap_mode in (constants.WRAP_MODE_QUEUE, constants.WRAP_MODE_NETQUEUE):
            if self._queue is None and self._manager is not None:
                return self._manager.Queue(self._settings.queue_maxsize)
            return self._queue
        if self._wrap_mode == constants.WRAP_MODE_PIPE:
            return self._queue
        if self._lock is None and self._manager is not None:
            return self._manager.Lock()
        return self._lock

    def finalize(self) -> None:
        """Wait until everything is stored and put the former service back; may be called twice.

        Raises
        ------
        StoringFailedError
            If something that was sent could not be stored.
        StorageFailedError
            If the storage takes nothing any more.
        """
        if self._wrap is not None:
            self._wrap = None
            self._traj.v_storage_service = self._service
            self._at_end.close()

    def store_references(self, references: Mapping[str, Any]) -> None:
        """Store what processes noted with LOCAL.

        Parameters
        ----------
        references : mapping
            The ``references`` of the trajectory's storage service in a process.

        Raises
        ------
        RuntimeError
            If the wrap mode is another one.
        """
        if not isinstance(self._wrap, LocalWrap):
            raise PypetRuntimeError(
                f"References can be stored with the wrap mode LOCAL, not {self._wrap_mode}."
            )
        self._wrap.store_references(dict(references))

    def __enter__(self) -> MultiprocContext:
        self.start()
        return self

    def __exit__(self, kind: object, value: BaseException | None, trace: object) -> None:
        CleanUp(self.finalize).__exit__(kind, value, trace)

    def __del__(self) -> None:
        # Half-built objects come here, too.
        if self.__dict__.get("_wrap") is not None:
            try:
                self.finalize()
            except Exception as exc:
                self._logger.error("Not everything was stored: %s", exc)


def _finalize(wrap: WrapMode) -> None:
    wrap.finalize()
    failure = wrap.failure()
    if failure is not None:
        raise failure


def _replaced(settings: WrapSettings, **changes: Any) -> WrapSettings:
    return WrapSettings(**{**settings.__dict__, **changes})
