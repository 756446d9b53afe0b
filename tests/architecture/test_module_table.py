"""``docs/architecture.md`` lists every module with the idea that its docstring states first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import module_table
from tools.repository import read_distributions


def test_the_tables_say_what_the_modules_say() -> None:
    document = module_table.DOCUMENT.read_text(encoding="utf-8")
    assert module_table.with_tables(document) == document, "Run `hatch run module-table`."


def test_every_module_states_an_idea() -> None:
    for distribution in read_distributions().values():
        ideas = module_table.ideas(distribution.source)
        assert ideas
        assert [name for name, idea in ideas.items() if not idea] == []


def test_a_changed_module_is_noticed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "architecture.md"
    right = module_table.DOCUMENT.read_text(encoding="utf-8")
    document.write_text(
        right.replace("| `constants` | ", "| `constants` | Not: "), encoding="utf-8"
    )
    monkeypatch.setattr(module_table, "DOCUMENT", document)
    assert module_table.main(["--check"]) == 1
    assert "hatch run module-table" in capsys.readouterr().err
    assert module_table.main([]) == 0
    assert document.read_text(encoding="utf-8") == right
    assert module_table.main(["--check"]) == 0
