"""Finds pypet 0.7.0 in an environment of its own.

The interpreter is named by the environment variable ``PYPET07_PYTHON``. Without it, a virtual
environment is made once in pytest's cache if Python 3.12 is on the machine (on PATH, or kept by
pyenv) and pip can install pypet 0.7.0 into it; else these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PACKAGES = ("pypet==0.7.0", "tables", "pandas", "scipy", "numpy")


def _candidates() -> Iterator[str]:
    """Interpreters that may be Python 3.12; a shim of pyenv is there without working."""
    for name in ("python3.12", "python3", "python"):
        found = shutil.which(name)
        if found:
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob("versions/3.12*/bin/python")))


def _is_python312(python: str) -> bool:
    code = "import sys; sys.exit(sys.version_info[:2] != (3, 12))"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def pypet07_python(request: pytest.FixtureRequest) -> str:
    """An interpreter that has pypet 0.7.0."""
    given = os.environ.get("PYPET07_PYTHON")
    if given:
        return given
    python = next(filter(_is_python312, _candidates()), None)
    if python is None:
        pytest.skip("needs pypet 0.7.0: set PYPET07_PYTHON, or install Python 3.12")
    folder = Path(request.config.cache.mkdir("pypet07"))
    interpreter = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    ready = folder / "ready"
    if not ready.exists():
        try:
            subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
            subprocess.run(
                [str(interpreter), "-m", "pip", "install", "--quiet", *PACKAGES],
                check=True,
                capture_output=True,
                timeout=600,
            )
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"pypet 0.7.0 cannot be installed: {error}")
        ready.touch()
    return str(interpreter)


@pytest.fixture
def pypet07(pypet07_python: str) -> Callable[[str, str], dict[str, Any]]:
    """Carries out a request under pypet 0.7.0 and returns what it sees in the file."""

    def ask(what: str, filename: str) -> dict[str, Any]:
        done = subprocess.run(
            [pypet07_python, str(HERE / "pypet07_side.py"), what, filename],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer

    return ask
