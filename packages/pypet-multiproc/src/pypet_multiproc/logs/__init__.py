"""Logging across processes: files per process, wildcards in their names, captured prints."""

from pypet_multiproc.logs.changes import DisableAllLogging
from pypet_multiproc.logs.configurations import (
    LOGGING_DICT,
    NoInterpolationParser,
    has_logging_sections,
    shipped_config,
    simple_logging_config,
    use_simple_logging,
)
from pypet_multiproc.logs.file_names import (
    FILENAME_INDICATORS,
    get_strings,
    rename_log_file,
    try_make_dirs,
)
from pypet_multiproc.logs.manager import LoggingManager
from pypet_multiproc.logs.standard_output import StdoutToLogger

__all__ = [
    "FILENAME_INDICATORS",
    "LOGGING_DICT",
    "DisableAllLogging",
    "LoggingManager",
    "NoInterpolationParser",
    "StdoutToLogger",
    "get_strings",
    "has_logging_sections",
    "rename_log_file",
    "shipped_config",
    "simple_logging_config",
    "try_make_dirs",
    "use_simple_logging",
]
