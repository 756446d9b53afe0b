"""Printed text becomes log records.

While started, ``sys.stdout`` is an object that logs each line it is given. Invariant: a handler
that itself prints cannot cause an endless loop; such text goes to the real stderr. Stopping puts
back exactly the object that was found.
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
        self._busy = threading.local()

    def __getattr__(self, name: str) -> Any:
        original = self.__dict__.get("_original")
        if original is None or name.startswith("__"):
            raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        return getattr(original, name)

    def start(self) -> None:
        """Redirect ``sys.stdout`` to here."""
        if self._original is None:
            self._original = sys.stdout
            self._busy = threading.local()
            sys.stdout = self
            self._logger.log(self._log_level, "Established redirection of `stdout`.")

    def write(self, buf: str) -> int:
        """Log each line that is not blank; returns the number of characters."""
        if getattr(self._busy, "writing", False):
            if sys.__stderr__ is not None:
                sys.__stderr__.write(f"Printed while printing was logged: {buf}\n")
            return len(buf)
        self._busy.writing = True
        try:
            for line in buf.splitlines():
                line = line.rstrip()
                if line:
                    self._logger.log(self._log_level, line)
        finally:
            self._busy.writing = False
        return len(buf)

    def writelines(self, lines: Any) -> None:
        """Log several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back here."""
        return None

    def isatty(self) -> bool:
        """Not a terminal, whatever was here before."""
        return False

    def finalize(self) -> None:
        """Put back what was ``sys.stdout`` before."""
        if self._original is not None:
            if sys.stdout is self:
                sys.stdout = self._original
            self._original = None
            print("Disabled redirection of `stdout`.")
