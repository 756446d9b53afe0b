"""Committing the code of an experiment before it runs, and noting the commit in the trajectory.

The invariant of a successful :func:`make_git_commit` is that HEAD *is* the code that runs:
what was changed in tracked files, staged or not, has been committed, or nothing was changed.
Untracked files are never added. Unlike ``git commit`` typed by hand, hooks and signing are left
out, since no user sits there to fix a style complaint or type a passphrase.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pypet_trajectory.exceptions import GitDiffError
from pypet_vcs.repository import (
    CommitInfo,
    RepositoryState,
    describe_commit,
    open_repository,
    read_state,
)

if TYPE_CHECKING:
    import git

#: How many file names an error message lists.
_NAMES_SHOWN = 10


class SupportsCommitInfo(Protocol):
    """Whatever describes a commit: our :class:`CommitInfo`, or GitPython's ``Commit``."""

    @property
    def hexsha(self) -> str: ...
    @property
    def name_rev(self) -> str: ...
    @property
    def committed_date(self) -> int: ...
    @property
    def message(self) -> str | bytes: ...


@dataclass(frozen=True, slots=True)
class CommitOutcome:
    """The commit an experiment runs on, and where it came from."""

    #: The commit at HEAD now.
    commit: CommitInfo
    #: Whether it was made just now; otherwise the tree was clean and it was there before.
    is_new: bool


def compose_message(user_message: str, trajectory: str, moment: str, comment: str = "") -> str:
    """Text of a commit: the user's words, then which trajectory was about to run.

    Examples
    --------
    >>> compose_message("Faster solver", "sir", "2026_01_31_12h00m00s", "Grid of beta")
    'Faster solver -- Trajectory: `sir`, Time: `2026_01_31_12h00m00s`, Comment: `Grid of beta`'
    >>> compose_message("", "sir", "2026_01_31_12h00m00s")
    'Trajectory: `sir`, Time: `2026_01_31_12h00m00s`'
    """
    parts = [f"Trajectory: `{trajectory}`", f"Time: `{moment}`"]
    if comment:
        parts.append(f"Comment: `{comment}`")
    text = ", ".join(parts)
    return f"{user_message} -- {text}" if user_message else text


def commit_changes(
    repository: str | os.PathLike[str], message: str, *, fail_if_dirty: bool = False
) -> CommitOutcome:
    """Commit all changes of tracked files, or describe HEAD if there are none.

    Parameters
    ----------
    repository
        The folder that contains ``.git``.
    message
        Message of the commit; not used if nothing changed.
    fail_if_dirty
        Refuse to commit: raise if anything changed.

    Raises
    ------
    GitDiffError
        If something changed and `fail_if_dirty`; if a merge has conflicts; if there is neither
        a commit nor a tracked file.
    git.NoSuchPathError, git.InvalidGitRepositoryError, git.GitCommandError
        From GitPython: no such folder, no repository, git itself failed.
    """
    with open_repository(repository) as repo:
        state = read_state(repo, with_diff=False)
        if fail_if_dirty and state.is_dirty:
            raise GitDiffError(
                f"The experiment may run on committed code only, but {_describe(state)} in "
                f"'{state.path}'. Commit or revert, or set git_fail=False to have the changes "
                "committed for you."
            )
        if state.unmerged:
            raise GitDiffError(
                f"Conflicts cannot be committed, but {_describe(state)} in '{state.path}'. "
                "Finish or abort the merge first."
            )
        if not state.changed and state.commit is None:
            raise GitDiffError(
                f"The repository '{state.path}' has neither a commit nor a tracked file, so "
                "nothing identifies the code. Add your files with `git add`."
            )
        if state.changed:
            _commit_tracked(repo, message)
        commit = describe_commit(repo)
        assert commit is not None
        return CommitOutcome(commit, is_new=bool(state.changed))


def _commit_tracked(repo: git.Repo, message: str) -> None:
    import git

    reader = repo.config_reader()
    # On machines without user.name git refuses to commit; these fall back to login and host.
    author, committer = git.Actor.author(reader), git.Actor.committer(reader)
    with repo.git.custom_environment(
        GIT_AUTHOR_NAME=author.name,
        GIT_AUTHOR_EMAIL=author.email,
        GIT_COMMITTER_NAME=committer.name,
        GIT_COMMITTER_EMAIL=committer.email,
    ):
        repo.git.execute([
            "git", "-c", f"core.hooksPath={os.devnull}", "-c", "commit.gpgSign=false",
            "commit", "--quiet", "--all", "--cleanup=whitespace", f"--message={message}",
        ])  # fmt: skip


def _describe(state: RepositoryState) -> str:
    """Which files stand in the way, for instance ``'2 file(s) differ from HEAD: a.py, b.py'``."""
    kinds = (
        ("in conflict", state.unmerged),
        ("differ from HEAD", state.changed),
        ("with changes inside the submodule", state.dirty_submodules),
    )
    texts = []
    for kind, names in kinds:
        if names:
            shown = ", ".join(names[:_NAMES_SHOWN])
            more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
            texts.append(f"{len(names)} file(s) {kind}: {shown}{more}")
    return "; ".join(texts)


def add_commit_variables(traj: Any, commit: SupportsCommitInfo) -> None:
    """Add ``config.git.commit_<7 digits>_<time>`` with what is known of `commit`.

    Does nothing if the trajectory has the group already.

    Parameters
    ----------
    traj
        The trajectory.
    commit
        A :class:`CommitInfo` or a commit of GitPython.
    """
    moment = time.strftime("%Y_%m_%d_%Hh%Mm%Ss", time.localtime(commit.committed_date))
    group = f"git.commit_{commit.hexsha[:7]}_{moment}"
    if traj.f_contains(f"config.{group}", shortcuts=False):
        return
    message = commit.message
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    traj.f_add_config(f"{group}.hexsha", commit.hexsha, comment="SHA-1 of the commit")
    traj.f_add_config(
        f"{group}.name_rev", commit.name_rev, comment="SHA-1 and the reference closest to it"
    )
    traj.f_add_config(
        f"{group}.committed_date",
        int(commit.committed_date),
        comment="When it was committed, in seconds since the epoch",
    )
    traj.f_add_config(f"{group}.message", str(message), comment="Message of the commit")


def make_git_commit(
    environment: Any,
    git_repository: str | os.PathLike[str],
    user_message: str,
    git_fail: bool,
) -> tuple[bool, str]:
    """Commit the code an environment is about to run and note the commit in its trajectory.

    Parameters
    ----------
    environment
        Anything with ``trajectory`` (``v_name``, ``v_comment``) and ``time``.
    git_repository
        The folder that contains ``.git``.
    user_message
        Beginning of the message; may be empty.
    git_fail
        Raise instead of committing if tracked files have changed.

    Returns
    -------
    tuple
        Whether a commit was made, and the SHA-1 of HEAD.

    Raises
    ------
    GitDiffError
        As :func:`commit_changes`; then neither repository nor trajectory has changed.
    """
    traj = environment.trajectory
    message = compose_message(user_message, traj.v_name, environment.time, traj.v_comment)
    outcome = commit_changes(git_repository, message, fail_if_dirty=git_fail)
    add_commit_variables(traj, outcome.commit)
    return outcome.is_new, outcome.commit.hexsha
