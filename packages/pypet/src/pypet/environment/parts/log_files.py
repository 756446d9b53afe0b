"""When logging of an environment is set up: checked early, opened once names are known."""

from __future__ import annotations

from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet_multiproc.logs.manager import LoggingManager


def manager_for(arguments: EnvironmentArguments) -> LoggingManager:
    """The checked logging settings of an environment; no file is opened.

    Raises
    ------
    ValueError
        If the configuration does not exist or is none.
    """
    manager = LoggingManager(
        log_config=arguments.log_config,
        log_stdout=arguments.log_stdout,
        report_progress=arguments.report_progress,
    )
    manager.check_log_config()
    return manager


def start(manager: LoggingManager, trajectory: Any) -> None:
    """Open log files, their names made from those of trajectory and environment."""
    manager.extract_replacements(trajectory)
    manager.make_logging_handlers_and_tools()
