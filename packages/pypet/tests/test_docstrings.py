"""Examples in docstrings and the README are true, and the installation checks itself."""

from __future__ import annotations

import doctest
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import pypet

pytestmark = pytest.mark.timeout(120)

MODULES = [
    module.name
    for module in pkgutil.walk_packages(pypet.__path__, "pypet.")
    # Those of pypet.brian2 are tested where brian2 is.
    if not module.name.startswith(("pypet.utils.", "pypet.brian2"))
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    assert doctest.testmod(import_module(name)).failed == 0


def test_the_example_of_the_readme_prints_what_it_says(folder, capsys):
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    code, output = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL).groups()
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out == output


def test_the_check_of_an_installation_says_what_works(folder, capsys):
    assert pypet.test(str(folder / "check"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert all(line.endswith("works") for line in lines)


def test_ways_to_check_can_be_chosen_and_what_is_made_kept(folder, capsys):
    asked = []

    def only_frozen_local(suite, name, words):
        asked.append((suite, name))
        return {"frozen", "LOCAL"} <= set(words)

    kept = folder / "kept"
    assert pypet.test(str(kept), remove=False, predicate=only_frozen_local)
    assert capsys.readouterr().out.split() == ["frozen", "pool,", "LOCAL", "works"]
    assert len(asked) == 10
    assert list(kept.rglob("selftest.hdf5"))
    assert pypet.test(str(folder / "gone"), predicate=only_frozen_local, verbose=False)
    assert not list((folder / "gone").rglob("*.hdf5"))
