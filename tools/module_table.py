"""Write the module tables in ``docs/architecture.md`` from the docstrings of the modules.

A row says what a module's docstring says first. Modules that only repeat names under the paths of
pypet 0.7 are not listed: their idea is always the same.

Usage: ``hatch run module-table`` writes them, with ``--check`` it only says whether they are up to
date.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.repository import ROOT, read_distributions

DOCUMENT = ROOT / "docs" / "architecture.md"
_HEAD = "| module | idea |\n|---|---|\n"


def first_paragraph(module: Path) -> str:
    """What the docstring of a module says first, on one line."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").replace("``", "`")


def ideas(source: Path) -> dict[str, str]:
    """Idea of each module below a folder, by its dotted name; folders come before their modules."""
    found = {}
    for module in sorted(source.rglob("*.py")):
        parts = module.relative_to(source).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        idea = first_paragraph(module)
        if parts and "they are defined in :mod:" not in idea:
            found[".".join(parts)] = idea
    return {name: found[name] for name in sorted(found, key=lambda name: name.split("."))}


def with_tables(document: str) -> str:
    """The document with the table of each distribution as its modules say."""
    for distribution in read_distributions().values():
        rows = "".join(
            f"| `{name}` | {idea} |\n" for name, idea in ideas(distribution.source).items()
        )
        section = re.compile(
            rf"(## [^\n]*\(`{distribution.import_name}`\)[^\n]*\n\n(?:(?!## )[^|][^\n]*\n|\n)*?)"
            rf"{re.escape(_HEAD)}(?:\|[^\n]*\n)*"
        )
        document, count = section.subn(lambda match, rows=rows: match[1] + _HEAD + rows, document)
        if count != 1:
            raise ValueError(
                f"{DOCUMENT} must have one section with '(`{distribution.import_name}`)' in its "
                f"title and a table, but has {count}."
            )
    return document


def update(
    document: Path, render: Callable[[str], str], command: str, arguments: list[str] | None
) -> int:
    """Write a document anew, or check that it is up to date; returns the exit code."""
    parser = argparse.ArgumentParser(prog=command)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    before = document.read_text(encoding="utf-8")
    after = render(before)
    if before == after:
        return 0
    if check:
        print(f"{document} is out of date: hatch run {command}", file=sys.stderr)
        return 1
    document.write_text(after, encoding="utf-8")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Write the tables, or check them; returns the exit code."""
    return update(DOCUMENT, with_tables, "module-table", arguments)


if __name__ == "__main__":
    sys.exit(main())
