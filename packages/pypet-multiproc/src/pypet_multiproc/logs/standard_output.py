"""Printed text becomes log records, one for each line.

While started, ``sys.stdout`` is an object that logs what it is given. Invariant: nothing that is
printed gets lost. A line that no handler would take, since its logger leads nowhere or is set to a
higher level, is printed after all; text without an end of line waits for the rest of its line, at
most until the redirection ends. A handler that itself prints cannot cause an endless loop; such
text goes to the real stderr. Stopping puts back exactly the object that was found.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any, TextIO

from pypet_trajectory.logger import HasLogger


class StdoutToLogger(HasLogger):
    """A replacement for ``sys.stdout`` that logs.

    Parameters
    ----------
    logger_name : str
        Name of the logger.
    log_level : int
        Level of the records; a level, not a threshold.
    """

    def __init__(self, logger_name: str, log_level: int = logging.INFO) -> None:
        self._logger_name = logger_name
        self._log_level = log_level
        self._set_logger(logger_name)
        self._original: TextIO | None = None
        self._thread = threading.local()

    def __getattr__(self, name: str) -> Any:
        original = self.__dict__.get("_original")
        if original is None or name.startswith("__"):
            raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        return getattr(original, name)

    def start(self) -> None:
        """Redirect ``sys.stdout`` to here."""
        if self._original is None:
            self._original = sys.stdout
            self._thread = threading.local()
            sys.stdout = self
            self._logger.log(self._log_level, "Established redirection of `stdout`.")

    def write(self, buf: str) -> int:
        """Log each line that is complete and not blank; returns the number of characters."""
        if getattr(self._thread, "logging", False):
            if sys.__stderr__ is not None:
                sys.__stderr__.write(f"Printed while printing was logged: {buf}\n")
            return len(buf)
        if not _is_heard(self._logger, self._log_level):
            self._write_through(self._taken() + buf)
            return len(buf)
        *lines, self._thread.begun = (self._taken() + buf).split("\n")
        self._log(lines)
        return len(buf)

    def writelines(self, lines: Any) -> None:
        """Log several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Show what was printed while no handler took it; a line that has begun goes on waiting."""
        if self._original is not None:
            self._original.flush()

    def isatty(self) -> bool:
        """Not a terminal, whatever was here before."""
        return False

    def finalize(self) -> None:
        """Put back what was ``sys.stdout`` before."""
        if self._original is not None:
            self._log([self._taken()])
            if sys.stdout is self:
                sys.stdout = self._original
            self._original = None

    def _taken(self) -> str:
        """What this thread has printed of a line so far; forgotten then."""
        begun: str = getattr(self._thread, "begun", "")
        self._thread.begun = ""
        return begun

    def _log(self, lines: list[str]) -> None:
        self._thread.logging = True
        try:
            for line in map(str.rstrip, lines):
                if line:
                    self._logger.log(self._log_level, "%s", line)
        finally:
            self._thread.logging = False

    def _write_through(self, text: str) -> None:
        if self._original is not None:
            self._original.write(text)


def _is_heard(logger: logging.Logger, level: int) -> bool:
    """Whether any handler takes records of `level` that this logger makes."""
    if not logger.isEnabledFor(level):
        return False
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            if level >= handler.level and not isinstance(handler, logging.NullHandler):
                return True
        current = current.parent if current.propagate else None
    return False
