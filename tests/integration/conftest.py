"""However an experiment of this suite ends, it leaves no process and no file behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.leftovers import still_there


@pytest.fixture(autouse=True)
def nothing_is_left_behind(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Look for what was not there before the test: processes, temporary files, open files."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    children = _children()
    yield
    assert still_there(_children() - children) == []
    assert _temporary_files(temporary) == []
    assert [file.path for file in psutil.Process().open_files() if ".hdf5" in file.path] == []


def _children() -> set[psutil.Process]:
    """Children of this process, but for servers that `multiprocessing` keeps by design."""
    return {child for child in psutil.Process().children() if not _is_server(child)}


def _is_server(process: psutil.Process) -> bool:
    try:
        line = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return True
    return "forkserver" in line or "resource_tracker" in line


def _temporary_files(folder: Path) -> list[str]:
    """Files in the folder, but for the socket of the fork server."""
    return [name for name in os.listdir(folder) if not name.startswith("pymp-")]
