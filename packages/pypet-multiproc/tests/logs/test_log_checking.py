"""Logging configurations that cannot be are refused before any log file is opened."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any

import pytest

from pypet_multiproc.logs.configurations import simple_dictionary, split_config
from pypet_multiproc.logs.manager import LoggingManager
from pypet_trajectory.exceptions import PypetError

FILE = {"class": "logging.FileHandler", "filename": "logs/all.txt"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(source: Any) -> str:
    """What is said about a configuration that cannot be; nothing is on disk then."""
    before = os.listdir()
    with pytest.raises(PypetError) as caught:
        split_config(source)
    assert isinstance(caught.value, (ValueError, TypeError))
    assert os.listdir() == before
    return str(caught.value)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"version": 7}, "'version': 1, but its version is 7"),
        ({"handlers": {"f": {"class": "no.such.Handler"}}}, "'no.such.Handler', which cannot be"),
        (
            {"handlers": {"f": {"filename": "x"}}},
            "Handler 'f' of the dictionary for logging has no",
        ),
        ({"handlers": {"f": {**FILE, "level": "LOUD"}}}, "'LOUD', which is no level. Use one of"),
        (
            {"handlers": {"f": {**FILE, "formatter": "p"}}},
            "the formatter 'p', which is not defined",
        ),
        ({"handlers": ["f"]}, "must map names to dictionaries"),
        ({"root": {"handlers": ["g"]}}, "the handler 'g', which is not defined. Defined are: f"),
        ({"root": {"level": 1.5}}, "The level of logger 'root' is 1.5"),
        ({"loggers": {"pypet": {"level": -1}}}, "not negative"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "multiproc_"])
def test_a_dictionary_that_logging_would_refuse_halfway_opens_nothing(part, words, prefix):
    good = {"version": 1, "handlers": {"f": FILE}, "root": {"handlers": ["f"]}}
    if "version" in part:
        config = {**good, **part}
    else:
        config = {**good, **{prefix + name: entry for name, entry in {**good, **part}.items()}}
        config["version"] = 1
        config.pop("multiproc_version", None)
    assert words in refused(config)


INI = """
[loggers]
keys=root, mine
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=file
[logger_mine]
qualname=mine
handlers=
[handler_file]
class=FileHandler
formatter=plain
args=('logs/all.txt',)
[formatter_plain]
format=%(message)s
"""


def test_a_file_that_logging_takes_is_not_refused():
    parser = configparser.RawConfigParser()
    parser.read_string(INI)
    main, children = split_config(parser)
    assert "logger_mine" in main.content
    assert children is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (INI, "no ini file at all", "no ini file"),
        ("[formatters]\nkeys=plain\n", "", "needs a section [formatters]"),
        ("keys=file", "keys=file, other", "there is no section [handler_other]"),
        ("level=INFO", "level=LOUD", "level in [logger_root]"),
        ("handlers=file", "handlers=filed", "the handler 'filed', which is not defined"),
        ("formatter=plain", "formatter=fancy", "the formatter 'fancy', which is not defined"),
        ("class=FileHandler", "class=FileHandlr", "the class 'FileHandlr'"),
        ("class=FileHandler", "", "has no class"),
        ("qualname=mine", "", "needs the option qualname"),
        ("keys=root, mine", "keys=mine", "must list root"),
        ("('logs/all.txt',)", "('logs/all.txt'", "args in [handler_file]"),
    ],
)
def test_a_file_that_logging_would_refuse_halfway_opens_nothing(old, new, words, folder):
    Path("log.ini").write_text(INI.replace(old, new))
    message = refused("log.ini")
    assert words in message
    assert "log.ini" in message


@pytest.mark.parametrize(
    "place", ["taken/LOG.txt", "taken/deep/$env/LOG.txt", "taken/$run_LOG.txt"]
)
def test_log_files_are_not_put_below_a_file(folder, place):
    (folder / "taken").touch()
    handlers = {"f": {"class": "logging.FileHandler", "filename": place}}
    assert "taken` is no folder" in refused({"version": 1, "handlers": handlers})
    Path("log.ini").write_text(INI.replace("logs/all.txt", place))
    assert "taken` is no folder" in refused("log.ini")


@pytest.mark.parametrize(
    ("keywords", "kind", "words"),
    [
        ({"log_folder": 42}, TypeError, "`log_folder` must be a path, but is 42"),
        ({"logger_names": 5}, TypeError, "`logger_names` must be"),
        ({"logger_names": ("pypet", 5)}, TypeError, "`logger_names` must be"),
        ({"log_levels": "LOUD"}, ValueError, "'LOUD', which is no level"),
        ({"log_levels": (10, 1.5), "logger_names": "ab"}, TypeError, "a level is a number"),
        ({"log_levels": None}, TypeError, "a level is a number"),
        ({"log_multiproc": "no"}, TypeError, "`log_multiproc` must be True or False"),
    ],
)
def test_simple_keywords_are_checked_like_configurations(keywords, kind, words):
    with pytest.raises(kind) as caught:
        simple_dictionary(**keywords)
    assert isinstance(caught.value, PypetError)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"log_stdout": ("mine", "INFO")}, TypeError),
        ({"log_stdout": (10, "mine")}, TypeError),
        ({"report_progress": -5}, ValueError),
        ({"report_progress": 101}, ValueError),
        ({"report_progress": float("nan")}, ValueError),
        ({"report_progress": (5, "pypet", "INFO")}, TypeError),
        ({"report_progress": (5, 5, 5)}, TypeError),
        ({"report_progress": object()}, TypeError),
    ],
)
def test_output_and_progress_take_what_logging_takes(settings, kind):
    with pytest.raises(kind, match=next(iter(settings))) as caught:
        LoggingManager(**settings).check_log_config()
    assert isinstance(caught.value, PypetError)
