"""The three forms of a logging configuration, and the part of each that is for children.

A configuration is an ini file as for ``logging.config.fileConfig``, a parser that has read one,
or a dictionary as for ``logging.config.dictConfig``. Sections and keys that start with
``multiproc_`` configure child processes. Invariant: what a `LoggingConfig` keeps is text or a
dictionary, never a parser or an open file, so it can be sent to any process.
"""

from __future__ import annotations

import configparser
import copy
import importlib.resources
import io
import logging.config
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pypet_multiproc.logs.checking import check_dictionary, check_sections
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
