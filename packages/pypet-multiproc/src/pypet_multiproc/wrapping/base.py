"""The seam between runs and the storage: how data of concurrent runs reaches one file.

A wrap mode gives workers a storage service to use instead of the real one, and tells the engine
when the data of a run has arrived. Invariant: an outcome leaves :meth:`WrapMode.settled` only
once the data of its run is stored, or the failure to store it is part of the outcome. So, unlike
in pypet 0.7, a run does not count as completed because its data was *sent*. If the storage fails
for good, outcomes of runs that it concerns leave in no way: these runs stay open.

One module holds one wrap mode; the engine finds them by name in a table that other
distributions extend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.model.failures import storage_failure, with_remote_traceback
from pypet_trajectory.api.records import RunRows
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
from pypet_trajectory.exceptions import StorageFailedError

if TYPE_CHECKING:
    from pypet_multiproc.logs.manager import LoggingManager


@dataclass(frozen=True)
class WrapSettings:
    """What a wrap mode may need to know."""

    #: How many messages may wait for a writer; 0 means any number.
    queue_maxsize: int = 0
    #: Collect garbage after so many store operations (LOCAL: runs).
    gc_interval: int | None = None
    #: Seconds after which a network lock is taken from its holder.
    timeout: float | None = None
    #: Port, range of ports or url of a server.
    port: int | tuple[int, int] | str | None = None
    #: Start method of helper processes; ``None``: fork where there is one.
    start_method: str | None = None
    #: Whether helper processes outlive a first signal to stop.
    graceful_exit: bool = False
    #: Sets up logging in helper processes.
    logging_manager: LoggingManager | None = None
    #: Whether outcomes must carry what their runs stored.
    keep_deltas: bool = False
    #: A lock, queue or pipe that the user supplies.
    resource: Any = None


class WrapMode(ABC):
    """One way to bring the data of concurrent runs to the storage."""

    #: The name users choose it by.
    name: ClassVar[str]
    #: Whether workers write files themselves, so that ending one needs patience.
    writes_in_worker: ClassVar[bool] = False

    def __init__(self, settings: WrapSettings) -> None:
        self.settings = settings
        self._settled: list[RunOutcome] = []

    # ------------------------------------------------------------- life cycle

    @abstractmethod
    def start(self, service: StorageService, trajectory_name: str) -> None:
        """Get ready to store into `service`; start helper processes."""

    @abstractmethod
    def worker_service(self) -> StorageService:
        """The service runs use; can be sent to a process that is being started."""

    def main_service(self) -> StorageService:
        """The service the main process uses while runs go on."""
        return self.worker_service()

    def before_process_start(self) -> None:
        """Called before every start of a process: no file may be open in this one."""
        return None

    def worker_died(self, pid: int) -> None:
        """Called when a worker process ended out of turn."""
        return None

    @abstractmethod
    def finalize(self) -> None:
        """Stop helpers and give back everything; may be called twice."""

    # --------------------------------------------------------------- outcomes

    def after_outcome(self, outcome: RunOutcome) -> None:
        """Take notice of a run that ended; by default its data is stored already."""
        self._settled.append(outcome)

    def settled(self) -> list[RunOutcome]:
        """Outcomes whose data has arrived since the last call, without waiting."""
        outcomes, self._settled = self._settled, []
        return outcomes

    def drain(self) -> list[RunOutcome]:
        """Wait until the data of every run has arrived and return what :meth:`settled` would."""
        return self.settled()

    def waitables(self) -> Sequence[Any]:
        """Objects with a ``fileno`` that become readable when :meth:`settled` has news."""
        return ()

    def seconds_until_due(self) -> float | None:
        """When :meth:`settled` wants to be called even if nothing happens."""
        return None

    def failure(self) -> BaseException | None:
        """Why the wrap mode cannot go on, if so; after :meth:`finalize`, what has been lost."""
        return None

    def failure_behind(self, outcome: RunOutcome) -> BaseException | None:
        """Why nothing can be stored any more, if that ended a run, which stays open then.

        Called with each outcome that comes from a run, before anything else is done with it.
        """
        if outcome.storage_failure is None:
            return None
        failure = storage_failure(outcome.exception) or StorageFailedError(outcome.storage_failure)
        return with_remote_traceback(failure, outcome.failure)

    def unsettled(self) -> Sequence[RunOutcome]:
        """After :meth:`finalize`: outcomes of runs in this process whose data has not arrived.

        Only these concern the trajectory of this process, in which such runs have completed.
        """
        return ()

    # -------------------------------------------------------------- run table

    @abstractmethod
    def store_run_rows(self, rows: RunRows) -> None:
        """Bring changed rows of the run table to the storage."""


#: Builds a wrap mode from its settings; a subclass of :class:`WrapMode` is one.
WrapModeFactory = Callable[[WrapSettings], WrapMode]


def store_rows(service: StorageService, rows: RunRows) -> None:
    """Give changed rows to a service if it takes them.

    Services of other people store the run table only as part of the trajectory; for these
    there is nothing to do here.
    """
    if supports(service, SupportsDeltas):
        service.store_run_rows(rows)
