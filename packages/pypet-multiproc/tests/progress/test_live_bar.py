"""The bar for people who watch, and the console that it shares."""

import contextlib
import io
import logging
import os
import sys

import pytest

from pypet_multiproc.logs import LoggingManager
from pypet_multiproc.progress.live_bar import LiveBar, SharedConsole, share_console
from pypet_multiproc.progress.report import ProgressReport


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self):
        return True


class Pieces(list):
    """A stream that keeps each piece apart, as those of ipykernel do."""

    def write(self, text):
        self.append(text)

    def flush(self):
        pass


Pieces.__module__ = "ipykernel.iostream"


@contextlib.contextmanager
def at_terminal():
    """Gives a terminal that the standard streams write to."""
    terminal, before = Terminal(), (sys.stdout, sys.stderr)
    sys.stdout = sys.stderr = terminal
    try:
        yield terminal
        assert sys.stdout is sys.stderr is terminal
    finally:
        sys.stdout, sys.stderr = before


def test_a_bar_is_drawn_on_a_terminal_only():
    assert LiveBar.possible(Terminal())
    assert not LiveBar.possible(io.StringIO())


def test_the_bar_stays_on_the_terminal_and_log_files_stay_clean(tmp_path):
    terminal = Terminal()
    console = logging.StreamHandler(terminal)
    file = logging.FileHandler(tmp_path / "log")
    logger = logging.getLogger("bar")
    logger.setLevel(logging.INFO)
    logger.addHandler(console)
    logger.addHandler(file)
    report = ProgressReport(10, "bar", 20)
    with LiveBar(terminal) as bar:
        bar.show(0, 4)
        report.show(0, 4)
        logger.info("something else")
        bar.show(2, 4)
    logger.handlers.clear()
    file.close()
    log = (tmp_path / "log").read_text()
    assert log.splitlines()[0].startswith("PROGRESS: Finished 1/4")
    assert log.splitlines()[1:] == ["something else"]
    assert "\r" not in log
    assert "PROGRESS" not in terminal.getvalue()
    assert "something else\n" in terminal.getvalue()
    assert "2/4" in terminal.getvalue()
    assert console.stream is terminal


def test_not_even_the_first_and_the_last_progress_text_appear_beside_the_bar():
    logger = logging.getLogger("bar")
    logger.setLevel(logging.INFO)
    with at_terminal() as terminal:
        console = logging.StreamHandler(terminal)
        logger.addHandler(console)
        manager = LoggingManager(report_progress=(10, "bar", 20))
        manager.check_log_config()
        for n in range(-1, 3):
            manager.show_progress(n, 3)
    logger.handlers.clear()
    assert "PROGRESS" not in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    assert console.stream is terminal


def test_what_is_printed_stands_above_the_bar_line_by_line():
    with at_terminal() as terminal:
        with LiveBar() as bar:
            bar.show(1, 4)
            print("begun", end="", flush=True)
            assert "begun" not in terminal.getvalue()
            print(" and ended")
            print("a warning", file=sys.stderr)
            print("never ended", end="")
        print("afterwards")
    text = terminal.getvalue()
    assert "\rbegun and ended\n\r" in text
    assert "\ra warning\n\r" in text
    assert text.endswith("never endedafterwards\n")


def test_another_process_clears_the_line_of_the_bar():
    terminal = Terminal()
    shared = SharedConsole(terminal, clears_line=True)
    shared.writelines(["one\n", "tw"])
    shared.flush()
    assert terminal.getvalue() == "\r\x1b[Kone\n"
    shared.release()
    assert terminal.getvalue() == "\r\x1b[Kone\n\r\x1b[Ktw"
    assert shared.isatty()
    assert not hasattr(shared, "_unheard_of")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_draws_no_bar(tmp_path):
    with (tmp_path / "terminal").open("w") as file, LiveBar(file) as bar:
        bar.show(1, 4)
        shared = SharedConsole(file, bar._bar)
        file.flush()
        pid = os.fork()
        if not pid:
            shared.write("from the child\n")
            os._exit(0)
        os.waitpid(pid, 0)
        text = (tmp_path / "terminal").read_bytes().decode()
    assert text.endswith("\r\x1b[Kfrom the child\n")


def test_processes_beside_a_notebook_print_whole_lines(monkeypatch):
    pieces = Pieces()
    monkeypatch.setattr(sys, "stdout", pieces)
    share_console(bar_elsewhere=False)
    print("one", 2)
    assert pieces == ["one 2\n"]


def test_processes_at_other_consoles_print_as_ever():
    with at_terminal() as terminal:
        share_console(bar_elsewhere=False)
        assert sys.stdout is terminal
