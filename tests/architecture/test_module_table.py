"""``docs/architecture.md`` lists every module with the idea that its docstring states first.

Modules that only repeat names under the paths of pypet 0.7 are not listed: their idea is always
the same.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools.repository import ROOT, read_distributions

DOCUMENT = ROOT / "docs" / "architecture.md"
DISTRIBUTIONS = read_distributions()


def first_paragraph(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").replace("``", "`")


def ideas_in_source(source: Path) -> dict[str, str]:
    """Idea of each module below `source`, by its dotted name."""
    ideas = {
        ".".join(module.relative_to(source).with_suffix("").parts): first_paragraph(module)
        for module in source.rglob("*.py")
        if module.name != "__init__.py"
    }
    return {name: idea for name, idea in ideas.items() if "they are defined in :mod:" not in idea}


def ideas_in_document(import_name: str) -> dict[str, str]:
    """Idea of each module listed for one distribution, by its dotted name."""
    for section in DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, rows = section.partition("\n")
        if f"(`{import_name}`)" in title:
            found = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", rows, re.MULTILINE)
            return {name: idea.replace("``", "`") for name, idea in found}
    return {}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_module_is_listed_with_its_idea_and_nothing_else_is(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    in_source = ideas_in_source(distribution.source)
    in_document = ideas_in_document(distribution.import_name)
    assert in_source
    wrong = [
        f"| `{module}` | {in_source.get(module, 'no such module: remove the row')} |"
        for module in sorted(in_source.keys() | in_document.keys())
        if in_source.get(module) != in_document.get(module)
    ]
    assert not wrong, f"{DOCUMENT.name} should say of {name}:\n" + "\n".join(wrong)
