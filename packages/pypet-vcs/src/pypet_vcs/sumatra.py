"""A record in a Sumatra project for an experiment that succeeded.

The record is made when the experiment begins, because only then is the code the code that runs,
and saved when it has ended well, because only then are the parameters complete and there is
something to record. Invariant: a crash leaves no trace in the project. Unlike Sumatra's own
``new_record``, which saves first, nothing is ever to be taken back.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from pypet_trajectory.exceptions import (
    MissingPackageError,
    PypetOSError,
    PypetRuntimeError,
    PypetValueError,
)

_LABEL = re.compile(r"[A-Za-z0-9_\-]+")

_logger = logging.getLogger("pypet")


class SumatraRecord:
    """A record that was begun and is not saved yet; made by :func:`begin_record`."""

    def __init__(self, project: Any, record: Any, traj: Any, reason: str) -> None:
        self._project = project
        self._record = record
        self._traj = traj
        self._reason = reason

    def finish(self, start_timestamp: float | None = None) -> str:
        """Save the record of an experiment that succeeded; returns its label.

        Adds ``config.sumatra.record_<label>`` to the trajectory, with label and reason.

        Parameters
        ----------
        start_timestamp
            When the experiment began, in seconds since the epoch; by default when the record was.

        Raises
        ------
        PypetRuntimeError
            If the record was finished before.
        """
        record, self._record = self._record, None
        if record is None:
            raise PypetRuntimeError("A Sumatra record can be finished once only; begin another.")
        if start_timestamp is None:
            start_timestamp = record.timestamp.timestamp()
        record.reason = compose_reason(self._reason, self._traj)
        record.parameters = parameter_values(self._traj)
        record.duration = max(0.0, time.time() - start_timestamp)
        record.output_data = record.datastore.find_new_data(record.timestamp)
        self._project.add_record(record)
        self._project.save()
        group = f"sumatra.record_{record.label}"
        if not self._traj.f_contains(f"config.{group}", shortcuts=False):
            self._traj.f_add_config(
                f"{group}.label", record.label, comment="Label of the Sumatra record"
            )
            self._traj.f_add_config(
                f"{group}.reason", record.reason, comment="Reason of the Sumatra record"
            )
        _logger.info("Added the Sumatra record `%s`.", record.label)
        return str(record.label)


def begin_record(
    project: str | os.PathLike[str], traj: Any, *, reason: str = "", label: str | None = None
) -> SumatraRecord:
    """Note code, platform and time of an experiment that begins; saves nothing.

    Parameters
    ----------
    project
        Folder of the project, which contains ``.smt``, or a folder below it.
    traj
        The trajectory; its parameters are read when the record is finished.
    reason
        Why the experiment is done; what it explores is added.
    label
        Label of the record; a time stamp by default.

    Raises
    ------
    PypetValueError
        If the label cannot become part of a node's name.
    MissingPackageError
        If Sumatra is not installed.
    OSError
        If there is no project.
    Exception
        What Sumatra raises, for instance if the script is not under version control, or has
        changes although the project forbids that.
    """
    check_label(label)
    try:
        from sumatra.programs import get_executable
        from sumatra.projects import LABEL_GENERATORS, load_project
        from sumatra.records import Record
    except ImportError as error:
        raise MissingPackageError(
            "Recording in a Sumatra project needs the package 'Sumatra', which is not installed. "
            'Run `pip install "pypet-vcs[sumatra]"`.'
        ) from error
    loaded = load_project(os.fspath(project))
    repository = loaded.default_repository
    working_copy = repository.get_working_copy()
    version, diff = loaded.update_code(working_copy, "current", "")
    record = Record(
        get_executable(path=sys.executable),
        repository,
        _main_file(loaded.path),
        version,
        loaded.default_launch_mode,
        loaded.data_store,
        label=label or LABEL_GENERATORS[loaded.label_generator](),
        diff=diff,
        on_changed=loaded.on_changed,
        input_datastore=loaded.input_datastore,
        timestamp_format=loaded.timestamp_format,
    )
    record.register(working_copy)
    return SumatraRecord(loaded, record, traj, reason)


def check_project(project: str | os.PathLike[str]) -> None:
    """Make sure that there is a project at a path, without opening it.

    Raises
    ------
    PypetOSError
        If neither the folder nor one above it contains ``.smt``.
    """
    folder = Path(project).absolute()
    if not any((each / ".smt").is_dir() for each in (folder, *folder.parents)):
        raise PypetOSError(
            f"There is no Sumatra project in {folder} or above. Pass the folder that contains "
            ".smt, or make a project there with: smt init NAME"
        )


def check_label(label: str | None) -> None:
    """Make sure that a label can become part of a node's name.

    Raises
    ------
    PypetValueError
        If it cannot.

    Examples
    --------
    >>> check_label("first_sweep-2")
    """
    if label is not None and not _LABEL.fullmatch(label):
        raise PypetValueError(
            "The label of a Sumatra record becomes a name in the trajectory, so it may hold "
            f"letters, digits, '_' and '-' only, but it is {label!r}."
        )


def compose_reason(reason: str, traj: Any) -> str:
    """The user's reason, then name, comment and explored parameters of the trajectory."""
    text = f"Trajectory {traj.v_name}"
    if traj.v_comment:
        text += f" ({traj.v_comment})"
    explored = list(traj.f_get_explored_parameters(copy=False))
    if explored:
        text += f", explored: {', '.join(explored)}"
    return f"{reason} -- {text}" if reason else text


def parameter_values(traj: Any) -> dict[str, Any]:
    """Values of all parameters by full name; of explored ones the list of all values."""
    values: dict[str, Any] = {}
    for name, parameter in traj.f_get_parameters(copy=False).items():
        if parameter.f_is_empty():
            continue
        explored = parameter.f_has_range()
        values[name] = list(parameter.f_get_range()) if explored else parameter.f_get()
    return values


def _main_file(project_path: str) -> str | None:
    """The running script as seen from the project; ``None`` in an interactive session."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.relpath(path, project_path) if path else None
