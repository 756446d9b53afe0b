"""Sets up logging for one environment, in the main process and in every child.

The manager is small and picklable: it holds the configuration as data, travels to children, and
they call :meth:`LoggingManager.make_logging_handlers_and_tools`. Invariant: whatever it changed in
the logging of a process (handlers, levels, ``sys.stdout``) is put back by
:meth:`LoggingManager.finalize`, and nothing else is touched; so an environment leaves the user's
own handlers alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
from typing import Any

from pypet_multiproc.logs.changes import (
    LoggingChanges,
    all_loggers,
    enable_loggers,
    handlers_kept_open,
)
from pypet_multiproc.logs.configurations import LoggingConfig, split_config
from pypet_multiproc.logs.file_names import rename_log_file
from pypet_multiproc.logs.standard_output import StdoutToLogger
from pypet_multiproc.progress.live_bar import LiveBar, share_console
from pypet_multiproc.progress.report import ProgressReport, check_report_progress
from pypet_trajectory.exceptions import PypetTypeError


class LoggingManager:
    """Logging of one environment.

    Parameters
    ----------
    log_config : str, dict, RawConfigParser or None
        Path of an ini file, ``'DEFAULT'``, a dictionary or a parser; nothing is configured if it
        is ``None`` or false.
    log_stdout : bool, str, int or tuple
        Whether to log what is printed: true, the logger's name, the level, or both as a pair.
    report_progress : bool, number, str or tuple
        Percentage, logger name and level of progress reports, or parts of these.
    """

    def __init__(
        self, log_config: Any = None, log_stdout: Any = False, report_progress: Any = False
    ) -> None:
        self.log_config = log_config
        self.log_stdout = log_stdout
        self.report_progress = report_progress
        self._sp_config: LoggingConfig | None = None
        self._mp_config: LoggingConfig | None = None
        self.env_name: str | None = None
        self.traj_name: str | None = None
        self.set_name: str | None = None
        self.run_name: str | None = None
        self._null_handler = logging.NullHandler()
        self._progress: ProgressReport | None = None
        #: Whether the main process draws a bar, for other processes.
        self._bar_elsewhere = False
        self._forget_process()

    def _forget_process(self) -> None:
        self._changes: list[LoggingChanges] = []
        self._stdout_to_logger: StdoutToLogger | None = None
        self._live_bar: LiveBar | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_null_handler", "_changes", "_stdout_to_logger", "_live_bar"):
            del state[name]
        state["_bar_elsewhere"] = self._live_bar is not None
        if not isinstance(self.log_config, (str, dict, type(None), bool)):
            # A parser cannot be pickled; what it said has been split off as text.
            state["log_config"] = True
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._null_handler = logging.NullHandler()
        self._forget_process()

    # ---------------------------------------------------------------- set-up

    def add_null_handler(self) -> None:
        """Keep ``logging`` from complaining until there is a configuration."""
        logging.getLogger().addHandler(self._null_handler)

    def remove_null_handler(self) -> None:
        """Undo :meth:`add_null_handler`."""
        logging.getLogger().removeHandler(self._null_handler)

    def check_log_config(self) -> None:
        """Validate all settings and split off the configuration of children.

        Raises
        ------
        ValueError
            If a configuration file does not exist or configures no logger.
        TypeError
            If a setting is of a type it cannot have.
        """
        if self.report_progress:
            self.report_progress = check_report_progress(self.report_progress)
            percentage, name, level = self.report_progress
            self._progress = ProgressReport(percentage, name, level)
        if self.log_stdout:
            self.log_stdout = _check_log_stdout(self.log_stdout)
        if self.log_config:
            self._sp_config, self._mp_config = split_config(self.log_config)

    def extract_replacements(self, trajectory: Any) -> None:
        """Remember the names that wildcards in file names stand for."""
        self.env_name = trajectory.v_environment_name
        self.traj_name = trajectory.v_name
        self.set_name = trajectory.f_wildcard("$set")
        self.run_name = trajectory.f_wildcard("$")

    def make_logging_handlers_and_tools(self, multiproc: bool = False) -> None:
        """Configure logging and redirect stdout in this process.

        Parameters
        ----------
        multiproc : bool
            Use the configuration of children. A failure is then reported on stderr only, for a
            run without a log is still a run.
        """
        changes = LoggingChanges()
        try:
            with changes.watched():
                self._configure(multiproc)
        except BaseException:
            changes.undo()
            raise
        self._changes.append(changes)
        if multiproc:
            share_console(self._bar_elsewhere)
        if self.log_stdout and self._stdout_to_logger is None:
            self._stdout_to_logger = StdoutToLogger(*self.log_stdout)
            self._stdout_to_logger.start()

    def _configure(self, multiproc: bool) -> None:
        config = self._mp_config if multiproc else self._sp_config
        if config is not None:
            try:
                with handlers_kept_open():
                    config.apply(self._rename)
            except Exception as exc:
                if not multiproc:
                    raise
                sys.stderr.write(f"Could not configure logging in a child process: {exc!r}\n")
        enable_loggers("pypet")

    def _rename(self, filename: str) -> str:
        return rename_log_file(
            filename,
            env_name=self.env_name,
            traj_name=self.traj_name,
            set_name=self.set_name,
            run_name=self.run_name,
        )

    # -------------------------------------------------------------- progress

    def show_progress(self, n: int, total_runs: int) -> None:
        """Report that run `n` (counted from 0; -1 at the start) of `total_runs` has finished."""
        if self._progress is None:
            return
        if self._live_bar is None and self._progress.logger != "print" and LiveBar.possible():
            self._live_bar = LiveBar()
        if self._live_bar is not None:
            # First, since the bar keeps the text of progress from the console.
            self._live_bar.show(n + 1, total_runs)
        self._progress.show(n, total_runs)
        if self._live_bar is not None and n + 1 >= total_runs:
            self._live_bar.close()
            self._live_bar = None

    # -------------------------------------------------------------- clean-up

    def finalize(self, remove_all_handlers: bool = True) -> None:
        """Give back stdout and, if wanted, remove every handler that was installed here.

        Parameters
        ----------
        remove_all_handlers : bool
            If false, only the redirection of stdout ends.
        """
        if self._live_bar is not None:
            self._live_bar.close()
            self._live_bar = None
        if self._stdout_to_logger is not None:
            self._stdout_to_logger.finalize()
            self._stdout_to_logger = None
            if multiprocessing.parent_process() is None:
                print("Disabled redirection of `stdout`.")
        if remove_all_handlers:
            while self._changes:
                self._changes.pop().undo()

    @staticmethod
    def tabula_rasa() -> None:
        """Remove and close all handlers of all loggers, the user's included."""
        for _, logger in all_loggers():
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
                handler.close()


def _check_log_stdout(log_stdout: Any) -> tuple[str, int]:
    if log_stdout is True:
        return "STDOUT", logging.INFO
    if isinstance(log_stdout, str):
        return log_stdout, logging.INFO
    if isinstance(log_stdout, int):
        return "STDOUT", log_stdout
    if isinstance(log_stdout, (tuple, list)) and len(log_stdout) == 2:
        name, level = log_stdout
        if isinstance(name, str) and isinstance(level, int):
            return name, level
    raise PypetTypeError(
        f"`log_stdout` is {log_stdout!r}; pass a boolean, a logger name, a level, or a pair of "
        "name and level."
    )
