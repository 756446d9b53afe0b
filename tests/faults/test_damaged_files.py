"""Files that were damaged at random: documented errors only, no crash, little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="limits the memory of a process"),
]

DATA = Path(__file__).parents[2] / "packages" / "pypet-storage-hdf5" / "tests" / "data"
SAMPLES = (
    "env_experiment",
    "results_types",
    "shared_data",
    "multi_tree_links",
    "parameters_explored",
    "classes_and_flags",
)


def problems(sample: str, folder: Path, first: int, last: int) -> dict[int, str]:
    """What went wrong by seed; a process that crashes is followed by another one."""
    found: dict[int, str] = {}
    while first < last:
        process = subprocess.run(
            [
                *(sys.executable, "-m", "tests.faults.fuzzing"),
                *(str(DATA / f"{sample}.hdf5"), str(folder), str(first), str(last)),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        seed = first - 1
        for line in process.stdout.splitlines():
            if line.startswith("seed "):
                seed = int(line.split()[1])
            else:
                found[seed] = f"{found.get(seed, '')}\n{line}"
        if process.returncode:
            found[seed] = f"crashed with {process.returncode}: {process.stderr[-2000:]}"
            last = last if seed >= first else first  # it did not even begin
        first = seed + 1
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_damaged_files_load_or_say_why_not(sample: str, tmp_path: Path) -> None:
    assert problems(sample, tmp_path, 0, 25) == {}


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sample", SAMPLES)
def test_thousands_of_damaged_files_load_or_say_why_not(sample: str, tmp_path: Path) -> None:
    assert problems(sample, tmp_path, 25, 400) == {}
