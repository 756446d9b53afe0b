"""Logging of an environment: what goes where, in the main process and in children."""

import configparser
import logging
import multiprocessing
import os
import pickle
import sys
from pathlib import Path

import pytest

from pypet_multiproc.logs import (
    DisableAllLogging,
    LoggingManager,
    NoInterpolationParser,
    StdoutToLogger,
    get_strings,
    has_logging_sections,
    rename_log_file,
    shipped_config,
    simple_logging_config,
    try_make_dirs,
    use_simple_logging,
)
from pypet_multiproc.testing import double
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.trajectory.lifecycle import set_environment

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def traj():
    traj = Trajectory("T")
    set_environment(traj, "E", "e" * 40)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, 1, 2]})
    return traj


@pytest.fixture
def start(traj):
    """Start logging with any configuration; it ends with the test."""
    managers = []

    def start(log_config="DEFAULT", **kwargs):
        manager = LoggingManager(log_config, **kwargs)
        manager.check_log_config()
        manager.extract_replacements(traj)
        manager.make_logging_handlers_and_tools()
        managers.append(manager)
        return manager

    yield start
    for manager in managers:
        manager.finalize()


def files(folder="logs"):
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.claim(127)
@pytest.mark.claim(144)
def test_by_default_there_is_a_file_for_everything_and_one_for_errors(start):
    start()
    logging.getLogger("a.b").info("fine")
    logging.getLogger("a.b").error("bad")
    assert files() == ["logs/T/E/ERROR.txt", "logs/T/E/LOG.txt"]
    everything = Path("logs/T/E/LOG.txt").read_text()
    assert "a.b INFO     fine" in everything
    assert "bad" in everything
    errors = Path("logs/T/E/ERROR.txt").read_text()
    assert "bad" in errors
    assert "fine" not in errors


def test_the_console_shows_the_name_of_the_process(start, capsys):
    start()
    logging.getLogger("a").info("fine")
    assert "MainProcess a INFO     fine" in capsys.readouterr().err


@pytest.mark.claim(146)
def test_the_shipped_file_is_the_default(start):
    start(shipped_config("default.ini"))
    logging.info("fine")
    assert files() == ["logs/T/E/ERROR.txt", "logs/T/E/LOG.txt"]


@pytest.mark.parametrize("name", ["default", "debug", "test", "env_config_test"])
def test_all_shipped_files_configure_logging(name):
    assert has_logging_sections(shipped_config(f"{name}.ini"))


@pytest.mark.claim(131)
@pytest.mark.claim(132)
def test_after_the_end_nothing_is_logged_any_more(start):
    before = sys.stdout
    manager = start(log_stdout=True)
    manager.finalize()
    logging.getLogger("a").error("too late")
    assert "too late" not in Path("logs/T/E/LOG.txt").read_text()
    assert sys.stdout is before


def test_handlers_and_levels_of_the_user_are_put_back(start):
    mine = logging.NullHandler()
    logging.root.addHandler(mine)
    level = logging.root.level
    try:
        start().finalize()
        assert mine in logging.root.handlers
        assert logging.root.level == level
    finally:
        logging.root.removeHandler(mine)


def test_handlers_of_named_loggers_are_removed_as_well(start):
    config = simple(log_folder="logs", logger_names=("one", "two"), log_levels=(10, 20))
    manager = start(config["log_config"])
    assert logging.getLogger("one").handlers
    manager.finalize()
    assert not logging.getLogger("one").handlers
    assert not logging.getLogger("two").handlers


def test_only_the_redirection_ends_if_handlers_are_to_stay(start):
    before = sys.stdout
    manager = start(log_stdout=True)
    manager.finalize(remove_all_handlers=False)
    logging.getLogger("a").error("still here")
    assert sys.stdout is before
    assert "still here" in Path("logs/T/E/LOG.txt").read_text()


def test_tabula_rasa_removes_everything():
    logger = logging.getLogger("rasa")
    before = list(logging.root.handlers)
    for handler in before:
        logging.root.removeHandler(handler)
    logger.addHandler(logging.NullHandler())
    LoggingManager.tabula_rasa()
    assert not logger.handlers
    for handler in before:
        logging.root.addHandler(handler)


