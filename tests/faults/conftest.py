"""pypet 0.7 as one of the readers, where it can be installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import scenarios
from tests.interop.conftest import pypet07_python as pypet07_python

READER = Path(__file__).with_name("pypet07_reader.py")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to begin with; a copy has its modification time."""
    file = tmp_path_factory.mktemp("template") / "template.hdf5"
    scenarios.prepare(file)
    return file


@pytest.fixture(scope="session")
def pypet07_loads(pypet07_python: str) -> Iterator[Callable[[Path], dict[str, int]]]:
    """Loads a file with pypet 0.7, which is started once; numbers of completed runs by name."""
    process = subprocess.Popen(
        [pypet07_python, "-E", str(READER)],  # it must not find this library
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    assert stdout.readline() == "ready\n"

    def load(file: Path) -> dict[str, int]:
        stdin.write(f"{file}\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        assert isinstance(answer, dict), answer
        return answer

    yield load
    process.communicate(timeout=30)
