"""Runs in the workers of SCOOP, for scripts started with ``python -m scoop``.

SCOOP is an executor with its own rules: its futures are greenlets, so the process that waits for
them computes in the meantime, and only SCOOP's own waiting lets it. Apart from the waiting this is
the executor back end: batches of runs go out, plain outcomes come back, and the experiment reaches
each worker once. Unlike in pypet 0.7 that holds with and without ``freeze_input``.

SCOOP is no longer maintained; new scripts had better use an executor of
:mod:`pypet_net.executors`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from typing import Any

from pypet_multiproc.backends.base import Step
from pypet_multiproc.backends.executor import ExecutorBackend
from pypet_multiproc.backends.serial import SerialBackend
from pypet_multiproc.model.tasks import TaskSource

_logger = logging.getLogger("pypet")


class ScoopExecutor(Executor):
    """The part of SCOOP that is an executor, with futures of SCOOP's own kind."""

    def __init__(self) -> None:
        import scoop

        self._max_workers: int = scoop.SIZE

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have SCOOP call a function somewhere; returns its future."""
        from scoop import futures

        return futures.submit(fn, *args, **kwargs)


class ScoopBackend(ExecutorBackend):
    """Runs wherever SCOOP has workers; without SCOOP in this process, and says so.

    Parameters
    ----------
    context
        What to work with. ``settings.timeout`` is how long a run may take before it counts as
        lost; it is looked at whenever another run ends.
    """

    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives."""
        import scoop

        if scoop.IS_RUNNING:
            yield from super().run(source)
            return
        _logger.error(
            "SCOOP is not running, so the runs are done one after another in this process. "
            "Start the script with `python -m scoop`."
        )
        yield from SerialBackend(self.context).run(source)

    @property
    def owns_executor(self) -> bool:
        """Always: SCOOP is there once, started beside this process."""
        return True

    def make_executor(self) -> ScoopExecutor:
        """The only one there is."""
        return ScoopExecutor()

    def wait_for(self, futures: Collection[Any]) -> Collection[Any]:
        """Those that have ended, at least one, computing in the meantime."""
        from scoop import futures as scoop_futures

        try:
            next(iter(scoop_futures.as_completed(list(futures))), None)
        except Exception:
            # Raised by one of the futures; asking for its result raises it again, in its place.
            _logger.debug("A future of SCOOP has failed.", exc_info=True)
        return [future for future in futures if future.done()]
