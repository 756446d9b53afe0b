"""How far a series of runs has come, as text for logs.

The text is due each time another so many per cent have passed, and once more at the end; it is what
pypet 0.7 writes. The bar for people who watch is another one
(:mod:`pypet_multiproc.progress.live_bar`): this one consists of plain characters, line by line.
"""

from __future__ import annotations

import logging
import time as clock
from dataclasses import dataclass
from datetime import timedelta
from numbers import Real
from typing import Any

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError


class ProgressText:
    """Decides when progress is worth a line and writes it."""

    def __init__(self) -> None:
        self._index: float = float("inf")
        self._total = 0
        self._step = 0
        self._start_index = 0
        self._start_time = 0.0

    def update(
        self,
        index: int,
        total: int,
        percentage_step: float = 10,
        *,
        time: bool = True,
        length: int = 20,
        reset: bool = False,
    ) -> str | None:
        """The bar with percentage and remaining time, or ``None`` if nothing is due.

        Parameters
        ----------
        index : int
            What was finished, counted from 0.
        total : int
            How many there are.
        percentage_step : float
            Per cent between two lines.
        time : bool
            Whether to estimate the remaining time.
        length : int
            Characters of the bar.
        reset : bool
            Start anew; also done if `index` does not grow or `total` changes.
        """
        if reset or index <= self._index or total != self._total:
            self._start_index, self._start_time = index, clock.monotonic()
            self._total, self._step = total, -1
        self._index = index
        fraction = (index + 1) / total if total else 1.0
        step = int(fraction * 100.0 / percentage_step + 1e-9) if percentage_step else index
        if index >= total - 1:
            return f"[{'=' * length}]100.0%"
        if step == self._step:
            return None
        self._step = step
        bar = "=" * int(fraction * length)
        text = f"[{bar:{length}}] {fraction * 100.0:4.1f}%"
        if time and index > self._start_index:
            text += f", remaining: {self._remaining(index, total)}"
        return text

    def _remaining(self, index: int, total: int) -> timedelta:
        elapsed = clock.monotonic() - self._start_time
        expected = (total - self._start_index - 1) * elapsed / (index - self._start_index)
        return timedelta(seconds=int(max(0.0, expected - elapsed)))


_shared_text = ProgressText()


def progressbar(
    index: int,
    total: int,
    percentage_step: float = 10,
    logger: str | logging.Logger | None = "print",
    log_level: int = logging.INFO,
    reprint: bool = True,
    time: bool = True,
    length: int = 20,
    fmt_string: str | None = None,
    reset: bool = False,
) -> str | None:
    """Show how far a loop has come; one loop at a time.

    Parameters
    ----------
    index : int
        Index of the loop, from 0.
    total : int
        Number of iterations.
    percentage_step : float
        Per cent between two reports.
    logger : str, logging.Logger or None
        Where to report: ``'print'``, a logger or its name, or nowhere.
    log_level : int
        Level of the records.
    reprint : bool
        When printing, stay on one line.
    time : bool
        Whether to estimate the remaining time.
    length : int
        Characters of the bar.
    fmt_string : str, optional
        Text around the bar, with one ``%s`` for it.
    reset : bool
        Whether to start anew.

    Returns
    -------
    str or None
        The text, or ``None`` if nothing was due.

    Examples
    --------
    >>> progressbar(1, 4, logger=None, reset=True)
    '[==========          ] 50.0%'
    """
    text = _shared_text.update(index, total, percentage_step, time=time, length=length, reset=reset)
    if text is None:
        return None
    if fmt_string is not None:
        text = fmt_string % text
    _report(text, logger, log_level, reprint, last=index >= total - 1)
    return text


def _report(
    text: str, logger: str | logging.Logger | None, level: int, reprint: bool, last: bool
) -> None:
    if logger is None:
        return
    if logger == "print":
        if reprint:
            print(f"\r{text}", end="\n" if last else "", flush=True)
        else:
            print(text)
        return
    if isinstance(logger, str):
        logger = logging.getLogger(logger)
    logger.log(level, text, extra={"is_progress": True})


def check_report_progress(report_progress: Any) -> tuple[float, str, int]:
    """Percentage, logger name and level from any form users may write.

    Raises
    ------
    TypeError
        If it is none of these forms.
    ValueError
        If the percentage is not above 0 and up to 100.
    """
    percentage, name, level = 5, "pypet", logging.INFO
    if isinstance(report_progress, str):
        name = report_progress
    elif isinstance(report_progress, (tuple, list)) and len(report_progress) in (2, 3):
        percentage, name, level = (*report_progress, level)[:3]
    elif report_progress is not True:
        percentage = report_progress
    if isinstance(percentage, Real) and isinstance(name, str) and isinstance(level, int):
        if not 0 < percentage <= 100:
            raise PypetValueError(
                f"The percentage of `report_progress` is above 0 and up to 100, but is "
                f"{percentage!r}."
            )
        return percentage, name, level
    raise PypetTypeError(
        f"`report_progress` is {report_progress!r}; pass a boolean, a percentage, a logger name, "
        "or a tuple of percentage, name and, if you like, level."
    )


@dataclass
class ProgressReport:
    """Reports finished runs of one environment."""

    #: Per cent of all runs between two reports.
    percentage: float
    #: Name of the logger, or ``'print'``.
    logger: str
    #: Level of the records; 0 with ``'print'`` means to stay on one line.
    level: int

    def __post_init__(self) -> None:
        self._text = ProgressText()
        self._format = "PROGRESS: Finished %d/%d runs "

    def show(self, n: int, total_runs: int) -> str | None:
        """Report that run `n`, counted from 0, has finished; -1 before the first one."""
        if n == -1:
            self._format = f"PROGRESS: Finished %{len(str(total_runs))}d/%d runs "
        text = self._text.update(n, total_runs, self.percentage)
        if text is None:
            return None
        text = self._format % (n + 1, total_runs) + text
        _report(text, self.logger, self.level, self.level == 0, n >= total_runs - 1)
        return text
