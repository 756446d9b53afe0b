"""Ruff refuses access to private state of other objects (SLF001)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.repository import ROOT

PACKAGES = [
    "pypet",
    "pypet-multiproc",
    "pypet-net",
    "pypet-resume",
    "pypet-storage-hdf5",
    "pypet-trajectory",
    "pypet-vcs",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_planted_private_access_is_refused(name: str) -> None:
    filename = f"packages/{name}/src/{name.replace('-', '_')}/planted.py"
    answer = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--stdin-filename", filename, "-"],
        input='"""Planted."""\n\n\ndef peek(trajectory: object) -> object:\n    '
        "return trajectory._run_table\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "SLF001" in answer.stdout
