"""A record in a Sumatra lab book for every experiment that succeeds.

Begun before the first run, written after the last: an experiment that raises leaves no record.
Everything about Sumatra itself is in :mod:`pypet_vcs.sumatra`.
"""

from __future__ import annotations

from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet_trajectory import constants


def begin_record(arguments: EnvironmentArguments, trajectory: Any) -> Any:
    """The record of an experiment that begins now, ``None`` without a Sumatra project."""
    if arguments.sumatra_project is None:
        return None
    from pypet_vcs import sumatra

    return sumatra.begin_record(
        arguments.sumatra_project,
        trajectory,
        reason=arguments.sumatra_reason,
        label=arguments.sumatra_label,
    )


def finish_record(record: Any, trajectory: Any, automatic_storing: bool) -> None:
    """Write the record of an experiment that succeeded, and note it in the trajectory."""
    if record is None:
        return
    record.finish()
    if automatic_storing:
        trajectory.f_store_item(
            "config.sumatra", recursive=True, store_data=constants.STORE_DATA_SKIPPING
        )
