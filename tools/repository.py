"""The repository as data: its distributions, their folders, versions and requirements."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

#: Import names that differ from the names of their distributions.
_IMPORT_NAMES = {"pyzmq": "zmq", "gitpython": "git"}


def import_name_of(requirement: str) -> str:
    """The package that a requirement brings.

    >>> import_name_of("pypet-trajectory>=0.1,<0.2")
    'pypet_trajectory'
    >>> import_name_of("pyzmq>=25")
    'zmq'
    """
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is no requirement: it starts with no name.")
    name = match.group().lower()
    return _IMPORT_NAMES.get(name, name.replace("-", "_"))


@dataclass(frozen=True)
class Distribution:
    """One folder below ``packages/`` with its ``pyproject.toml``."""

    folder: Path
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """Name on the package index, ``'pypet-trajectory'``."""
        return str(self.metadata["project"]["name"])

    @property
    def version(self) -> str:
        """Version as written in ``pyproject.toml``."""
        return str(self.metadata["project"]["version"])

    @property
    def import_name(self) -> str:
        """Name to import, ``'pypet_trajectory'``."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """Folder of the import package."""
        return self.folder / "src" / self.import_name

    @property
    def requirements(self) -> list[str]:
        """Required distributions, extras not included."""
        return list(self.metadata["project"]["dependencies"])

    @property
    def optional_requirements(self) -> list[str]:
        """Everything that some extra asks for."""
        extras = self.metadata["project"].get("optional-dependencies", {})
        return [requirement for extra in extras.values() for requirement in extra]


def read_distributions(root: Path = ROOT) -> dict[str, Distribution]:
    """All distributions of a checkout by name, sorted."""
    found = {}
    for file in sorted((root / "packages").glob("*/pyproject.toml")):
        distribution = Distribution(file.parent, tomllib.loads(file.read_text("utf-8")))
        found[distribution.name] = distribution
    return found
