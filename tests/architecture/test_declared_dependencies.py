"""Net 3: what a distribution imports is what it declares.

This net sees imports that are only carried out on some path, also by name through
``importlib``, and third-party packages, which the contracts do not look at.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tools.imported_packages import imported_packages
from tools.repository import Distribution, import_name_of, read_distributions

DISTRIBUTIONS = read_distributions()
SIBLINGS = {distribution.import_name for distribution in DISTRIBUTIONS.values()}

#: Looked for at run time where the user may have them; nothing asks for them.
NEVER_REQUIRED = {
    "pypet_multiproc": {"IPython", "ipykernel"},
    "pypet": {"pytest", "sumatra"},
}


def undeclared_imports(distribution: Distribution) -> dict[str, set[str]]:
    """Packages that are imported although nothing declares them, with the files.

    Extras count as declared for third parties only: a sibling may be named by an extra (the
    trajectory's ``hdf5``) and still must not be imported.
    """
    required = {import_name_of(text) for text in distribution.requirements}
    optional = {import_name_of(text) for text in distribution.optional_requirements} - SIBLINGS
    allowed = (
        set(sys.stdlib_module_names)
        | required
        | optional
        | NEVER_REQUIRED.get(distribution.import_name, set())
        | {distribution.import_name}
    )
    imported = imported_packages(distribution.source)
    return {package: files for package, files in imported.items() if package not in allowed}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_imports_only_what_it_declares(name: str) -> None:
    assert undeclared_imports(DISTRIBUTIONS[name]) == {}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_declares_no_sibling_that_it_never_imports(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    siblings = {import_name_of(text) for text in distribution.requirements} & SIBLINGS
    assert siblings <= set(imported_packages(distribution.source))


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("import pypet_net", "pypet_net"),
        ("def f():\n    from importlib import import_module\n    import_module('pypet')", "pypet"),
        ("def f():\n    import requests", "requests"),
    ],
    ids=["upward", "upward by name", "third party"],
)
def test_a_planted_import_is_found(fault: str, found: str, tmp_path: Path) -> None:
    original = DISTRIBUTIONS["pypet-trajectory"]
    planted = Distribution(tmp_path / original.name, original.metadata)
    shutil.copytree(original.source, planted.source)
    (planted.source / "planted.py").write_text(fault + "\n", "utf-8")
    assert set(undeclared_imports(planted)) - set(undeclared_imports(original)) == {found}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_siblings_are_bounded_to_the_minor_version_that_is_here(name: str) -> None:
    for requirement in DISTRIBUTIONS[name].requirements:
        if not requirement.startswith("pypet"):
            continue
        match = re.fullmatch(r"(pypet[a-z0-9-]*)>=(\d+)\.(\d+),<(\d+)\.(\d+)", requirement)
        assert match, f"{name}: {requirement} is not bounded like 'pypet-x>=0.1,<0.2'"
        low, high = (int(match[2]), int(match[3])), (int(match[4]), int(match[5]))
        major, minor, _ = DISTRIBUTIONS[match[1]].version.split(".")
        assert high == (low[0], low[1] + 1)
        assert low == (int(major), int(minor)), f"{name}: {requirement} misses the one here"
