"""A bar for people who watch, and how it shares the console with all other output.

The bar appears only where a user can see it, on a terminal or in a notebook. It draws on the
screen alone: no control character reaches a log file. Invariant: while it is there, what is
printed or logged to the same console stands above it, line by line, whichever process it comes
from; nothing is lost and no line is mixed with the bar or with another line.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from multiprocessing.util import Finalize
from typing import Any, TextIO

#: Back to the beginning of the line, and away with what is there.
_CLEAR_LINE = "\r\x1b[K"


class SharedConsole:
    """A stream that writes whole lines to a console that others write to as well.

    Parameters
    ----------
    stream : file
        The console.
    bar : tqdm, optional
        The bar that is drawn by this process, to be redrawn below each line.
    clears_line : bool
        Whether another process draws a bar.
    """

    def __init__(self, stream: TextIO, bar: Any = None, clears_line: bool = False) -> None:
        self._stream, self._bar = stream, bar
        self._owner = os.getpid()
        self._before = _CLEAR_LINE if clears_line or bar is not None else ""
        self._begun = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the lines that are complete."""
        lines, end, rest = (self._begun + text).rpartition("\n")
        self._begun = rest
        if end:
            self._write(lines + end)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Show all lines that were written; one that has begun waits for its end."""
        self._stream.flush()

    def release(self) -> None:
        """From now on the console belongs to this process alone."""
        self._end_line()
        self._bar, self._before = None, ""

    def _end_line(self) -> None:
        begun, self._begun = self._begun, ""
        if begun:
            self._write(begun)

    def _write(self, text: str) -> None:
        if self._bar is not None and self._owner == os.getpid():
            with self._bar.external_write_mode(file=self._bar.fp):
                self._stream.write(text)
        else:
            # A forked process knows the bar, but not how far it is by now.
            self._stream.write(self._before + text)
            self._stream.flush()


def share_console(bar_elsewhere: bool) -> None:
    """Let this process, which is not the only one at its console, print whole lines.

    Parameters
    ----------
    bar_elsewhere : bool
        Whether another process draws a bar on the console.
    """
    stdout: Any = sys.stdout
    if isinstance(stdout, SharedConsole):
        shared = stdout
    elif bar_elsewhere and isinstance(stdout, io.TextIOWrapper) and stdout.isatty():
        shared = SharedConsole(stdout, clears_line=True)
    elif type(stdout).__module__.startswith("ipykernel"):
        # In notebooks each piece of a line would be sent by itself.
        shared = SharedConsole(stdout)
    else:
        return
    sys.stdout = shared
    Finalize(None, shared.release, exitpriority=0)


class LiveBar:
    """A bar that stays on the screen's last line.

    While it is shown, handlers that log to the same terminal write above it and leave out progress
    records, which the bar makes superfluous there.

    Parameters
    ----------
    stream : file, optional
        A terminal; by default stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: Any = None
        self._moved: list[tuple[logging.StreamHandler[Any], TextIO]] = []
        self._replaced: dict[str, TextIO] = {}

    @staticmethod
    def possible(stream: TextIO | None = None) -> bool:
        """Whether a user can see a bar here."""
        return _in_notebook() or _is_terminal(sys.stderr if stream is None else stream)

    def show(self, done: int, total: int) -> None:
        """Draw that `done` of `total` runs have finished."""
        if self._bar is None or self._bar.total != total:
            self.close()
            self._open(done, total)
        self._bar.update(done - self._bar.n)

    def _open(self, done: int, total: int) -> None:
        with warnings.catch_warnings():
            # Without ipywidgets notebooks get a bar of text, and need not be told.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

        # The monitor of tqdm is a thread, and processes must not be forked beside threads.
        tqdm.monitor_interval = 0
        self._bar = tqdm(total=total, initial=done, unit="run", file=self._stream, leave=True)
        for handler in _console_handlers(self._stream):
            self._moved.append((handler, handler.stream))
            handler.setStream(SharedConsole(handler.stream, self._bar))
            handler.addFilter(_no_progress)
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if _is_terminal(stream) and _is_terminal(self._stream):
                self._replaced[name] = stream
                setattr(sys, name, SharedConsole(stream, self._bar))

    def close(self) -> None:
        """Leave the bar as it is and give handlers and standard streams back."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
        for handler, stream in self._moved:
            _release(handler.stream)
            handler.setStream(stream)
            handler.removeFilter(_no_progress)
        self._moved = []
        for name, stream in self._replaced.items():
            shared = getattr(sys, name)
            _release(shared)
            if isinstance(shared, SharedConsole):
                setattr(sys, name, stream)
        self._replaced = {}

    def __enter__(self) -> LiveBar:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _release(stream: Any) -> None:
    if isinstance(stream, SharedConsole):
        stream.release()


def _no_progress(record: logging.LogRecord) -> bool:
    return not getattr(record, "is_progress", False)


def _console_handlers(stream: TextIO) -> list[logging.StreamHandler[Any]]:
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    return [
        handler
        for logger in loggers
        if isinstance(logger, logging.Logger)
        for handler in logger.handlers
        if type(handler) is logging.StreamHandler and handler.stream is stream
    ]


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    instance = shell.get_ipython()
    return instance is not None and type(instance).__name__ == "ZMQInteractiveShell"
