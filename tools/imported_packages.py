"""Which top-level packages the modules of a distribution import, read from their source.

Imports below ``if TYPE_CHECKING:`` do not count: they are never carried out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _carried_out(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _is_type_checking(child.test):
            for branch in child.orelse:
                yield branch
                yield from _carried_out(branch)
            continue
        yield child
        yield from _carried_out(child)


def _named_by_call(node: ast.Call) -> str | None:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in ("import_module", "__import__") and node.args:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            return argument.value
    return None


def imported_packages(source: Path) -> dict[str, set[str]]:
    """Top-level packages imported below `source`, each with the files that import it."""
    found: dict[str, set[str]] = {}
    for file in sorted(source.rglob("*.py")):
        for node in _carried_out(ast.parse(file.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            elif isinstance(node, ast.Call):
                named = _named_by_call(node)
                names = [named] if named else []
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(
                    str(file.relative_to(source.parent))
                )
    return found
