"""Files with quantities of pypet 0.7 are read here, and ours there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("brian2")

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("sample", HERE / "sample.py")
assert _spec is not None
assert _spec.loader is not None
sample = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sample)


@pytest.fixture
def pypet07(folder):
    """Runs the script with pypet 0.7.0, if PYPET07_PYTHON names one that has brian2."""
    python = os.environ.get("PYPET07_PYTHON")
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}

    def run(*args):
        command = [python, "-E", *args]
        answer = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200
        )
        return answer.returncode, answer.stderr

    code = "import brian2, pypet; assert pypet.__version__ == '0.7.0'"
    if python is None or run("-c", code)[0]:
        pytest.skip("needs pypet 0.7.0 with brian2: set PYPET07_PYTHON")
    return lambda *args: run(str(HERE / "sample.py"), *args)


def test_a_file_of_pypet_0_7_is_read(folder):
    shutil.copy(HERE / "data" / "pypet_0_7.hdf5", folder)
    sample.check(str(folder / "pypet_0_7.hdf5"))


def test_our_file_is_read_again(folder):
    sample.write(str(folder / "ours.hdf5"))
    sample.check(str(folder / "ours.hdf5"))


def test_pypet_0_7_reads_our_file_and_we_read_its(pypet07, folder):
    sample.write(str(folder / "ours.hdf5"))
    assert pypet07("check", str(folder / "ours.hdf5"))[0] == 0
    assert pypet07("write", str(folder / "theirs.hdf5"))[0] == 0
    sample.check(str(folder / "theirs.hdf5"))
