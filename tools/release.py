"""Building and checking what is released; the release workflow and CI call these by name.

``wheels [NAME ...]``
    Build wheel and sdist of each distribution into ``dist/``.
``changes NAME``
    Turn a distribution's change log fragments into a section of its ``CHANGELOG.md``.
``check-tag TAG``
    A tag such as ``pypet-trajectory-v0.1.0`` must name a distribution, its version must be the
    one in ``pyproject.toml``, and its commit must be on ``main``. Prints the distribution's name.
``check-wheels``
    Install the wheels of ``dist/`` into clean environments: each distribution alone brings what
    it declares and imports; ``pypet`` brings all seven and runs the demo.

Before tagging, ``hatch run downstream`` tests public projects that use pypet.

Everything here also runs by hand, from any folder.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.repository import ROOT, Distribution, read_distributions

DIST = ROOT / "dist"
DEMO = ROOT / "docs" / "examples" / "influenza.py"


class ReleaseError(Exception):
    """A rule of releasing is broken; the text says which, where, and what to do."""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command and give its output; a failure shows what it printed."""
    answer = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise ReleaseError(
            f"{' '.join(map(str, command))} ended with {answer.returncode}:\n"
            f"{answer.stdout}{answer.stderr}"
        )
    return answer.stdout


def build_wheels(names: Sequence[str], target: Path = DIST) -> list[Path]:
    """Build wheel and sdist of the named distributions (all, if none is named)."""
    distributions = read_distributions()
    unknown = set(names) - set(distributions)
    if unknown:
        raise ReleaseError(f"There is no distribution {sorted(unknown)}; see packages/.")
    shutil.rmtree(target, ignore_errors=True)
    for name in names or list(distributions):
        run(sys.executable, "-m", "build", "--outdir", target, distributions[name].folder)
    return sorted(target.iterdir())


def distribution_of_tag(tag: str) -> Distribution:
    """The distribution that a tag releases, after checking the tag against the checkout.

    Raises
    ------
    ReleaseError
        If the tag has another form, names no distribution, or another version than
        ``pyproject.toml``.
    """
    match = re.fullmatch(r"(?P<name>pypet(?:-[a-z0-9]+)*)-v(?P<version>\d+\.\d+\.\d+)", tag)
    if match is None:
        raise ReleaseError(
            f"The tag {tag!r} is not of the form NAME-vX.Y.Z, for instance pypet-net-v0.2.0."
        )
    distributions = read_distributions()
    distribution = distributions.get(match["name"])
    if distribution is None:
        raise ReleaseError(
            f"The tag {tag!r} names {match['name']!r}; there are only {sorted(distributions)}."
        )
    if distribution.version != match["version"]:
        raise ReleaseError(
            f"The tag {tag!r} says {match['version']}, but {distribution.folder.name}/"
            f"pyproject.toml says {distribution.version}. Move the tag or bump the version."
        )
    return distribution


def check_tag(tag: str, branch: str) -> Distribution:
    """As :func:`distribution_of_tag`, and the commit must be an ancestor of `branch`."""
    distribution = distribution_of_tag(tag)
    commit = run("git", "rev-list", "-n", "1", tag).strip()
    on_branch = subprocess.run(
        ["git", "merge-base", "--is-ancestor", commit, branch], cwd=ROOT, check=False
    )
    if on_branch.returncode:
        raise ReleaseError(
            f"{tag!r} points to {commit[:10]}, which is not on {branch}. Releases are made from "
            f"{branch} only: merge first, then tag the merged commit."
        )
    return distribution


def collect_changes(name: str) -> str:
    """Run towncrier for one distribution, with its current version."""
    distribution = read_distributions()[name]
    return run(
        sys.executable, "-m", "towncrier", "build", "--yes", "--version", distribution.version,
        "--dir", distribution.folder, "--config", distribution.folder / "pyproject.toml",
    )  # fmt: skip


def new_environment(folder: Path) -> Path:
    """A fresh virtual environment with pip; gives its Python."""
    venv.create(folder, with_pip=True, clear=True)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    return folder / scripts / ("python.exe" if sys.platform == "win32" else "python")


def installed_names(python: Path) -> set[str]:
    """Canonical names of what is installed, pip and setuptools left out."""
    lines = run(python, "-m", "pip", "list", "--format", "freeze").splitlines()
    names = {canonicalize_name(line.partition("==")[0]) for line in lines}
    return names - {"pip", "setuptools"}


def check_wheels(target: Path = DIST) -> None:
    """Install each wheel alone, then ``pypet`` with everything, and run the demo from it."""
    distributions = read_distributions()
    with tempfile.TemporaryDirectory(prefix="pypet-wheels-") as folder:
        for distribution in distributions.values():
            python = new_environment(Path(folder) / distribution.name)
            requirement = f"{distribution.name}=={distribution.version}"
            run(python, "-m", "pip", "install", "-q", "--find-links", target, requirement)
            run(python, "-I", "-c", f"import {distribution.import_name}", cwd=Path(folder))
            found = installed_names(python)
            siblings = {name for name in found if name.startswith("pypet")}
            declared = {
                canonicalize_name(Requirement(text).name) for text in distribution.requirements
            }
            missing = declared - found
            if missing:
                raise ReleaseError(f"{requirement} declares {missing}, but pip did not bring it.")
            print(f"{requirement}: imports alone; brings {', '.join(sorted(found))}")
            if distribution.name == "pypet-trajectory" and found != {"numpy", "pypet-trajectory"}:
                raise ReleaseError(f"pypet-trajectory must bring numpy alone; it brought {found}.")
            if distribution.name == "pypet":
                if siblings != set(distributions):
                    raise ReleaseError(f"pypet must bring all seven; it brought {siblings}.")
                run(python, "-m", "pip", "install", "-q", "matplotlib")
                print(run(python, "-I", DEMO, "--output", Path(folder) / "demo"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Dispatch to the commands of the module's docstring."""
    parser = argparse.ArgumentParser(description="Build and check releases.")
    commands = parser.add_subparsers(dest="command", required=True)
    wheels = commands.add_parser("wheels", help="build into dist/")
    wheels.add_argument("names", nargs="*")
    changes = commands.add_parser("changes", help="fragments to CHANGELOG.md")
    changes.add_argument("name", choices=list(read_distributions()))
    tag = commands.add_parser("check-tag", help="tag = version, commit on the main branch")
    tag.add_argument("tag")
    tag.add_argument("--branch", default="origin/main")
    commands.add_parser("check-wheels", help="install the wheels of dist/ into clean environments")
    options = parser.parse_args(arguments)
    try:
        if options.command == "wheels":
            for file in build_wheels(options.names):
                print(file.relative_to(ROOT))
        elif options.command == "changes":
            print(collect_changes(options.name))
        elif options.command == "check-tag":
            print(check_tag(options.tag, options.branch).name)
        else:
            check_wheels()
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
