"""pypet 0.7 as one of the readers, where it can be installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import pypet07_python as pypet07_python

READER = Path(__file__).with_name("pypet07_reader.py")


@pytest.fixture(scope="session")
def pypet07_loads(pypet07_python: str) -> Iterator[Callable[[Path], dict[str, int]]]:
    """Loads a file with pypet 0.7, which is started once; numbers of completed runs by name."""
    process = subprocess.Popen(
        [pypet07_python, str(READER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
