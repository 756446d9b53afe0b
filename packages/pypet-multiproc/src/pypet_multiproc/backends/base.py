"""What every way to run has in common.

A backend takes attempts from a :class:`~pypet_multiproc.model.tasks.TaskSource` and yields each
with its outcome, in the order in which they end. It decides *where* runs happen; whether a failure
is tried again, recorded or raised is the engine's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypet_multiproc.model.experiment import Experiment, RunOutcome
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.model.tasks import Attempt, TaskSource
from pypet_multiproc.workers.single_run import Runner, RunPolicy
from pypet_multiproc.wrapping.base import WrapMode

if TYPE_CHECKING:
    from pypet_multiproc.logs.manager import LoggingManager

#: An attempt with what became of it; ``None`` says that the engine should look around.
Step = tuple[Attempt, RunOutcome] | None


@dataclass(frozen=True)
class BackendContext:
    """What a backend works with."""

    #: What to run.
    experiment: Experiment
    #: The user's choices.
    settings: EngineSettings
    #: Brings data to the storage.
    wrap: WrapMode
    #: Sets up logging in other processes.
    logging_manager: LoggingManager | None = None
    #: Makes runners in place of the usual ones; for tests of the machinery.
    make_runner: Callable[[RunPolicy], Runner] | None = None

    def policy(self, *, clean_up: bool, time_limit: float | None = None) -> RunPolicy:
        """What happens around each run."""
        return RunPolicy(
            automatic_storing=self.settings.automatic_storing,
            clean_up=clean_up,
            time_limit=time_limit,
            prepared=self.experiment.prepared,
        )


class Backend(ABC):
    """One way to run.

    Parameters
    ----------
    context : BackendContext
        What to work with.
    """

    def __init__(self, context: BackendContext) -> None:
        self.context = context

    @abstractmethod
    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives.

        Yields ``None`` now and then so that the engine can look after the wrap mode.
        """

    @abstractmethod
    def abort(self) -> None:
        """End active runs soon; :meth:`run` then comes to its end as usual."""

    @abstractmethod
    def close(self) -> None:
        """End whatever still runs, in bounded time; may be called twice."""
