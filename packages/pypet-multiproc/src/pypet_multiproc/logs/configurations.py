"""The forms of a logging configuration, and the part of each that is for children.

A configuration is an ini file as for ``logging.config.fileConfig``, a parser that has read one,
or a dictionary as for ``logging.config.dictConfig``, which can be made from a few keywords.
Sections and keys that start with ``multiproc_`` configure child processes. Invariant: what a
`LoggingConfig` keeps is text or a dictionary, never a parser or an open file, so it can be sent to
any process.
"""

from __future__ import annotations

import configparser
import copy
import functools
import importlib.resources
import io
import logging
import logging.config
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pypet_multiproc.logs.checking import check_dictionary, check_level, check_sections
from pypet_multiproc.logs.file_names import get_strings, is_file_name, try_make_dirs
from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError

MULTIPROC_PREFIX = "multiproc_"


class LoggingFileError(PypetValueError, configparser.Error):
    """A logging configuration file is no ini file; also the parser's error, as in pypet 0.7."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # What the parser's own errors are shown as.
        self.message = message


class NoInterpolationParser(configparser.ConfigParser):
    """A parser that leaves ``%`` alone, as log formats need it."""

    def __init__(self) -> None:
        super().__init__(interpolation=None)


def shipped_config(name: str) -> str:
    """Path of an ini file that comes with this package, for instance ``'default.ini'``."""
    return str(importlib.resources.files("pypet_multiproc.logs") / name)


def has_logging_sections(source: str | configparser.RawConfigParser) -> bool:
    """Whether an ini file or a parser configures logging at all."""
    return bool(_parsed(source).has_section("loggers"))


@dataclass
class LoggingConfig:
    """A logging configuration for one kind of process."""

    #: Text of an ini file, or a dictionary.
    content: str | dict[str, Any]

    def apply(self, rename: Callable[[str], str]) -> None:
        """Configure logging in this process.

        Parameters
        ----------
        rename : callable
            Completes the names of log files; their folders are created.
        """

        def prepared(filename: str) -> str:
            filename = rename(filename)
            try_make_dirs(filename)
            return filename

        if isinstance(self.content, dict):
            logging.config.dictConfig(_with_file_names(self.content, prepared))
            return
        parser = NoInterpolationParser()
        parser.read_string(self.content)
        for section in parser.sections():
            if parser.has_option(section, "args"):
                args = parser.get(section, "args")
                for text in get_strings(args):
                    if is_file_name(text):
                        args = _replace_literal(args, text, prepared(text))
                parser.set(section, "args", args)
        logging.config.fileConfig(parser, disable_existing_loggers=False)


def split_config(source: Any) -> tuple[LoggingConfig, LoggingConfig | None]:
    """Split a configuration into that of the main process and that of children.

    Parameters
    ----------
    source : str, dict or RawConfigParser
        Path of an ini file (``'DEFAULT'`` is the one shipped), a dictionary, or a parser.

    Returns
    -------
    main : LoggingConfig
        For the main process.
    children : LoggingConfig or None
        For all other processes, if they are mentioned.

    Raises
    ------
    ValueError
        If the file does not exist, is no ini file, or what is configured cannot be.
    TypeError
        If it is something else.
    """
    if isinstance(source, Mapping) and not isinstance(source, configparser.RawConfigParser):
        return _split_dict(dict(source))
    if isinstance(source, (str, os.PathLike, configparser.RawConfigParser)):
        return _split_parser(_parsed(source), source)
    raise PypetTypeError(
        f"`log_config` is of type {type(source).__name__}; pass the path of an ini file, a "
        "dictionary, a parser, or None."
    )


def _parsed(source: str | os.PathLike[str] | configparser.RawConfigParser) -> Any:
    if isinstance(source, configparser.RawConfigParser):
        return source
    if source == constants.DEFAULT_LOGGING:
        source = shipped_config("default.ini")
    if not os.path.isfile(source):
        raise PypetValueError(f"There is no logging configuration file `{source}`.")
    parser = NoInterpolationParser()
    try:
        parser.read(source, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise LoggingFileError(
            f"The logging configuration file `{source}` is no ini file: {error}"
        ) from error
    return parser


def _split_parser(
    parser: configparser.RawConfigParser, source: Any
) -> tuple[LoggingConfig, LoggingConfig | None]:
    main, children = NoInterpolationParser(), NoInterpolationParser()
    for section in parser.sections():
        target, name = main, section
        if section.startswith(MULTIPROC_PREFIX):
            target, name = children, section.removeprefix(MULTIPROC_PREFIX)
        target.add_section(name)
        for option in parser.options(section):
            target.set(name, option, parser.get(section, option, raw=True))
    if not main.has_section("loggers"):
        raise PypetValueError(
            f"The logging configuration {source!r} has no section [loggers]; the file format is "
            "that of `logging.config.fileConfig`."
        )
    for part in (main, children):
        if part.has_section("loggers"):
            check_sections(part, source)
    return (
        LoggingConfig(_text_of(main)),
        LoggingConfig(_text_of(children)) if children.has_section("loggers") else None,
    )


def _text_of(parser: configparser.RawConfigParser) -> str:
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _split_dict(config: dict[str, Any]) -> tuple[LoggingConfig, LoggingConfig | None]:
    config = copy.deepcopy(config)
    children = {
        key.removeprefix(MULTIPROC_PREFIX): config.pop(key)
        for key in list(config)
        if key.startswith(MULTIPROC_PREFIX)
    }
    check_dictionary(config)
    if not children:
        return LoggingConfig(config), None
    for key in ("version", "disable_existing_loggers"):
        if key in config:
            children[key] = config[key]
    check_dictionary(children)
    return LoggingConfig(config), LoggingConfig(children)


def _with_file_names(value: Any, prepared: Callable[[str], str], key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _with_file_names(item, prepared, name) for name, item in value.items()}
    if key == "filename" and isinstance(value, str):
        return prepared(value)
    return value


def _replace_literal(args: str, old: str, new: str) -> str:
    """Replace a string literal, whichever quotes it is written in."""
    for literal in (repr(old), '"' + old + '"', "'" + old + "'"):
        if literal in args:
            return args.replace(literal, repr(new))
    return args.replace(old, new)


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
