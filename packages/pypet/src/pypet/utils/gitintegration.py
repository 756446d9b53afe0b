"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_vcs`."""

from pypet_vcs.commit import add_commit_variables, make_git_commit

__all__ = ["add_commit_variables", "make_git_commit"]
