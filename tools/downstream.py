"""Public projects that use pypet, tested with pypet 0.7.0 and with this checkout.

Each project is installed twice from the index, into fresh virtual environments that differ in
pypet alone; those of its tests that concern pypet are run from its sdist in both. The answer is
a table. The exit code is 1 if a test that passes with 0.7.0 does not pass with the checkout. A
project that cannot be had, or whose tests cannot be run, is a row that says so and no failure:
the index is not ours. Run by hand before a release; needs the network.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.repository import read_distributions

REFERENCE = "pypet==0.7.0"
PATIENCE = 1800.0  # seconds for one installation or one run of a project's tests


@dataclass(frozen=True)
class Project:
    """A project on the index and which of its tests concern pypet."""

    name: str
    """Its name on the index."""
    tests: tuple[str, ...]
    """Files of tests, relative to the root of its sdist."""


PROJECTS = (Project("neurolib", ("tests/test_exploration.py", "tests/test_evolution.py")),)


@dataclass(frozen=True)
class Row:
    """What came of one project."""

    project: str
    version: str = "-"
    reference: Mapping[str, bool] = field(default_factory=dict)
    """Name of each test that ran with pypet 0.7.0, and whether it passed."""
    ours: Mapping[str, bool] = field(default_factory=dict)
    """The same with the checkout."""
    trouble: str = ""
    """Why the project could not be tested; empty if it was."""

    def lost(self) -> list[str]:
        """Tests that pass with 0.7.0 and do not pass (or do not run) with the checkout."""
        return sorted(
            name for name, passed in self.reference.items() if passed and not self.ours.get(name)
        )


class NotToBeHadError(Exception):
    """A project cannot be fetched, installed or tested; the text says at which step."""


def read_results(report: Path) -> dict[str, bool]:
    """Tests of a JUnit report; skipped ones are left out."""
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            name = f"{case.get('classname')}::{case.get('name')}"
            results[name] = case.find("failure") is None and case.find("error") is None
    return results


def format_table(rows: Sequence[Row]) -> str:
    """One line per project: version, tests passed of those that ran with 0.7.0 and with ours."""
    lines = ["| project | version | tests with 0.7.0 | tests with ours |", "|---|---|---|---|"]
    for row in rows:
        if row.trouble:
            lines.append(f"| {row.project} | {row.version} | {row.trouble} | - |")
            continue
        counts = [f"{sum(each.values())} of {len(each)}" for each in (row.reference, row.ours)]
        lines.append(f"| {row.project} | {row.version} | {counts[0]} | {counts[1]} |")
    return "\n".join(lines)


def run(step: str, *command: str | Path, cwd: Path) -> str:
    """Run a command; its failure is trouble with the step."""
    try:
        answer = subprocess.run(
            [str(part) for part in command],
            cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotToBeHadError(f"{step}: no end after {PATIENCE:.0f} s") from error
    if answer.returncode:
        print(answer.stdout[-2000:], answer.stderr[-2000:], file=sys.stderr)
        raise NotToBeHadError(f"{step}: exit code {answer.returncode}")
    return answer.stdout


def python_of(environment: Path) -> Path:
    """The Python of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def fetch_sdist(project: Project, python: Path, folder: Path) -> tuple[str, Path]:
    """Version and unpacked root of the project's newest sdist."""
    # Not every Python has pip (one that uv made has none); a fresh environment does.
    run("environment", python, "-m", "venv", folder / "pip", cwd=folder)
    run(
        "download", python_of(folder / "pip"), "-m", "pip", "download", "-q",
        "--no-binary", project.name, "--no-deps", "--dest", folder, project.name, cwd=folder,
    )  # fmt: skip
    archive = next(iter(folder.glob("*.tar.gz")), None)
    if archive is None:
        raise NotToBeHadError("download: no sdist (.tar.gz)")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    stem = archive.name.removesuffix(".tar.gz")
    root = folder / stem
    return stem.rpartition("-")[2], root


def test_with(
    project: Project, version: str, root: Path, python: Path, folder: Path, pypet: Sequence[str]
) -> dict[str, bool]:
    """Results of the project's tests beside one pypet, in a fresh environment."""
    run("environment", python, "-m", "venv", folder, cwd=root)
    inside = python_of(folder)
    requirements = [f"{project.name}=={version}", "pytest", *pypet]
    run("installation", inside, "-m", "pip", "install", "-q", *requirements, cwd=folder)
    report = folder / "report.xml"
    files = [root / name for name in project.tests]
    command = [inside, "-I", "-m", "pytest", "-q", f"--junitxml={report}", *files]
    try:  # in a folder of its own: what one run writes, the other must not find
        subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise NotToBeHadError(f"tests: no end after {PATIENCE:.0f} s") from error
    if not report.is_file():
        raise NotToBeHadError("tests: pytest wrote no report")
    return read_results(report)


def examine(project: Project, python: Path, tests: Path | None) -> Row:
    """Test one project with both; trouble with ours counts as every test lost."""
    with tempfile.TemporaryDirectory(prefix="pypet-downstream-") as name:
        folder = Path(name)
        version = "-"
        try:
            version, root = fetch_sdist(project, python, folder)
            if tests is not None and (tests / project.name).is_dir():
                root = (tests / project.name).resolve()
            missing = [each for each in project.tests if not (root / each).is_file()]
            if missing:
                raise NotToBeHadError(f"the sdist has no {', '.join(missing)}; see --tests")
            reference = test_with(project, version, root, python, folder / "old", [REFERENCE])
        except NotToBeHadError as error:
            return Row(project.name, version, trouble=str(error))
        checkout = [str(each.folder) for each in read_distributions().values()]
        try:
            ours = test_with(project, version, root, python, folder / "new", checkout)
        except NotToBeHadError as error:
            print(f"{project.name} with this checkout: {error}", file=sys.stderr)
            ours = {}
        return Row(project.name, version, reference, ours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine all projects, print the table and the tests that are lost."""
    parser = argparse.ArgumentParser(description="Test public projects that use pypet.")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="Python of both environments"
    )
    parser.add_argument(
        "--tests",
        type=Path,
        help="folder with checkouts, named as the projects, for sdists that hold no tests",
    )
    options = parser.parse_args(arguments)
    rows = [examine(each, options.python, options.tests) for each in PROJECTS]
    print(format_table(rows))
    for row in rows:
        for name in row.lost():
            print(f"{row.project}: {name} passes with 0.7.0 only")
    return int(any(row.lost() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
