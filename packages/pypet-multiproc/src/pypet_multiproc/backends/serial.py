"""One run after the other in this process, with the trajectory itself.

The simplest way and the reference for all others: no copies, no other process, and what a run
leaves in memory stays there if the user wants it so.
"""

from __future__ import annotations

from collections.abc import Iterator

from pypet_multiproc.backends.base import Backend, Step
from pypet_multiproc.model.tasks import TaskSource
from pypet_multiproc.workers.single_run import ReusingRunner, Runner


class SerialBackend(Backend):
    """Runs in this process."""

    def _runner(self) -> Runner:
        context = self.context
        policy = context.policy(
            clean_up=context.settings.clean_up_runs, time_limit=context.settings.run_timeout
        )
        if context.make_runner is not None:
            return context.make_runner(policy)
        experiment = context.experiment
        return ReusingRunner(
            experiment.trajectory, experiment.runfunc, experiment.args, experiment.kwargs, policy
        )

    def run(self, source: TaskSource) -> Iterator[Step]:
        """Run everything that `source` gives."""
        runner = self._runner()
        runner.prepare(None)
        while attempts := source.take(1):
            yield attempts[0], runner.run(attempts[0])

    def abort(self) -> None:
        """No run is active while other code can call this."""
        return None

    def close(self) -> None:
        """Nothing runs any more."""
        return None
