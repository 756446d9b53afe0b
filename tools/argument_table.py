"""Write the table of arguments in ``docs/guide/arguments.md`` from the one in the code.

Usage: ``hatch run argument-table`` writes it, with ``--check`` it only says whether it is up to
date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pypet.environment.arguments import ROWS, EnvironmentArguments
from pypet.environment.arguments.table import Row
from tools.module_table import update
from tools.repository import ROOT

DOCUMENT = ROOT / "docs" / "guide" / "arguments.md"
_HEAD = "| argument | default | is | what it is about | noted as |\n|---|---|---|---|---|\n"


def with_table(document: str, rows: Mapping[str, Row] = ROWS) -> str:
    """The document with a line for each row."""
    defaults = {argument.name: argument.default for argument in fields(EnvironmentArguments)}
    lines = []
    for name, row in rows.items():
        kind = row.kind.wanted.removeprefix("must be ") if row.kind else ""
        noted = f"`{row.entry.name or name}`" if row.entry else ""
        lines.append(f"| `{name}` | `{defaults[name]!r}` | {kind} | {row.about} | {noted} |\n")
    before, _, after = document.partition(_HEAD)
    rest = after.splitlines(keepends=True)
    while rest and rest[0].startswith("|"):
        del rest[0]
    return before + _HEAD + "".join(lines) + "".join(rest)


def main(arguments: list[str] | None = None) -> int:
    """Write the table, or check it; returns the exit code."""
    return update(DOCUMENT, with_table, "argument-table", arguments)


if __name__ == "__main__":
    sys.exit(main())
