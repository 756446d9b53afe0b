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
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pypet.environment.arguments.kinds import did_you_mean
from pypet_trajectory.exceptions import PypetError, PypetRuntimeError, PypetValueError
from pypet_trajectory.trajectory import Trajectory

F = TypeVar("F", bound=Callable[..., Any])

#: Sections with arguments of the environment; what stands in a later one wins.
ARGUMENT_SECTIONS = ("storage_service", "trajectory", "environment")
#: Sections with data, and the method of the trajectory that adds it.
DATA_SECTIONS = {"parameters": "f_add_parameter", "config": "f_add_config"}
#: Sections that configure logging, and prefixes of further ones.
LOGGING_SECTIONS = ("loggers", "handlers", "formatters")
LOGGING_PREFIXES = ("logger_", "handler_", "formatter_", "multiproc_")
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


class ConfigFormatError(ConfigFileError, configparser.Error):
    """A config file is no ini file; also the parser's error, as in 0.7."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # What the parser's own errors are shown as.
        self.message = message


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
        If there is no such file, it is no ini file, or a section is misspelled; also a
        ``ValueError``.
    ConfigTypeError
        If ``config`` is something else; also a ``RuntimeError``.
    """

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self._given = kwargs
        self._source = kwargs.pop("config", None)
        self._parser = None if self._source is None else _parser_for(self._source)
        if self._parser is not None:
            self._refuse_misspelled_sections(self._parser)

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

    def check_data(self, trajectory: Any) -> None:
        """Find out, without a trace, whether :meth:`add_parameters` will be refused.

        Parameters
        ----------
        trajectory : object
            As passed to the environment; what an existing one holds cannot be added again.

        Raises
        ------
        ConfigFileError
            If a name is no name or taken, or a value cannot be the value of a parameter.
        """
        if self._parser is None:
            return
        scratch = Trajectory("scratch")
        for section, name, arguments in self._data():
            where = f"Option {name!r} of section [{section}] in {self._where()}"
            try:
                added = getattr(scratch, DATA_SECTIONS[section])(name, *arguments)
            except (PypetError, TypeError) as error:
                raise ConfigFileError(
                    f"{where} cannot be added to the trajectory: {error} Write a value, or a "
                    "value and a comment with a comma in between."
                ) from error
            if not isinstance(trajectory, Trajectory) or trajectory.v_no_clobber:
                continue
            if trajectory.f_contains(added.v_full_name, shortcuts=False):
                raise ConfigFileError(
                    f"{where} cannot be added: the trajectory {trajectory.v_name!r} has "
                    f"{added.v_full_name!r} already."
                )

    def add_parameters(self, traj: Any) -> None:
        """Add what stands in the sections ``parameters`` and ``config`` to a trajectory.

        A tuple is read as value and comment; a value that is itself a tuple is written as a
        tuple of one tuple.
        """
        for section, name, arguments in self._data():
            getattr(traj, DATA_SECTIONS[section])(name, *arguments)

    def _data(self) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
        """Section, name and arguments of everything that is added to the trajectory."""
        for section in DATA_SECTIONS:
            for name, value in self._literals(section).items():
                yield section, name, value if isinstance(value, tuple) else (value,)

    def _refuse_misspelled_sections(self, parser: configparser.RawConfigParser) -> None:
        known = {*ARGUMENT_SECTIONS, *DATA_SECTIONS, *LOGGING_SECTIONS}
        for section in parser.sections():
            if section in known or section.startswith(LOGGING_PREFIXES):
                continue
            meant = did_you_mean(section.lower(), known)
            if meant:
                raise ConfigFileError(
                    f"The section [{section}] in {self._where()} is unknown.{meant}"
                )

    def _where(self) -> str:
        is_path = isinstance(self._source, (str, os.PathLike))
        return str(self._source) if is_path else "the parser"

    def _literals(self, section: str) -> dict[str, Any]:
        """Options of a section, their values parsed; empty if the section is not there."""
        if self._parser is None or not self._parser.has_section(section):
            return {}
        try:
            items = self._parser.items(section)
        except configparser.Error as error:
            raise ConfigFormatError(
                f"Section [{section}] in {self._where()} cannot be read: {error}. A percent sign "
                "is written as %%."
            ) from error
        return {name: self._literal(section, name, text) for name, text in items}

    def _literal(self, section: str, name: str, text: str) -> Any:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError) as error:
            message = (
                f"Values in a config file are Python literals (quote text), but option "
                f"{name!r} of section [{section}] in {self._where()} is {text!r}."
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
    try:
        found = parser.read(os.fspath(source), encoding="utf-8")
    except (configparser.Error, ValueError) as error:
        # Also text that is no UTF-8, and paths with null characters.
        raise ConfigFormatError(
            f"The config file {os.path.abspath(source)} is no ini file: {error}"
        ) from error
    if not found:
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
        merged = interpreter.interpret(names[: len(args)])
        interpreter.check_data(args[0] if args else merged.get("trajectory"))
        init_func(self, *args, **merged)
        interpreter.add_parameters(self.traj)

    return new_func  # type: ignore[return-value]
