"""The summary of an experiment: what is done, what failed and why."""

from __future__ import annotations

import logging
from typing import Any

from pypet_multiproc.model.failures import reason
from pypet_trajectory.api.records import RunFailure

logger = logging.getLogger("pypet.environment.Environment")

#: Runs named one by one; an experiment of a million runs is not listed in a log.
_NAMED_RUNS = 100


def failed_runs(trajectory: Any) -> dict[str, RunFailure]:
    """Names of runs that failed to the reasons, in order of run index."""
    failures = trajectory.v_runs.table.failures
    return {trajectory.v_runs.names.name(idx): failures[idx] for idx in sorted(failures)}


def first_open_index(trajectory: Any) -> int:
    """Index of the first run that has not completed, the number of runs if all have."""
    open_indices = trajectory.v_runs.table.open_indices()
    return int(open_indices[0]) if len(open_indices) else len(trajectory)


def log_summary(trajectory: Any) -> None:
    """Log whether all runs have completed, with one error record if not.

    Incomplete runs raise no exception; see :attr:`Environment.failed_runs`.
    """
    open_indices = trajectory.v_runs.table.open_indices()
    if not len(open_indices):
        logger.info("All runs of trajectory `%s` have completed.", trajectory.v_name)
        return
    failures = trajectory.v_runs.table.failures
    lines = []
    for idx in open_indices[:_NAMED_RUNS].tolist():
        name = trajectory.v_runs.names.name(idx)
        failure = failures.get(idx)
        if failure is None:
            lines.append(name)
        else:
            lines.append(f"{name} ({failure.status}: {reason(failure)})")
    more = len(open_indices) - len(lines)
    if more:
        lines.append(f"and {more} more")
    logger.error(
        "%d of %d runs of trajectory `%s` have not completed; calling run again executes them: %s",
        len(open_indices),
        len(trajectory),
        trajectory.v_name,
        ", ".join(lines),
    )