def test_a_null_handler_can_be_there_for_a_while():
    manager = LoggingManager()
    before = list(logging.root.handlers)
    manager.add_null_handler()
    assert len(logging.root.handlers) == len(before) + 1
    manager.remove_null_handler()
    assert logging.root.handlers == before


# ------------------------------------------------------------------------ captured prints


@pytest.mark.claim(128)
def test_printed_text_is_logged_line_by_line(start):
    start(log_stdout=True)
    print("hello", 2)
    print("first\nsecond\n")
    print("")
    text = Path("logs/T/E/LOG.txt").read_text()
    messages = [line.split("INFO     ")[1] for line in text.splitlines() if "STDOUT" in line]
    assert messages == [
        "Established redirection of `stdout`.", "hello 2", "first", "second"
    ]  # fmt: skip


@pytest.mark.claim(129)
@pytest.mark.claim(130)
@pytest.mark.parametrize(
    ("log_stdout", "name", "level"),
    [
        (("mine", 50), "mine", "CRITICAL"),
        ("mine", "mine", "INFO"),
        (40, "STDOUT", "ERROR"),
        (True, "STDOUT", "INFO"),
    ],
)
def test_name_and_level_of_printed_text_can_be_chosen(start, log_stdout, name, level):
    start(log_stdout=log_stdout)
    print("hello")
    assert f"{name} {level:8} hello" in Path("logs/T/E/LOG.txt").read_text()


def test_a_handler_that_prints_does_not_end_in_a_loop(capsys):
    class Printing(logging.Handler):
        def emit(self, record):
            print(record.getMessage())

    logger = logging.getLogger("loop")
    logger.addHandler(Printing())
    redirection = StdoutToLogger("loop", logging.ERROR)
    redirection.start()
    try:
        print("once")
        assert not sys.stdout.isatty()
        assert sys.stdout.encoding
    finally:
        redirection.finalize()
        logger.handlers.clear()


def test_a_wrong_log_stdout_is_refused():
    with pytest.raises(TypeError, match="log_stdout"):
        LoggingManager(log_stdout=3.5).check_log_config()


# ------------------------------------------------------------------------- simple logging


@simple_logging_config
def simple_method(self, **kwargs):
    return kwargs


def simple(**kwargs):
    return simple_method(None, **kwargs)


def test_simple_keywords_become_a_configuration():
    assert use_simple_logging({"log_folder": "x"})
    assert not use_simple_logging({"folder": "x"})
    assert simple(other=1) == {"other": 1}
    assert set(simple(log_level=10, other=1)) == {"log_config", "other"}


@pytest.mark.claim(133)
def test_log_folder_says_where_files_go(start):
    start(simple(log_folder="here")["log_config"])
    logging.error("x")
    assert files("here") == ["here/T/E/ERROR.txt", "here/T/E/LOG.txt"]


@pytest.mark.claim(134)
@pytest.mark.claim(135)
def test_logger_names_and_levels_go_in_pairs(start):
    start(simple(logger_names=("one", "two"), log_levels=("DEBUG", 40))["log_config"])
    for name in ("one", "two", "three"):
        logging.getLogger(name).warning("from %s", name)
    text = Path("logs/T/E/LOG.txt").read_text()
    assert "from one" in text
    assert "from two" not in text
    assert "from three" not in text


def test_fewer_levels_than_loggers_are_refused():
    with pytest.raises(ValueError, match="2 logger names but 3"):
        simple(logger_names=("one", "two"), log_levels=(10, 20, 30))


@pytest.mark.parametrize("other", [{"log_config": None}, {"log_level": 10, "log_levels": 20}])
def test_both_ways_of_configuration_exclude_each_other(other):
    with pytest.raises(ValueError):
        simple(log_folder="x", **other)


@pytest.mark.claim(136)
def test_children_can_be_left_out():
    config = simple(log_multiproc=False)["log_config"]
    assert not [key for key in config if key.startswith("multiproc_")]


# ---------------------------------------------------------------------- other configurations


