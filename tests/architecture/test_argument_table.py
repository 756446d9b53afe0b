"""``docs/guide/arguments.md`` lists every argument of an environment, as the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet.environment.arguments import ROWS
from tools import argument_table


def test_the_page_says_what_the_table_says() -> None:
    document = argument_table.DOCUMENT.read_text(encoding="utf-8")
    assert argument_table.with_table(document) == document, "Run `hatch run argument-table`."


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_is_missing_is_noticed(name: str) -> None:
    document = argument_table.DOCUMENT.read_text(encoding="utf-8")
    others = {other: row for other, row in ROWS.items() if other != name}
    assert argument_table.with_table(document, others) != document


def test_a_changed_page_is_noticed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "arguments.md"
    right = argument_table.DOCUMENT.read_text(encoding="utf-8")
    document.write_text(right.replace("| `run_timeout` | `None` |", "| `run_timeout` | `1` |"))
    monkeypatch.setattr(argument_table, "DOCUMENT", document)
    assert argument_table.main(["--check"]) == 1
    assert "hatch run argument-table" in capsys.readouterr().err
    assert argument_table.main([]) == 0
    assert document.read_text(encoding="utf-8") == right
