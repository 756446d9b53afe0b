"""Tie a numerical experiment to the version of its code.

Three modules, one step each: :mod:`pypet_vcs.repository` reads where a git repository stands,
:mod:`pypet_vcs.commit` commits what was changed, :mod:`pypet_vcs.provenance` records what an
experiment ran on. GitPython is imported when a repository is opened, not before.
"""

from pypet_vcs.commit import (
    CommitOutcome,
    add_commit_variables,
    commit_changes,
    compose_message,
    make_git_commit,
)
from pypet_vcs.provenance import Provenance, add_provenance, record_provenance
from pypet_vcs.repository import CommitInfo, RepositoryState, open_repository, read_state

__all__ = [
    "CommitInfo",
    "CommitOutcome",
    "Provenance",
    "RepositoryState",
    "add_commit_variables",
    "add_provenance",
    "commit_changes",
    "compose_message",
    "make_git_commit",
    "open_repository",
    "read_state",
    "record_provenance",
]
