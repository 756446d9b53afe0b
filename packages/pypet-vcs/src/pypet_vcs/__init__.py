"""Tie a numerical experiment to the version of its code.

Four modules, one step each: :mod:`pypet_vcs.repository` reads where a git repository stands,
:mod:`pypet_vcs.commit` commits what was changed, :mod:`pypet_vcs.provenance` records what an
experiment ran on, :mod:`pypet_vcs.sumatra` adds it to a Sumatra project. GitPython and Sumatra are
imported when they are used, not before.
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
from pypet_vcs.sumatra import SumatraRecord, begin_record

__all__ = [
    "CommitInfo",
    "CommitOutcome",
    "Provenance",
    "RepositoryState",
    "SumatraRecord",
    "add_commit_variables",
    "add_provenance",
    "begin_record",
    "commit_changes",
    "compose_message",
    "make_git_commit",
    "open_repository",
    "read_state",
    "record_provenance",
]
