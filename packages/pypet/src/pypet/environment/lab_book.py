"""A record in a Sumatra lab book for every experiment that succeeds.

Opened before the first run, written after the last: an experiment that raises leaves no
record. Everything about Sumatra itself is in :mod:`pypet_vcs.sumatra`.
"""

from __future__ import annotations

import logging
from typing import Any

from pypet.environment.arguments import EnvironmentArguments

logger = logging.getLogger("pypet.environment.Environment")


class LabBook:
    """The record of one experiment, or nothing where no project is given."""

    def __init__(self, record: Any, trajectory: Any, automatic_storing: bool) -> None:
        self._record = record
        self._trajectory = trajectory
        self._automatic_storing = automatic_storing

    @classmethod
    def opened(cls, arguments: EnvironmentArguments, trajectory: Any) -> LabBook:
        """Begin a record if the environment has a Sumatra project.

        Parameters
        ----------
        arguments : EnvironmentArguments
            Project, reason and label.
        trajectory : Trajectory
            Its name, comment and parameters become part of the record.
        """
        record = None
        if arguments.sumatra_project is not None:
            from pypet_vcs.sumatra import begin_record

            record = begin_record(
                arguments.sumatra_project,
                trajectory,
                reason=arguments.sumatra_reason,
                label=arguments.sumatra_label,
            )
        return cls(record, trajectory, arguments.automatic_storing)

    def close(self, start_timestamp: float) -> None:
        """Write the record of an experiment that succeeded."""
        if self._record is None:
            return
        self._record.finish(start_timestamp)
