"""Net 2: one environment per distribution, holding only what lies below it.

The other nets read source; this one runs it, and so it also sees an import whose target is
computed. `.ci/run` runs each distribution's tests in its environment; here a computed import
is planted to show that such a run fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tools.repository import ROOT, read_distributions

PLANTED = 'import importlib\nimportlib.import_module("_".join(["pypet", "net"]))\n'


def members_of_environments() -> dict[str, set[str]]:
    """Distribution names held by each ``alone-*`` environment."""
    with (ROOT / "hatch.toml").open("rb") as file:
        environments = tomllib.load(file)["envs"]
    return {
        name: {Path(member).name for member in environment["workspace"]["members"]}
        for name, environment in environments.items()
        if name.startswith("alone-")
    }


def test_each_distribution_has_an_environment_with_what_lies_below_it_and_nothing_else() -> None:
    environments = members_of_environments()
    distributions = read_distributions()
    for name, distribution in distributions.items():
        below = {name}
        for requirement in distribution.metadata["project"]["dependencies"]:
            below |= {other for other in distributions if requirement.startswith(f"{other}>=")}
        members = environments["alone-" + name.removeprefix("pypet-")]
        assert members == ({"*"} if name == "pypet" else below), name


@pytest.mark.timeout(300)
def test_a_computed_import_from_below_to_above_fails_in_the_isolated_environment(
    tmp_path: Path,
) -> None:
    hatch = shutil.which("hatch")
    if hatch is None:
        pytest.skip("hatch is not on PATH; `pip install hatch` to run this test")
    for name in ("hatch.toml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    below = tmp_path / "packages" / "pypet-trajectory"
    shutil.copytree(
        ROOT / "packages" / "pypet-trajectory",
        below,
        ignore=shutil.ignore_patterns("__pycache__", "tests"),
    )
    # Fails on import, whatever the rest of the package does.
    (below / "tests").mkdir()
    (below / "tests" / "test_planted.py").write_text(
        "def test_import():\n    import pypet_trajectory.planted\n", "utf-8"
    )
    (below / "src" / "pypet_trajectory" / "planted.py").write_text(PLANTED, "utf-8")
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("HATCH_", "VIRTUAL_ENV", "PYTHONPATH"))
    }
    environment["HATCH_DATA_DIR"] = str(tmp_path / "hatch")
    answer = subprocess.run(
        [hatch, "run", "alone-trajectory:test"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "No module named 'pypet_net'" in answer.stdout