@pytest.mark.claim(137)
def test_any_file_for_fileconfig_works(start):
    Path("mine.ini").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=f\n[formatters]\nkeys=p\n"
        "[logger_root]\nlevel=WARNING\nhandlers=f\n"
        "[handler_f]\nclass=FileHandler\nformatter=p\nargs=('deep/er/$traj.log', 'w')\n"
        "[formatter_p]\nformat=%(levelname)s|%(message)s\n"
    )
    start("mine.ini")
    logging.warning("100%")
    assert Path("deep/er/T.log").read_text() == "WARNING|100%\n"


def test_a_parser_works_and_need_not_be_picklable(start):
    parser = NoInterpolationParser()
    parser.read(shipped_config("default.ini"))
    manager = start(parser)
    assert pickle.loads(pickle.dumps(manager)).log_config is True
    logging.error("x")
    assert "x" in Path("logs/T/E/LOG.txt").read_text()


def test_a_dictionary_works_at_any_depth(start):
    config = {
        "version": 1,
        "handlers": {"f": {"class": "logging.FileHandler", "filename": "$env-$set.out"}},
        "root": {"handlers": ["f"], "level": "INFO"},
        "multiproc_root": {"level": "ERROR"},
    }
    manager = start(config)
    logging.info("x")
    assert Path("E-run_set_ALL.out").read_text() == "x\n"
    assert manager._mp_config.content == {"version": 1, "root": {"level": "ERROR"}}
    assert config["handlers"]["f"]["filename"] == "$env-$set.out"


def test_a_missing_file_is_refused():
    with pytest.raises(ValueError, match=r"nowhere\.ini"):
        LoggingManager("nowhere.ini").check_log_config()


def test_a_file_without_loggers_is_refused():
    Path("empty.ini").write_text("[environment]\nmultiproc=True\n")
    assert not has_logging_sections("empty.ini")
    with pytest.raises(ValueError, match="loggers"):
        LoggingManager("empty.ini").check_log_config()


def test_another_type_is_refused():
    with pytest.raises(TypeError, match="int"):
        LoggingManager(3).check_log_config()


def test_without_configuration_nothing_is_done(traj):
    manager = LoggingManager()
    manager.check_log_config()
    manager.make_logging_handlers_and_tools()
    assert (manager.log_config, manager._sp_config, manager._mp_config) == (None, None, None)


# -------------------------------------------------------------------------------- file names


@pytest.mark.claim(138)
@pytest.mark.claim(139)
@pytest.mark.claim(140)
@pytest.mark.claim(141)
@pytest.mark.claim(142)
@pytest.mark.claim(143)
def test_wildcards_stand_for_names(traj):
    import socket

    name = rename_log_file("$env/$traj/$run/$set/$proc/$host", traj)
    process = f"{multiprocessing.current_process().name}-{os.getpid()}"
    host = socket.getfqdn().replace(".", "-")
    assert name == f"E/T/run_ALL/run_set_ALL/{process}/{host}"
    traj.f_set_crun(1)
    assert rename_log_file("$run/$set", traj) == "run_00000001/run_set_00000"


def test_names_that_are_passed_win(traj):
    name = rename_log_file(
        "$env$traj$run$set$proc$host", traj, "a", "b", set_name="d", run_name="c",
        process_name="e", host_name="f",
    )  # fmt: skip
    assert name == "abcdef"


def test_a_name_nobody_knows_is_asked_for():
    with pytest.raises(ValueError, match=r"\$run"):
        rename_log_file("x/$run.log")
    assert rename_log_file("x/y.log") == "x/y.log"


@pytest.mark.parametrize(
    ("args", "strings"),
    [
        ("('x.log',)", ["x.log"]),
        ("('$traj/a.txt', 'w', )", ["$traj/a.txt", "w"]),
        ("(\"a\", os.path.join('b', 'c'), 3)", ["a", "b", "c"]),
        ("('a' 'b',)", ["ab"]),
    ],
)
def test_strings_are_found_in_expressions(args, strings):
    assert get_strings(args) == strings


