"""Where an experiment comes from: the state of the user's code, and a record in a lab book.

Everything about git and Sumatra is in :mod:`pypet_vcs`; here is only when it happens. Whether there
will be a commit at all is found out before anything else changes; it is made before log files are.
A record in a Sumatra project is begun before the first run and written after the last: an
experiment that raises leaves none.
"""

from __future__ import annotations

import logging
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet_trajectory import constants

logger = logging.getLogger("pypet.environment.Environment")


def check_repository(arguments: EnvironmentArguments) -> None:
    """Find out, changing nothing, whether :func:`commit_code` will be refused.

    Raises
    ------
    GitDiffError
        If there are changes and ``git_fail`` is set.
    git.NoSuchPathError, git.InvalidGitRepositoryError
        If the folder is no repository.
    """
    if arguments.git_repository is None:
        return
    from pypet_vcs.commit import commit_changes
    from pypet_vcs.repository import read_state

    if arguments.git_fail:
        # Commits nothing if changes are an error.
        commit_changes(arguments.git_repository, "", fail_if_dirty=True)
    else:
        read_state(arguments.git_repository, with_diff=False)


def commit_code(arguments: EnvironmentArguments, trajectory: Any, moment: str) -> Any:
    """Commit changes of the user's repository and note the commit in the trajectory.

    Parameters
    ----------
    arguments : EnvironmentArguments
        Which repository, with what message, and whether changes are an error.
    trajectory : Trajectory
        Gets the entries below ``config.git``.
    moment : str
        Time for the message.

    Returns
    -------
    pypet_vcs.CommitOutcome or None
        ``None`` if there is no repository to look at.

    Raises
    ------
    GitDiffError
        If there are changes and ``git_fail`` is set; nothing is committed then.
    """
    if arguments.git_repository is None:
        return None
    from pypet_vcs.commit import add_commit_variables, commit_changes, compose_message

    message = compose_message(
        arguments.git_message, trajectory.v_name, moment, trajectory.v_comment
    )
    outcome = commit_changes(arguments.git_repository, message, fail_if_dirty=arguments.git_fail)
    add_commit_variables(trajectory, outcome.commit)
    return outcome


def log_commit(outcome: Any) -> None:
    """Say in the log which commit the code is in."""
    if outcome is None:
        return
    if outcome.is_new:
        logger.info("Committed the changes of your code as %s.", outcome.commit.hexsha)
    else:
        logger.info("Your code is unchanged; noted its last commit %s.", outcome.commit.hexsha)


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
