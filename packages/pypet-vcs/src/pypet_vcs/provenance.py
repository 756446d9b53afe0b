"""What an experiment ran on: code, packages, interpreter, host and command, in one record.

A :class:`Provenance` is taken once and changes nothing. Invariant: it is plain data (text,
numbers, tuples, dictionaries), so it can go into a trajectory, into JSON, or into an issue
report. Unlike a commit, it needs no clean working tree: the patch of every dirty repository is
part of it, those of packages installed in editable mode included, so that commit plus patch
give the code back.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import shlex
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pypet_vcs.repository import CommitInfo, RepositoryState, open_repository, read_state


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything needed to know, and to restore, what an experiment ran on."""

    #: Seconds since the epoch when the record was taken.
    timestamp: float
    #: Name of the machine.
    host: str
    #: Login name; ``''`` if the system knows none.
    user: str
    #: Operating system and machine, as :func:`platform.platform` tells them.
    platform: str
    #: Path of the interpreter.
    interpreter: str
    #: Implementation and version, for instance ``'CPython 3.12.1'``.
    python: str
    #: The command line, quoted for a POSIX shell.
    command: str
    #: The working directory.
    directory: str
    #: Versions of installed distributions by normalised name.
    packages: Mapping[str, str] = field(default_factory=dict)
    #: The repository of the experiment, then those of packages installed in editable mode.
    repositories: tuple[RepositoryState, ...] = ()

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what :meth:`to_json` wrote.

        Fields this version does not know are left out, so that records of later versions load.

        Raises
        ------
        ValueError
            If `text` is not JSON.
        """
        values = _known(cls, json.loads(text))
        values["repositories"] = tuple(_state(each) for each in values.get("repositories", ()))
        return cls(**values)

    def differences(self, other: Provenance) -> dict[str, tuple[Any, Any]]:
        """What differs between two records, by name; packages as ``packages.<name>``.

        The moment is not compared. A package or repository only one of them has is paired with
        ``None``; repositories are compared by commit and patch, as ``repositories.<path>``.
        """
        found: dict[str, tuple[Any, Any]] = {}
        for name, mine, others in _pairs(_comparable(self), _comparable(other)):
            if mine != others:
                found[name] = (mine, others)
        return found


def record_provenance(
    repository: str | os.PathLike[str] | None = None, *, with_diff: bool = True
) -> Provenance:
    """Take a record of the running process.

    Parameters
    ----------
    repository
        A folder in the repository of the experiment. ``None``: the repository around the
        running script, if it lies in one.
    with_diff
        Whether to take the patches of dirty repositories.

    Raises
    ------
    git.NoSuchPathError, git.InvalidGitRepositoryError
        If `repository` is given and is none. Nothing is raised for repositories found on the
        way, they are only left out.
    """
    return Provenance(
        timestamp=time.time(),
        host=socket.gethostname(),
        user=_login_name(),
        platform=platform.platform(),
        interpreter=sys.executable or "",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        command=shlex.join(sys.orig_argv),
        directory=os.getcwd(),
        packages=package_versions(),
        repositories=tuple(_read_repositories(repository, with_diff=with_diff)),
    )


def package_versions() -> dict[str, str]:
    """Versions of all installed distributions by normalised name, sorted."""
    versions: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.name
        # Broken installations leave folders without metadata, whose name is None.
        if name:
            # The first one on the path is the one that is imported.
            versions.setdefault(_normalised(name), distribution.version)
    return dict(sorted(versions.items()))


def editable_folders() -> dict[str, str]:
    """Source folders of distributions installed in editable mode, by normalised name."""
    folders: dict[str, str] = {}
    for distribution in metadata.distributions():
        text = distribution.read_text("direct_url.json")
        if not text or not distribution.name:
            continue
        origin = json.loads(text)
        parts = urlsplit(origin.get("url", ""))
        if parts.scheme == "file" and origin.get("dir_info", {}).get("editable"):
            folders.setdefault(_normalised(distribution.name), url2pathname(parts.path))
    return dict(sorted(folders.items()))


def add_provenance(traj: Any, provenance: Provenance, name: str = "provenance") -> None:
    """Add a record to a trajectory as ``config.<name>.*``.

    Host, command and the like become one config entry each, to be read; ``record`` holds the
    whole as JSON for :meth:`Provenance.from_json`. Does nothing if the group is there already.
    """
    if traj.f_contains(f"config.{name}", shortcuts=False):
        return
    entries = {
        "host": (provenance.host, "Name of the machine"),
        "platform": (provenance.platform, "Operating system and machine"),
        "python": (provenance.python, "Implementation and version of Python"),
        "command": (provenance.command, "The command line"),
        "dirty": (
            any(state.is_dirty for state in provenance.repositories),
            "Whether tracked files differed from their commits",
        ),
        "record": (provenance.to_json(), "The whole record as JSON"),
    }
    for entry, (value, comment) in entries.items():
        traj.f_add_config(f"{name}.{entry}", value, comment=comment)


def _read_repositories(
    repository: str | os.PathLike[str] | None, *, with_diff: bool
) -> Iterable[RepositoryState]:
    import git

    folders = list(editable_folders().values())
    seen: set[str] = set()
    if repository is not None:
        state = read_state(repository, with_diff=with_diff)
        seen.add(os.path.realpath(state.path))
        yield state
    else:
        folders.insert(0, _script_folder())
    for folder in folders:
        try:
            with open_repository(folder, search_parents=True) as repo:
                root = os.path.realpath(repo.working_dir)
                if root in seen:
                    continue
                seen.add(root)
                state = read_state(repo, with_diff=with_diff)
        except (git.NoSuchPathError, git.InvalidGitRepositoryError):
            # Not every source folder is under version control, and that is no fault.
            continue
        yield state


def _script_folder() -> str:
    """Folder of the running script; the working directory in an interactive session."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.dirname(os.path.abspath(path)) if path else os.getcwd()


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # In containers the user id often has no name.
        return ""


def _normalised(name: str) -> str:
    """Name of a distribution in its normal form, as PEP 503 defines it."""
    return "-".join(
        part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part
    )


def _known(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(cls)}
    return {name: value for name, value in values.items() if name in names}


def _state(values: Mapping[str, Any]) -> RepositoryState:
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in _known(RepositoryState, values).items()
    }
    commit = known.get("commit")
    known["commit"] = None if commit is None else CommitInfo(**_known(CommitInfo, commit))
    return RepositoryState(**known)


def _comparable(record: Provenance) -> dict[str, Any]:
    values: dict[str, Any] = {
        each.name: getattr(record, each.name)
        for each in fields(record)
        if each.name not in ("timestamp", "packages", "repositories")
    }
    values |= {f"packages.{name}": version for name, version in record.packages.items()}
    for state in record.repositories:
        hexsha = state.commit.hexsha if state.commit else None
        values[f"repositories.{state.path}"] = (hexsha, state.diff)
    return values


def _pairs(mine: Mapping[str, Any], others: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for name in sorted(mine.keys() | others.keys()):
        yield name, mine.get(name), others.get(name)
