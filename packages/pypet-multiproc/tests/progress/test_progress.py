"""How progress is told."""

import logging

import pytest

from pypet_multiproc.logs import LoggingManager
from pypet_multiproc.progress.report import ProgressReport, check_report_progress, progressbar


def bars(total, **kwargs):
    return [progressbar(n, total, logger=None, reset=n == 0, **kwargs) for n in range(total)]


def test_the_bar_shows_what_is_done():
    assert [bar.split(",")[0] for bar in bars(4, percentage_step=25)] == [
        "[=====               ] 25.0%",
        "[==========          ] 50.0%",
        "[===============     ] 75.0%",
        "[====================]100.0%",
    ]


def test_nothing_is_due_between_two_steps():
    assert [bar is not None for bar in bars(10, percentage_step=50)] == [
        True, False, False, False, True, False, False, False, False, True,
    ]  # fmt: skip


@pytest.mark.claim(30)
def test_the_remaining_time_is_told_from_the_second_line_on():
    first, second, third = bars(3, percentage_step=1)
    assert "remaining" not in first
    assert second.endswith("remaining: 0:00:00")
    assert "remaining" not in third


def test_a_smaller_index_starts_anew():
    progressbar(5, 10, logger=None, reset=True)
    assert "remaining" not in progressbar(2, 10, logger=None)


def test_text_may_surround_the_bar():
    text = progressbar(0, 1, logger=None, fmt_string="A %s B")
    assert text == "A [====================]100.0% B"


@pytest.mark.claim(28)
def test_printing_stays_on_one_line_unless_told_otherwise(capsys):
    progressbar(0, 2, reset=True)
    progressbar(1, 2)
    assert capsys.readouterr().out.count("\r") == 2
    progressbar(0, 2, reset=True, reprint=False)
    assert "\r" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (True, (5, "pypet", 20)),
        (7, (7, "pypet", 20)),
        ("foo", (5, "foo", 20)),
        ((3, "bar"), (3, "bar", 20)),
        ((3, "bar", 40), (3, "bar", 40)),
    ],
)
def test_progress_reports_may_be_asked_for_in_many_ways(given, meant):
    assert check_report_progress(given) == meant


def test_another_way_is_refused():
    with pytest.raises(TypeError, match="report_progress"):
        check_report_progress([1, 2, 3, 4])


@pytest.mark.claim(27)
@pytest.mark.claim(31)
def test_reports_say_how_many_runs_have_finished(caplog):
    caplog.set_level(logging.INFO, "pypet")
    report = ProgressReport(10, "pypet", 20)
    for n in range(-1, 10):
        report.show(n, 10)
    assert caplog.messages[0] == ("PROGRESS: Finished  0/10 runs [                    ]  0.0%")
    assert caplog.messages[3].startswith("PROGRESS: Finished  3/10 runs [======        ")
    assert caplog.messages[-1] == "PROGRESS: Finished 10/10 runs [====================]100.0%"
    assert len(caplog.messages) == 11


@pytest.mark.claim(29)
def test_the_level_is_that_of_the_record(caplog):
    caplog.set_level(logging.INFO, "pypet")
    ProgressReport(10, "pypet", 10).show(0, 2)
    assert caplog.messages == []


@pytest.mark.claim(26)
@pytest.mark.parametrize("off", [False, 0, None])
def test_progress_can_be_off(off, caplog):
    manager = LoggingManager(report_progress=off)
    manager.check_log_config()
    manager.show_progress(0, 1)
    assert caplog.messages == []


@pytest.mark.claim(26)
def test_progress_is_on_if_asked_for(caplog):
    caplog.set_level(logging.INFO, "pypet")
    manager = LoggingManager(report_progress=True)
    manager.check_log_config()
    manager.show_progress(0, 1)
    assert "1/1" in caplog.text


def test_carriage_returns_are_printed_at_level_zero(capsys):
    report = ProgressReport(50, "print", 0)
    report.show(0, 2)
    assert capsys.readouterr().out.startswith("\rPROGRESS")
