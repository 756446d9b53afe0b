"""Net 1: import-linter's contracts, and that they catch a planted fault in every package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
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

#: A module low down in each package that is layered inside, and what it must not import.
INNER = {
    "pypet-trajectory/src/pypet_trajectory/naming": "pypet_trajectory.tree.groups",
    "pypet-storage-hdf5/src/pypet_storage_hdf5/safety": "pypet_storage_hdf5.backend",
    "pypet-multiproc/src/pypet_multiproc/model": "pypet_multiproc.engine",
    "pypet/src/pypet/environment/arguments": "pypet.environment.execution.running",
}
#: Imports that lead up by intent, with the layers of `pyproject.toml`.
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]


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


@pytest.mark.timeout(180)
def test_an_import_from_a_lower_to_a_higher_layer_breaks_a_contract(tmp_path: Path) -> None:
    folders = copy_of_packages(tmp_path)
    for number, (folder, higher) in enumerate(INNER.items()):
        lines = ["from typing import TYPE_CHECKING", "if TYPE_CHECKING:", f"    import {higher}"]
        if number % 2:
            lines = ["def later():", f"    import {higher}"]
        (tmp_path / "packages" / folder / "planted.py").write_text("\n".join(lines), "utf-8")
    answer = lint_imports(tmp_path, folders)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    for folder, higher in INNER.items():
        lower = folder.partition("/src/")[2].replace("/", ".")
        assert f"{lower}.planted -> {higher}" in answer.stdout


@pytest.mark.timeout(180)
def test_a_module_that_no_layer_names_breaks_a_contract(tmp_path: Path) -> None:
    folders = copy_of_packages(tmp_path)
    packages = [folder.rpartition("/")[0] for folder in INNER]
    for package in packages:
        (tmp_path / "packages" / package / "planted.py").write_text("", "utf-8")
    answer = lint_imports(tmp_path, folders)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    for package in packages:
        assert f"{package.partition('/src/')[2].replace('/', '.')}.planted" in answer.stdout


@pytest.mark.parametrize("container", ["pypet_trajectory", "pypet_storage_hdf5", "pypet_multiproc"])
def test_no_folders_import_each_other_in_a_circle(container: str) -> None:
    (contract,) = [each for each in CONTRACTS["contracts"] if each.get("containers") == [container]]
    graph = grimp.build_graph(container, cache_dir=None)
    for line in contract.get("ignore_imports", []):
        importer, _, imported = line.partition(" -> ")
        graph.remove_import(importer=importer, imported=imported)
    folders = sorted(graph.find_children(container))
    for folder in folders:
        graph.squash_module(folder)
    imports: dict[str, set[str]] = {
        folder: graph.find_modules_directly_imported_by(folder) & set(folders) - {folder}
        for folder in folders
    }
    assert any(imports.values())
    while imports:
        lowest = [folder for folder, imported in imports.items() if not imported & imports.keys()]
        assert lowest, f"these import each other in a circle: {imports}"
        for folder in lowest:
            del imports[folder]