def test_a_folder_that_cannot_be_made_is_reported_only(capsys):
    Path("file").write_text("")
    try_make_dirs("file/x.log")
    try_make_dirs("no_folder.log")
    assert "file" in capsys.readouterr().err


def test_all_logging_can_be_switched_off_for_a_while(caplog):
    with DisableAllLogging():
        logging.critical("unheard")
    logging.critical("heard")
    assert caplog.messages == ["heard"]


# ---------------------------------------------------------------------------------- children


@pytest.fixture
def manager(traj):
    manager = LoggingManager("DEFAULT", log_stdout=True)
    manager.check_log_config()
    manager.extract_replacements(traj)
    return manager


def talk(traj):
    logging.getLogger("job").info("in run %d", traj.v_idx)
    print("printed in", traj.v_idx)
    return double(traj)


def _log_names():
    return sorted(path.name for path in Path("logs").rglob("*LOG.txt"))


@pytest.mark.claim(140)
@pytest.mark.claim(145)
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_each_run_of_its_own_process_has_its_own_files(experiment, manager, start_method):
    experiment(talk, runs=3, multiproc=True, ncores=2, wrap_mode="LOCAL",
               start_method=start_method, engine={"logging_manager": manager})  # fmt: skip
    names = _log_names()
    assert len(names) == 3
    for idx, name in enumerate(names):
        assert name.startswith(f"run_{idx:08d}_")
        assert "_Process-" in name
        (path,) = Path("logs").rglob(name)
        text = path.read_text()
        assert f"job INFO     in run {idx}" in text
        assert "STDOUT INFO     printed in" in text


@pytest.mark.parametrize("way", [{}, {"freeze_input": True}])
def test_each_worker_of_a_pool_has_its_own_files(experiment, manager, way):
    experiment(talk, multiproc=True, ncores=2, use_pool=True, wrap_mode="LOCAL",
               engine={"logging_manager": manager}, **way)  # fmt: skip
    names = _log_names()
    assert 1 <= len(names) <= 2
    assert all(name.startswith("run_ALL_") and "PoolWorker-" in name for name in names)


@pytest.mark.parametrize(("mode", "name"), [("QUEUE", "QueueProcess"), ("PIPE", "PipeProcess")])
def test_the_writer_has_its_own_files(experiment, manager, mode, name):
    experiment(double, runs=2, multiproc=True, ncores=1, use_pool=True, wrap_mode=mode,
               engine={"logging_manager": manager})  # fmt: skip
    assert [file for file in _log_names() if file.startswith("run_ALL_") and name in file]


def test_without_a_section_for_children_they_log_to_the_files_of_main(experiment, traj):
    config = simple(log_folder="logs", log_multiproc=False)["log_config"]
    manager = LoggingManager(config)
    manager.check_log_config()
    manager.extract_replacements(traj)
    manager.make_logging_handlers_and_tools()
    try:
        experiment(talk, runs=2, multiproc=True, ncores=1, wrap_mode="LOCAL",
                   engine={"logging_manager": manager})  # fmt: skip
    finally:
        manager.finalize()
    assert files() == ["logs/T/E/ERROR.txt", "logs/T/E/LOG.txt"]
    assert "in run 1" in Path("logs/T/E/LOG.txt").read_text()


def test_a_configuration_that_fails_in_a_child_costs_the_log_only(capfd, experiment, traj):
    config = {
        "version": 1,
        # Made in the child only, and without the host that it needs.
        "multiproc_handlers": {"f": {"class": "logging.handlers.SocketHandler"}},
        "multiproc_root": {"handlers": ["f"]},
    }
    manager = LoggingManager(config)
    manager.check_log_config()
    manager.extract_replacements(traj)
    experiment(double, runs=2, multiproc=True, ncores=1, wrap_mode="LOCAL",
               engine={"logging_manager": manager})  # fmt: skip
    assert experiment.results == {0: 0, 1: 2}
    assert "Could not configure logging" in capfd.readouterr().err


def test_an_old_parser_works(start):
    parser = configparser.RawConfigParser()
    parser.read(shipped_config("default.ini"))
    start(parser)
    assert files() == ["logs/T/E/ERROR.txt", "logs/T/E/LOG.txt"]
