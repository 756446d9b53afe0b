"""Whether a logging configuration can be applied, found out without applying it.

``logging`` finds faults while it opens log files, so some are there when it gives up. Here nothing
is opened: names that refer to nothing, levels that do not exist, classes that cannot be imported
and sections that are missing are reported first. What a handler does with its arguments is its own
business and shows when it is made.
"""

from __future__ import annotations

import configparser
import logging
import logging.config
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pypet_multiproc.logs.file_names import get_strings, is_file_name
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.files import obstacle


def check_level(what: str, level: Any) -> None:
    """Refuse what is no level of logging.

    Parameters
    ----------
    what : str
        Whose level it is, as the beginning of a message.
    level : object
        A whole number from 0 on, or a name such as ``'INFO'``.

    Raises
    ------
    ValueError, TypeError
        If there is no such level, or it is neither number nor text.
    """
    names = logging.getLevelNamesMapping()
    if isinstance(level, str):
        if level not in names:
            raise PypetValueError(
                f"{what} is {level!r}, which is no level. Use one of {', '.join(names)}, or a "
                "number."
            )
    elif isinstance(level, bool) or not isinstance(level, int):
        raise PypetTypeError(
            f"{what} is {level!r}, but a level is a number such as logging.INFO or a name such "
            "as 'INFO'."
        )
    elif level < 0:
        raise PypetValueError(f"{what} is {level!r}, but levels are not negative.")


def check_dictionary(config: Mapping[str, Any]) -> None:
    """Refuse a dictionary that ``logging.config.dictConfig`` would refuse.

    Raises
    ------
    ValueError, TypeError
        Naming the entry and what is wrong with it.
    """
    if not config:
        return
    if config.get("version") != 1:
        raise PypetValueError(
            "A dictionary for logging needs 'version': 1, but its version is "
            f"{config.get('version')!r}."
        )
    sections = {name: _section(config, name) for name in ("formatters", "handlers", "loggers")}
    if config.get("incremental"):
        return
    for name, handler in sections["handlers"].items():
        what = f"Handler {name!r} of the dictionary for logging"
        _check_names(what, "formatter", [handler.get("formatter")], sections["formatters"])
        if "level" in handler:
            check_level(f"The level of handler {name!r}", handler["level"])
        if "()" not in handler:
            _check_class(what, handler.get("class"))
        if isinstance(handler.get("filename"), str):
            check_folder(handler["filename"])
    root = {"root": config["root"]} if "root" in config else {}
    for name, logger in {**sections["loggers"], **root}.items():
        if "level" in logger:
            check_level(f"The level of logger {name!r}", logger["level"])
        what = f"Logger {name!r} of the dictionary for logging"
        _check_names(what, "handler", logger.get("handlers", ()), sections["handlers"])


def check_sections(parser: configparser.RawConfigParser, source: Any) -> None:
    """Refuse sections of an ini file that ``logging.config.fileConfig`` would refuse.

    Parameters
    ----------
    parser : RawConfigParser
        The logging sections, without prefixes; does not interpolate.
    source : object
        Where they come from, for messages.

    Raises
    ------
    ValueError
        Naming the section and what is wrong with it.
    """
    listed = {kind: _listed(parser, kind, source) for kind in ("formatter", "handler", "logger")}
    for name in listed["handler"]:
        section = f"handler_{name}"
        what = f"[{section}] of the logging configuration {source!r}"
        _check_names(
            what, "formatter", _split(parser.get(section, "formatter", fallback="")),
            listed["formatter"],
        )  # fmt: skip
        if parser.has_option(section, "level"):
            check_level(f"level in {what}", parser.get(section, "level"))
        _check_class(what, parser.get(section, "class", fallback=None))
        strings = _strings(what, parser.get(section, "args", fallback="()"))
        for filename in filter(is_file_name, strings):
            check_folder(filename)
    for name in listed["logger"]:
        section = f"logger_{name}"
        what = f"[{section}] of the logging configuration {source!r}"
        if name != "root" and not parser.has_option(section, "qualname"):
            raise PypetValueError(f"{what} needs the option qualname, the name of the logger.")
        if parser.has_option(section, "level"):
            check_level(f"level in {what}", parser.get(section, "level"))
        _check_names(
            what, "handler", _split(parser.get(section, "handlers", fallback="")),
            listed["handler"],
        )  # fmt: skip
    if "root" not in listed["logger"]:
        raise PypetValueError(
            f"[loggers] of the logging configuration {source!r} must list root, but lists "
            f"{', '.join(listed['logger']) or 'nothing'}."
        )


def check_folder(filename: str) -> None:
    """Refuse a log file in a folder that can never be there.

    Parameters
    ----------
    filename : str
        May contain wildcards; folders behind the first one are made anew.

    Raises
    ------
    ValueError
        If a part of the path is a file, or nothing may be written there.
    """
    found = obstacle(os.path.dirname(os.path.abspath(filename).partition("$")[0]))
    if found is not None:
        raise PypetValueError(
            f"The log file `{filename}` cannot be made, for `{found}` is no folder that can be "
            "written to. Choose another place, for instance with `log_folder`."
        )


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name, {})
    if not isinstance(section, Mapping) or not all(
        isinstance(entry, Mapping) for entry in section.values()
    ):
        raise PypetTypeError(
            f"{name!r} of the dictionary for logging must map names to dictionaries, but is "
            f"{section!r}."
        )
    return section


def _listed(parser: configparser.RawConfigParser, kind: str, source: Any) -> list[str]:
    """Names that ``[handlers]`` and the like list, each of which has a section."""
    plural = f"{kind}s"
    if not parser.has_option(plural, "keys"):
        raise PypetValueError(
            f"The logging configuration {source!r} needs a section [{plural}] with an option "
            f"keys that lists its {plural}, be it empty."
        )
    names = _split(parser.get(plural, "keys"))
    for name in names:
        if not parser.has_section(f"{kind}_{name}"):
            raise PypetValueError(
                f"[{plural}] of the logging configuration {source!r} lists {name}, but there is "
                f"no section [{kind}_{name}]."
            )
    return names


def _strings(what: str, args: str) -> list[str]:
    try:
        return get_strings(args)
    except SyntaxError as error:
        raise PypetValueError(f"args in {what} is {args!r}, which is no tuple: {error}.") from error


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _check_names(what: str, kind: str, names: Iterable[Any], known: Iterable[str]) -> None:
    for name in names:
        if name is not None and name not in known:
            raise PypetValueError(
                f"{what} has the {kind} {name!r}, which is not defined. Defined are: "
                f"{', '.join(known) or 'none'}."
            )


def _check_class(what: str, path: Any) -> None:
    """Refuse what is neither a class of ``logging`` nor the path of one, nor a class."""
    if not isinstance(path, str):
        if path is None:
            raise PypetValueError(f"{what} has no class.")
        return
    found: Any = logging
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is not None:
        return
    try:
        logging.config.BaseConfigurator({}).resolve(path)
    except (ValueError, ImportError, AttributeError) as error:
        raise PypetValueError(
            f"{what} has the class {path!r}, which cannot be imported."
        ) from error
