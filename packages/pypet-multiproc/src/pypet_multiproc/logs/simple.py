"""A logging configuration from five keywords.

``log_folder``, ``logger_names``, ``log_levels`` (or ``log_level``) and ``log_multiproc`` say where
and what to log; the dictionary that ``logging`` wants is made from them. They exclude
``log_config``, which says all of it at once.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pypet_multiproc.logs.checking import check_level
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError

F = TypeVar("F", bound=Callable[..., Any])

#: The keywords of the simple way.
SIMPLE_KEYWORDS = frozenset(
    {"log_folder", "logger_names", "log_levels", "log_multiproc", "log_level"}
)

_FILE_FORMAT = "%(asctime)s %(name)s %(levelname)-8s %(message)s"
_STREAM_FORMAT = "%(processName)-10s %(name)s %(levelname)-8s %(message)s"


def _file_handler(filename: str, level: str | None = None) -> dict[str, str]:
    handler = {"class": "logging.FileHandler", "formatter": "file", "filename": filename}
    return handler if level is None else {**handler, "level": level}


#: The configuration all simple ones start from; loggers are added.
LOGGING_DICT: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"file": {"format": _FILE_FORMAT}, "stream": {"format": _STREAM_FORMAT}},
    "handlers": {
        "stream": {"class": "logging.StreamHandler", "formatter": "stream"},
        "file_main": _file_handler("$traj/$env/LOG.txt"),
        "file_error": _file_handler("$traj/$env/ERROR.txt", "ERROR"),
    },
    "multiproc_formatters": {"file": {"format": _FILE_FORMAT}},
    "multiproc_handlers": {
        "file_main": _file_handler("$traj/$env/$run_$host_$proc_LOG.txt"),
        "file_error": _file_handler("$traj/$env/$run_$host_$proc_ERROR.txt", "ERROR"),
    },
}


def use_simple_logging(kwargs: Iterable[str]) -> bool:
    """Whether any keyword of the simple way is among these."""
    return any(keyword in SIMPLE_KEYWORDS for keyword in kwargs)


def simple_dictionary(
    log_folder: str = "logs",
    logger_names: str | Iterable[str] = "",
    log_levels: int | str | Iterable[int | str] = logging.INFO,
    log_multiproc: bool = True,
) -> dict[str, Any]:
    """The dictionary for ``logging.config.dictConfig``.

    Parameters
    ----------
    log_folder : str
        Where log files go, in folders named by trajectory and environment.
    logger_names : str or iterable of str
        Which loggers to configure; ``''`` is the root.
    log_levels : int, str or iterable of these
        One level for all loggers, or one for each.
    log_multiproc : bool
        Whether child processes get files of their own.

    Raises
    ------
    ValueError
        If there are more loggers than levels, or there is no such level.
    TypeError
        If folder, names or levels are of another type.
    """
    names = _listed(logger_names)
    if not isinstance(log_folder, (str, os.PathLike)):
        raise PypetTypeError(f"`log_folder` must be a path, but is {log_folder!r}.")
    if not all(isinstance(name, str) for name in names):
        raise PypetTypeError(
            f"`logger_names` must be the name of a logger or several, but is {logger_names!r}."
        )
    if not isinstance(log_multiproc, (bool, int)):
        raise PypetTypeError(f"`log_multiproc` must be True or False, but is {log_multiproc!r}.")
    levels = _listed(log_levels)
    for level in levels:
        check_level("One of `log_levels`", level)
    if len(levels) == 1:
        levels *= len(names)
    if len(levels) != len(names):
        raise PypetValueError(
            f"There are {len(names)} logger names but {len(levels)} log levels; pass one level "
            "per name, or a single level for all."
        )
    config = copy.deepcopy(LOGGING_DICT)
    if not log_multiproc:
        config = {key: value for key, value in config.items() if "multiproc_" not in key}
    for section in ("handlers", "multiproc_handlers"):
        for handler in config.get(section, {}).values():
            if "filename" in handler:
                handler["filename"] = os.path.join(log_folder, handler["filename"])
    config["loggers"] = {
        name: {"level": level, "handlers": ["stream", "file_main", "file_error"]}
        for name, level in zip(names, levels, strict=True)
    }
    if log_multiproc:
        config["multiproc_loggers"] = {
            name: {"level": level, "handlers": ["file_main", "file_error"]}
            for name, level in zip(names, levels, strict=True)
        }
    return config


def _listed(one_or_several: Any) -> list[Any]:
    is_several = isinstance(one_or_several, Iterable) and not isinstance(one_or_several, str)
    return list(one_or_several) if is_several else [one_or_several]


def take_simple_logging(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Replace keywords of the simple way by ``log_config``.

    Raises
    ------
    ValueError
        If ``log_config`` is there as well, or both ``log_level`` and ``log_levels``.
    """
    kwargs = dict(kwargs)
    if not use_simple_logging(kwargs):
        return kwargs
    if "log_config" in kwargs:
        raise PypetValueError(
            "Logging is configured twice: pass either `log_config` or the simple keywords "
            f"{', '.join(sorted(SIMPLE_KEYWORDS & kwargs.keys()))}."
        )
    if "log_level" in kwargs:
        if "log_levels" in kwargs:
            raise PypetValueError("Pass either `log_level` or `log_levels`, not both.")
        kwargs["log_levels"] = kwargs.pop("log_level")
    simple = {key: kwargs.pop(key) for key in SIMPLE_KEYWORDS & kwargs.keys()}
    kwargs["log_config"] = simple_dictionary(**simple)
    return kwargs


def simple_logging_config(func: F) -> F:
    """Let a method take the simple keywords in place of ``log_config``.

    Raises
    ------
    ValueError
        When called with both ways of configuration.
    """

    @functools.wraps(func)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        return func(self, *args, **take_simple_logging(kwargs))

    return wrapper  # type: ignore[return-value]
