"""The state of a git repository, read and never changed.

A :class:`RepositoryState` says which commit the working tree stands on and everything in which
the tree differs from it. Invariant: reading takes no lock and writes nothing, not even git's
index, so it is safe while a user works in the repository. Unlike a plain ``git diff``,
"changed" means *different from the commit*: a change that is staged already counts as well.
"""

from __future__ import annotations

import functools
import os
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pypet_trajectory.exceptions import PypetValueError

if TYPE_CHECKING:
    import git

#: Makes a patch that ``git apply`` understands whatever the user's own settings are.
_PATCH_OPTIONS = (
    "--binary",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--ignore-submodules=dirty",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What is told about one commit."""

    #: SHA-1 of the commit, 40 hexadecimal digits.
    hexsha: str
    #: The SHA-1 and the closest reference, for instance ``'<sha> main~2'``.
    name_rev: str
    #: Seconds since the epoch.
    committed_date: int
    #: The whole commit message, as git keeps it.
    message: str


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """Where a repository stands and how its working tree differs from that."""

    #: Absolute path of the working tree.
    path: str
    #: The commit checked out; ``None`` in a repository without commits.
    commit: CommitInfo | None
    #: Name of the branch checked out; ``None`` if HEAD is detached.
    branch: str | None
    #: Tracked files that differ from the commit, staged or not; sorted, ``/`` as separator.
    changed: tuple[str, ...] = ()
    #: Those of `changed` whose change is, at least in part, staged.
    staged: tuple[str, ...] = ()
    #: Files in the middle of a conflicting merge.
    unmerged: tuple[str, ...] = ()
    #: Files git does not know; a folder without known files is one entry ending with ``/``.
    untracked: tuple[str, ...] = ()
    #: Submodules at the recorded commit, but with changes of their own inside.
    dirty_submodules: tuple[str, ...] = ()
    #: Patch from the commit to the working tree; ``''`` if clean, or if not asked for.
    diff: str = ""

    @property
    def is_dirty(self) -> bool:
        """Whether the commit alone does not give the tracked files of the working tree."""
        return bool(self.changed or self.unmerged or self.dirty_submodules)


def open_repository(path: str | os.PathLike[str], *, search_parents: bool = False) -> git.Repo:
    """Open the git repository at `path`.

    Parameters
    ----------
    path
        The folder that contains ``.git``, absolute or relative.
    search_parents
        Whether a folder anywhere inside the repository will do.

    Raises
    ------
    git.NoSuchPathError
        If there is no such folder; also a ``ValueError``.
    git.InvalidGitRepositoryError
        If it is not a repository; also a ``ValueError``.
    """
    import git

    try:
        return git.Repo(os.fspath(path), search_parent_directories=search_parents)
    except (git.NoSuchPathError, git.InvalidGitRepositoryError) as error:
        kind = git.NoSuchPathError if not os.path.exists(path) else type(error)
        what = "there is no such folder" if kind is git.NoSuchPathError else "it contains no .git"
        # A class can be hashed, but mypy looks at its instances.
        raise _no_repository_error(kind)(  # type: ignore[arg-type]
            f"{os.path.abspath(path)} is no git repository: {what}. Pass the folder that contains "
            ".git."
        ) from error


@functools.cache
def _no_repository_error(kind: type[Exception]) -> type[Exception]:
    """GitPython's error that is ours as well; made when needed, for git is not imported before."""
    return type("NoRepositoryError", (PypetValueError, kind), {"__module__": __name__})


def describe_commit(repo: git.Repo) -> CommitInfo | None:
    """Describe the commit checked out, ``None`` in a repository without commits."""
    if not repo.head.is_valid():
        return None
    commit = repo.head.commit
    message = commit.message
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    return CommitInfo(commit.hexsha, commit.name_rev, int(commit.committed_date), message)


def read_state(
    repository: git.Repo | str | os.PathLike[str], *, with_diff: bool = True
) -> RepositoryState:
    """Read commit, branch and all differences between commit and working tree.

    Parameters
    ----------
    repository
        An open repository, or the folder that contains ``.git``.
    with_diff
        Whether to make the patch, the only part whose size is unbounded.

    Raises
    ------
    git.NoSuchPathError, git.InvalidGitRepositoryError
        As :func:`open_repository`.

    Notes
    -----
    The patch holds tracked files only; nothing untracked is ever read.
    """
    if isinstance(repository, str | os.PathLike):
        with open_repository(repository) as repo:
            return read_state(repo, with_diff=with_diff)
    state = replace(_read_status(repository), commit=describe_commit(repository))
    if with_diff and state.changed:
        state = replace(state, diff=_read_diff(repository, has_commit=state.commit is not None))
    return state


def _run_git(repo: git.Repo, arguments: list[str]) -> bytes:
    """Output of a git command that neither takes a lock nor quotes file names."""
    command = ["git", "--no-optional-locks", "-c", "core.quotePath=false", *arguments]
    output = repo.git.execute(command, stdout_as_string=False, strip_newline_in_stdout=False)
    assert isinstance(output, bytes)
    return output


def _read_status(repo: git.Repo) -> RepositoryState:
    """Parse ``git status --porcelain=v2``: records end with NUL, names come last and unquoted."""
    output = _run_git(repo, ["status", "--porcelain=v2", "--branch", "-z", "--no-renames",
                             "--untracked-files=normal", "--ignore-submodules=none"])  # fmt: skip
    branch: str | None = None
    changed, staged, unmerged, untracked, submodules = [], [], [], [], []
    for record in os.fsdecode(output).split("\0"):
        match record[:1]:
            case "#":
                key, _, value = record[2:].partition(" ")
                if key == "branch.head" and value != "(detached)":
                    branch = value
            case "1":
                # 1 XY sub mH mI mW hH hI path; X: staged, Y: not staged, '.': unchanged
                _, codes, sub, *_, name = record.split(" ", 8)
                if codes == ".M" and sub.startswith("S."):
                    submodules.append(name)
                    continue
                changed.append(name)
                if codes[0] != ".":
                    staged.append(name)
            case "u":
                unmerged.append(record.split(" ", 10)[-1])
            case "?":
                untracked.append(record[2:])
    return RepositoryState(
        path=os.path.abspath(repo.working_dir),
        commit=None,
        branch=branch,
        changed=tuple(sorted(changed)),
        staged=tuple(sorted(staged)),
        unmerged=tuple(sorted(unmerged)),
        untracked=tuple(sorted(untracked)),
        dirty_submodules=tuple(sorted(submodules)),
    )


def _read_diff(repo: git.Repo, *, has_commit: bool) -> str:
    """Patch from the commit (or from nothing at all) to the working tree."""
    base = "HEAD" if has_commit else repo.git.hash_object("-t", "tree", os.devnull)
    output = _run_git(repo, ["diff", *_PATCH_OPTIONS, base, "--"])
    try:
        return output.decode("utf-8")
    except UnicodeDecodeError:
        # A file in another encoding: let git write every change in its ASCII form of binary
        # patches, since text that is decoded with losses could not be applied.
        with tempfile.TemporaryDirectory() as folder:
            attributes = os.path.join(folder, "attributes")
            with open(attributes, "w", encoding="ascii") as file:
                file.write("* -diff\n")
            setting = ["-c", f"core.attributesFile={attributes}"]
            output = _run_git(repo, [*setting, "diff", *_PATCH_OPTIONS, base, "--"])
        return output.decode("utf-8", "backslashreplace")
