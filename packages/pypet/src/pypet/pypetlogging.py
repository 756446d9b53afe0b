"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_multiproc`."""

from pypet_multiproc.logs import (
    FILENAME_INDICATORS,
    LOGGING_DICT,
    DisableAllLogging,
    LoggingManager,
    NoInterpolationParser,
    StdoutToLogger,
    get_strings,
    rename_log_file,
    simple_logging_config,
    try_make_dirs,
    use_simple_logging,
)
from pypet_trajectory.logger import HasLogger

__all__ = [
    "FILENAME_INDICATORS",
    "LOGGING_DICT",
    "DisableAllLogging",
    "HasLogger",
    "LoggingManager",
    "NoInterpolationParser",
    "StdoutToLogger",
    "get_strings",
    "rename_log_file",
    "simple_logging_config",
    "try_make_dirs",
    "use_simple_logging",
]
