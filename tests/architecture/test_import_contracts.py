"""Net 1: import-linter's contracts, and that they catch a planted fault in every package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.repository import ROOT, read_distributions

#: One import that each distribution must not make.
FORBIDDEN = {
    "pypet-trajectory": "pypet_storage_hdf5",
    "pypet-storage-hdf5": "pypet_multiproc",
    "pypet-multiproc": "pypet_net",
    "pypet-net": "pypet_resume",
    "pypet-resume": "pypet_multiproc",
    "pypet-vcs": "pypet",
}


def lint_imports(root: Path, sources: list[Path]) -> subprocess.CompletedProcess[str]:
    """Run the contracts of `root` on the packages found in `sources`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--config", str(root / "pyproject.toml")],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def copy_of_packages(target: Path) -> list[Path]:
    """Copy the configuration and all sources; give the folders to import from."""
    shutil.copy(ROOT / "pyproject.toml", target)
    folders = []
    for distribution in read_distributions().values():
        folder = target / "packages" / distribution.name / "src"
        shutil.copytree(
            distribution.source,
            folder / distribution.import_name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        folders.append(folder)
    return folders


@pytest.mark.timeout(180)
def test_the_contracts_hold() -> None:
    sources = [distribution.source.parent for distribution in read_distributions().values()]
    answer = lint_imports(ROOT, sources)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_an_import_from_below_to_above_breaks_a_contract(name: str, tmp_path: Path) -> None:
    folders = copy_of_packages(tmp_path)
    import_name = name.replace("-", "_")
    planted = tmp_path / "packages" / name / "src" / import_name / "planted.py"
    planted.write_text(f"def later():\n    import {FORBIDDEN[name]}\n", "utf-8")
    answer = lint_imports(tmp_path, folders)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert f"{import_name}.planted" in answer.stdout
