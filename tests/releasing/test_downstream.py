"""What ``tools/downstream.py`` concludes from results; no project is fetched here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import downstream
from tools.downstream import Project, Row, format_table, read_results

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="passes"/>
<testcase classname="a" name="fails"><failure/></testcase>
<testcase classname="a" name="breaks"><error/></testcase>
<testcase classname="a" name="waits"><skipped/></testcase>
</testsuite></testsuites>"""


def answer_with(monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    monkeypatch.setattr(downstream, "PROJECTS", (Project("p", ()),))
    monkeypatch.setattr(downstream, "examine", lambda project, python, tests: row)


def test_failures_and_errors_do_not_pass_and_skipped_tests_do_not_count(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    assert read_results(report) == {"a::passes": True, "a::fails": False, "a::breaks": False}


def test_a_test_that_only_the_reference_passes_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, Row("p", "1", {"x": True, "y": True}, {"x": True, "y": False}))
    assert downstream.main([]) == 1
    printed = capsys.readouterr().out
    assert "| p | 1 | 2 of 2 | 1 of 2 |" in printed
    assert "p: y passes with 0.7.0 only" in printed


def test_a_test_that_does_not_run_with_ours_is_lost() -> None:
    assert Row("p", "1", {"x": True}, {}).lost() == ["x"]


def test_a_test_that_fails_with_both_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, Row("p", "1", {"x": False}, {"x": False}))
    assert downstream.main([]) == 0


def test_a_project_that_is_not_to_be_had_is_a_row_and_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Row("p", trouble="download: exit code 1")
    answer_with(monkeypatch, row)
    assert "| p | - | download: exit code 1 | - |" in format_table([row])
    assert downstream.main([]) == 0
