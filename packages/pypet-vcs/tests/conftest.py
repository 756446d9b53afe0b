"""Repositories made for a test, untouched by the settings of whoever runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


class Folder:
    """A working tree with a `git` command and files to write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, name: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def own_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    """A repository without commits."""
    folder = Folder(tmp_path / "code")
    folder.path.mkdir()
    folder.git("init", "--quiet", "--initial-branch=main")
    folder.git("config", "user.name", "Ada")
    folder.git("config", "user.email", "ada@example.org")
    folder.git("config", "core.autocrlf", "false")
    return folder


@pytest.fixture
def folder(empty: Folder) -> Folder:
    """A repository with one commit of ``model.py`` and ``notes.txt``."""
    empty.write("model.py", "beta = 1\n")
    empty.write("notes.txt", "one\ntwo\n")
    empty.git("add", ".")
    empty.git("commit", "--quiet", "--message=First")
    return empty
