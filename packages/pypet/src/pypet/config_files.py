"""Settings of an environment in an ini file.

Values are Python literals and nothing else: text from a file is parsed, never evaluated.
Explicit arguments always win over the file, positional ones too. The sections ``environment``,
``trajectory`` and ``storage_service`` hold arguments of :class:`~pypet.Environment`;
``parameters`` and ``config`` hold data that is added to the trajectory; all others may
configure logging.
"""

from __future__ import annotations

import ast
import configparser
import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, TypeVar

from pypet_trajectory.exceptions import PypetRuntimeError, PypetValueError

F = TypeVar("F", bound=Callable[..., Any])

#: Sections with arguments of the environment; what stands in a later one wins.
ARGUMENT_SECTIONS = ("storage_service", "trajectory", "environment")
#: Sections with data, and the method of the trajectory that adds it.
DATA_SECTIONS = {"parameters": "f_add_parameter", "config": "f_add_config"}
#: Keywords that configure logging; if one is given the file does not.
LOGGING_KEYWORDS = (
    "log_config",
    "log_folder",
    "logger_names",
    "log_levels",
    "log_level",
    "log_multiproc",
)


class ConfigFileError(PypetValueError):
    """A config file is missing or holds something that is no literal."""


class ConfigSyntaxError(SyntaxError, ConfigFileError):
    """An option's text is no Python expression at all; also a ``SyntaxError``, as in 0.7."""


class ConfigTypeError(PypetRuntimeError):
    """`config` is neither a path nor a parser; pypet 0.7 raised a RuntimeError for it."""


class ConfigInterpreter:
    """Reads the config file among the keyword arguments of an environment.

    Parameters
    ----------
    kwargs : dict
        Keyword arguments; ``config``, a path or a ``RawConfigParser``, is taken out of them.

    Raises
    ------
    ConfigFileError
        If there is no such file; also a ``ValueError``.
    ConfigTypeError
        If ``config`` is something else; also a ``RuntimeError``.
    """

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self._given = kwargs
        self._source = kwargs.pop("config", None)
        self._parser = None if self._source is None else _parser_for(self._source)

    def interpret(self, positional: tuple[str, ...] = ()) -> dict[str, Any]:
        """Keyword arguments with the file's merged in.

        Parameters
        ----------
        positional : tuple of str
            Names of arguments that are given by position, which the file must not repeat.
        """
        if self._parser is None:
            return dict(self._given)
        merged: dict[str, Any] = {}
        for section in ARGUMENT_SECTIONS:
            merged.update(self._literals(section))
        for name in positional:
            merged.pop(name, None)
        merged.update(self._given)
        configures_logging = self._parser.has_section("loggers") and not any(
            keyword in merged for keyword in LOGGING_KEYWORDS
        )
        if configures_logging and "log_config" not in positional:
            merged["log_config"] = self._source
        return merged

    def add_parameters(self, traj: Any) -> None:
        """Add what stands in the sections ``parameters`` and ``config`` to a trajectory.

        A tuple is read as value, comment and further arguments; a value that is itself a tuple
        is written as a tuple of one tuple.
        """
        if self._parser is None:
            return
        for section, method in DATA_SECTIONS.items():
            add = getattr(traj, method)
            for name, value in self._literals(section).items():
                if isinstance(value, tuple):
                    add(name, *value)
                else:
                    add(name, value)

    def _literals(self, section: str) -> dict[str, Any]:
        """Options of a section, their values parsed; empty if the section is not there."""
        if self._parser is None or not self._parser.has_section(section):
            return {}
        return {
            name: self._literal(section, name, text) for name, text in self._parser.items(section)
        }

    def _literal(self, section: str, name: str, text: str) -> Any:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError) as error:
            where = self._source if isinstance(self._source, (str, os.PathLike)) else "the parser"
            message = (
                f"Values in a config file are Python literals (quote text), but option "
                f"{name!r} of section [{section}] in {where} is {text!r}."
            )
            if isinstance(error, SyntaxError):
                raise ConfigSyntaxError(message) from error
            raise ConfigFileError(message) from error


def _parser_for(source: Any) -> configparser.RawConfigParser:
    if isinstance(source, configparser.RawConfigParser):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise ConfigTypeError(
            f"config is the path of an ini file or a RawConfigParser, but is {source!r}."
        )
    parser = configparser.ConfigParser()
    if not parser.read(os.fspath(source)):
        raise ConfigFileError(f"The config file {os.path.abspath(source)} cannot be read.")
    return parser


def parse_config(init_func: F) -> F:
    """Let a constructor take ``config=``, a file that holds further keyword arguments.

    The object is expected to have an attribute ``traj`` once it is constructed, to which
    parameters and config data of the file are added.
    """
    names = tuple(inspect.signature(init_func).parameters)[1:]

    @functools.wraps(init_func)
    def new_func(self: Any, *args: Any, **kwargs: Any) -> None:
        interpreter = ConfigInterpreter(kwargs)
        init_func(self, *args, **interpreter.interpret(names[: len(args)]))
        interpreter.add_parameters(self.traj)

    return new_func  # type: ignore[return-value]
