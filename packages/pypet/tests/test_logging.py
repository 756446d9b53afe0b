"""Log files, standard output and progress of an environment."""

from __future__ import annotations

import configparser
import logging
import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from pypet import Environment, LazyStorageService, rename_log_file

pytestmark = pytest.mark.timeout(60)

LAZY = {"storage_service": LazyStorageService, "report_progress": False}


def log_files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.txt")}


@pytest.mark.claim(20)
@pytest.mark.claim(127)
def test_two_log_files_appear_by_default(folder: Path):
    with Environment("t", **LAZY) as env:
        logging.getLogger("mine").error("bad")
        logging.getLogger("mine").info("good")
    logs = folder / "logs" / "t" / env.name
    assert {path.name for path in logs.iterdir()} == {"LOG.txt", "ERROR.txt"}
    assert "good" in (logs / "LOG.txt").read_text()
    assert "bad" in (logs / "ERROR.txt").read_text()
    assert "good" not in (logs / "ERROR.txt").read_text()


@pytest.mark.claim(19)
def test_without_log_config_logging_is_left_alone(folder: Path):
    before = list(logging.getLogger().handlers)
    env = Environment("t", log_config=None, **LAZY)
    assert logging.getLogger().handlers == before
    assert env._logging_manager._sp_config is None
    assert not (folder / "logs").exists()


@pytest.mark.claim(21)
@pytest.mark.claim(133)
@pytest.mark.claim(134)
@pytest.mark.claim(135)
def test_folder_names_and_levels_adjust_the_default(folder: Path):
    names, levels = ("pypet", "MyCustomLogger"), (logging.ERROR, logging.INFO)
    before = list(logging.getLogger().handlers)
    with Environment("t", log_folder="mylogs", logger_names=names, log_levels=levels, **LAZY):
        for name, level in zip(names, levels, strict=True):
            assert logging.getLogger(name).level == level
            assert len(logging.getLogger(name).handlers) == 3
        assert logging.getLogger().handlers == before
        logging.getLogger("MyCustomLogger").info("mine")
    assert log_files(folder / "mylogs") == {"LOG.txt", "ERROR.txt"}
    assert not logging.getLogger("MyCustomLogger").handlers


def test_two_ways_to_configure_logging_exclude_one_another():
    with pytest.raises(ValueError, match="log_config"):
        Environment("t", log_config=None, log_folder="x", **LAZY)


@pytest.mark.claim(17)
@pytest.mark.claim(137)
@pytest.mark.claim(138)
@pytest.mark.claim(139)
@pytest.mark.claim(144)
def test_an_ini_file_configures_logging_and_its_folders_are_made(folder: Path):
    (folder / "log.ini").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=file\n"
        "[handler_file]\nclass=FileHandler\nformatter=plain\nargs=('a/b/$traj/$env.log',)\n"
        "[formatter_plain]\nformat=%(levelname)s %(message)s\n"
    )
    with Environment("t", log_config="log.ini", **LAZY) as env:
        logging.getLogger("any").info("heard")
    assert "INFO heard" in (folder / "a" / "b" / "t" / f"{env.name}.log").read_text()


@pytest.mark.claim(18)
def test_a_dictionary_configures_logging(folder: Path):
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {},
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "x/$traj.log"}},
        "root": {"level": "INFO", "handlers": ["file"]},
    }
    with Environment("t", log_config=config, **LAZY):
        logging.getLogger("any").info("heard")
    assert "heard" in (folder / "x" / "t.log").read_text()


@pytest.mark.claim(146)
def test_the_shipped_default_can_be_given_explicitly(folder: Path):
    from pypet_multiproc.logs import shipped_config

    with Environment("t", log_config=str(shipped_config("default.ini")), **LAZY):
        pass
    assert log_files(folder / "logs") == {"LOG.txt", "ERROR.txt"}


def job(traj):
    logging.getLogger("inside").info("run %d speaks", traj.v_idx)
    print("printed in", traj.v_crun)


@pytest.mark.claim(22)
@pytest.mark.claim(136)
def test_processes_have_no_files_if_not_wanted(folder: Path, explored):
    env = explored(
        [1, 2], filename="t.hdf5", multiproc=True, log_folder="logs", log_multiproc=False
    )
    env.run(job)
    env.disable_logging()
    assert log_files(folder / "logs") == {"LOG.txt", "ERROR.txt"}


@pytest.mark.claim(140)
@pytest.mark.claim(142)
@pytest.mark.claim(143)
@pytest.mark.claim(145)
def test_every_process_has_two_files_of_its_own(folder: Path, explored):
    env = explored([1, 2], filename="t.hdf5", multiproc=True, ncores=2, log_folder="logs")
    env.run(job)
    env.disable_logging()
    files = log_files(folder / "logs") - {"LOG.txt", "ERROR.txt"}
    assert len(files) == 4
    run_0 = [name for name in files if name.startswith("run_00000000_") and "LOG" in name]
    assert len(run_0) == 1
    text = next((folder / "logs").rglob(run_0[0])).read_text()
    assert "run 0 speaks" in text
    assert "run 1 speaks" not in text
    main = next((folder / "logs").rglob("LOG.txt")).read_text()
    assert "speaks" not in main


#: Everything of the user's: folders, wildcards, and another format for other processes.
OWN_INI = """
[loggers]
keys=root
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=file
[handler_file]
class=FileHandler
formatter=plain
args=('own/$traj/$env/$run_$set.log', 'w')
[formatter_plain]
format=MAIN %(name)s %(message)s
[multiproc_loggers]
keys=root
[multiproc_handlers]
keys=file
[multiproc_formatters]
keys=plain
[multiproc_logger_root]
level=INFO
handlers=file
[multiproc_handler_file]
class=FileHandler
formatter=plain
args=('own/other/$run_$set_$host_$proc.log',)
[multiproc_formatter_plain]
format=OTHER %(name)s %(message)s
"""


def _handlers(filename: str, label: str) -> dict[str, object]:
    return {
        "formatters": {"plain": {"format": f"{label} %(name)s %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "formatter": "plain", "filename": filename}
        },
        "root": {"level": "INFO", "handlers": ["file"]},
    }


def own_config(form: str) -> object:
    """The same configuration in each form that is accepted."""
    if form == "dictionary":
        others = _handlers("own/other/$run_$set_$host_$proc.log", "OTHER")
        return {
            "version": 1,
            "disable_existing_loggers": False,
            **_handlers("own/$traj/$env/$run_$set.log", "MAIN"),
            **{f"multiproc_{key}": value for key, value in others.items()},
        }
    if form == "path":
        Path("own.ini").write_text(OWN_INI)
        return "own.ini"
    parser = configparser.RawConfigParser()
    parser.read_string(OWN_INI)
    return parser


@pytest.mark.claim(17)
@pytest.mark.claim(18)
@pytest.mark.claim(145)
@pytest.mark.parametrize(
    ("form", "start_method"), [("path", "fork"), ("dictionary", "spawn"), ("parser", "fork")]
)
def test_other_processes_use_their_own_sections_and_nothing_else(
    folder: Path, explored, form, start_method
):
    if start_method not in multiprocessing.get_all_start_methods():
        pytest.skip("There is no such way to start processes here.")
    env = explored(
        [1], filename="t.hdf5", multiproc=True, start_method=start_method,
        log_config=own_config(form), log_stdout=True,
    )  # fmt: skip
    env.run(job)
    env.disable_logging()
    [main] = (folder / "own" / "t" / env.name).iterdir()
    [other] = (folder / "own" / "other").iterdir()
    assert main.name == "run_ALL_run_set_ALL.log"
    assert other.name.startswith("run_00000000_run_set_00000_")
    lines = main.read_text().splitlines()
    assert lines
    assert all(line.startswith("MAIN ") for line in lines)
    lines = other.read_text().splitlines()
    assert lines
    assert all(line.startswith("OTHER ") for line in lines)
    assert {"OTHER inside run 0 speaks", "OTHER STDOUT printed in run_00000000"} <= set(lines)


@pytest.mark.claim(138)
@pytest.mark.claim(141)
@pytest.mark.claim(142)
@pytest.mark.claim(143)
def test_wildcards_in_names_of_log_files_are_replaced(explored):
    import socket

    env = explored([1, 2])
    traj = env.trajectory
    host = socket.getfqdn().replace(".", "-")
    process = f"{multiprocessing.current_process().name}-{os.getpid()}"
    assert rename_log_file("$env/$traj/$run/$set", trajectory=traj) == (
        f"{env.name}/t/run_ALL/run_set_ALL"
    )
    assert rename_log_file("$host/$proc", trajectory=traj) == f"{host}/{process}"
    traj.v_idx = 1
    assert rename_log_file("$run/$set", trajectory=traj) == "run_00000001/run_set_00000"


# ------------------------------------------------------------------------ standard output


def read_log(folder: Path) -> str:
    return next((folder / "logs").rglob("LOG.txt")).read_text()


@pytest.mark.claim(23)
@pytest.mark.claim(24)
@pytest.mark.claim(128)
def test_what_is_printed_can_be_logged(folder: Path):
    with Environment("t", log_stdout=True, **LAZY):
        print("spoken")
    assert "STDOUT INFO     spoken" in read_log(folder)


@pytest.mark.claim(129)
@pytest.mark.claim(130)
@pytest.mark.parametrize(
    ("log_stdout", "expected"),
    [
        (("mylogger", 50), "mylogger CRITICAL spoken"),
        ("mylogger", "mylogger INFO     spoken"),
        (30, "STDOUT WARNING  spoken"),
    ],
)
def test_name_and_level_of_printed_records_are_given(folder: Path, log_stdout, expected):
    with Environment("t", log_stdout=log_stdout, **LAZY):
        print("spoken")
    assert expected in read_log(folder)


@pytest.mark.parametrize(
    "settings",
    [
        {"logger_names": ("pypet",)},
        {"log_stdout": ("quiet", logging.DEBUG)},
        {"log_config": None},
        {"log_levels": logging.ERROR},
    ],
    ids=["no handler for it", "level too low", "no logging", "root too high"],
)
def test_what_no_handler_would_take_is_printed_after_all(
    folder: Path, capsys, nobody_listens, settings
):
    with Environment("t", **{"log_stdout": True, **LAZY, **settings}):
        print("spoken", 1, sep=" - ")
    assert capsys.readouterr().out.splitlines()[0] == "spoken - 1"


def test_a_line_printed_in_pieces_is_one_record(folder: Path):
    with Environment("t", log_stdout=True, **LAZY):
        print("one", 2, sep=", ", end="")
        print(", three", flush=True)
        print("never ended", end="")
    assert "STDOUT INFO     one, 2, three\n" in read_log(folder)
    assert "STDOUT INFO     never ended\n" in read_log(folder)


def test_the_level_of_what_is_printed_is_no_filter(folder: Path):
    """A level that the loggers let pass is only written into the records."""
    with Environment("t", log_stdout=("mine", 10), log_levels=10, **LAZY):
        print("spoken")
    assert "mine DEBUG    spoken" in read_log(folder)


@pytest.mark.claim(25)
def test_standard_output_is_left_alone_otherwise():
    before = sys.stdout
    with Environment("t", **LAZY):
        assert sys.stdout is before


@pytest.mark.claim(131)
@pytest.mark.claim(132)
def test_disabling_logging_ends_files_and_gives_standard_output_back(folder: Path):
    before, handlers = sys.stdout, list(logging.getLogger().handlers)
    env = Environment("t", log_stdout=True, **LAZY)
    assert sys.stdout is not before
    env.disable_logging()
    assert sys.stdout is before
    assert logging.getLogger().handlers == handlers
    logging.getLogger("late").error("too late")
    env.disable_logging()
    assert "too late" not in read_log(folder)


@pytest.mark.claim(147)
@pytest.mark.claim(148)
def test_a_with_block_ends_logging_and_swallows_nothing(folder: Path):
    before = sys.stdout
    env = Environment("t", log_stdout=True, **LAZY)
    with pytest.raises(ZeroDivisionError), env as entered:
        raise ZeroDivisionError(entered is env)
    assert sys.stdout is before
    logging.getLogger("late").error("too late")
    assert "too late" not in read_log(folder)


# -------------------------------------------------------------- what belongs to the user


@pytest.fixture
def nobody_listens():
    """No handler at the root, not even those of the test runner."""
    handlers, logging.root.handlers = logging.root.handlers, []
    yield
    logging.root.handlers = handlers


@pytest.fixture
def users_file(folder: Path):
    """A handler that writes over its file, at the root and at a logger of the user."""
    handler = logging.FileHandler("mine.log", mode="w")
    loggers = [logging.getLogger(), logging.getLogger("mine")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)
    handler.close()


def test_handlers_of_the_user_stay_open_and_are_there_afterwards(folder: Path, users_file):
    mine = logging.getLogger("mine")
    mine.propagate = False
    mine.error("before")
    with Environment("t", **LAZY):
        mine.error("during")
    mine.error("after")
    mine.propagate = True
    logging.getLogger().error("at the root")
    assert (folder / "mine.log").read_text().split("\n") == [
        "before", "during", "after", "at the root", ""
    ]  # fmt: skip


def test_whatever_a_configuration_changes_at_a_logger_is_put_back(folder: Path):
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"some": {"name": "mine"}},
        "loggers": {"put_back": {"level": "DEBUG", "propagate": False, "filters": ["some"]}},
    }
    mine = logging.getLogger("put_back")
    with Environment("t", log_config=config, **LAZY):
        assert (mine.level, mine.propagate, len(mine.filters)) == (logging.DEBUG, False, 1)
    assert (mine.level, mine.propagate, mine.filters) == (logging.NOTSET, True, [])


def test_handlers_added_meanwhile_stay(folder: Path):
    late = logging.FileHandler("late.log")
    with Environment("t", **LAZY):
        logging.getLogger().addHandler(late)
    try:
        assert late in logging.getLogger().handlers
        logging.getLogger("any").error("after")
        assert "after" in (folder / "late.log").read_text()
    finally:
        logging.getLogger().removeHandler(late)
        late.close()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_environments_each_ends_its_own_logging(folder: Path, order):
    before = list(logging.getLogger().handlers)
    envs = [Environment(name, **LAZY) for name in ("one", "two")]
    for number in order:
        envs[number].disable_logging()
    assert logging.getLogger().handlers == before
    logging.getLogger("any").error("too late")
    assert "too late" not in "".join(path.read_text() for path in folder.rglob("*.txt"))


@pytest.mark.parametrize("own_config", [False, True], ids=["default", "dictionary"])
def test_loggers_that_a_configuration_disabled_are_enabled_for_pypet(folder: Path, own_config):
    config = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "logs/LOG.txt"}},
        "root": {"level": "INFO", "handlers": ["file"]},
    }
    mine, users = logging.getLogger("pypet"), logging.getLogger("disabled.by.the.user")
    mine.disabled = users.disabled = True
    try:
        with Environment("t", **LAZY, **({"log_config": config} if own_config else {})):
            logging.getLogger("pypet").info("not silenced")
        assert "not silenced" in read_log(folder)
        assert users.disabled
    finally:
        mine.disabled = users.disabled = False


def test_a_configuration_that_is_wrong_changes_nothing(folder: Path):
    before = list(logging.getLogger().handlers)
    config = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "logs/LOG.txt"}},
        "root": {"handlers": ["file"]},
        "loggers": {"mine": {"handlers": ["there is none"]}},
    }
    with pytest.raises(ValueError, match="mine"):
        Environment("t", log_config=config, **LAZY)
    assert logging.getLogger().handlers == before


# ------------------------------------------------------------------------------- progress


def progress_lines(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "PROGRESS" in record.message]


@pytest.mark.claim(26)
@pytest.mark.claim(30)
@pytest.mark.claim(31)
def test_progress_counts_finished_runs_and_estimates_the_rest(explored, caplog):
    with caplog.at_level(logging.INFO):
        explored(list(range(10)), report_progress=True).run(lambda traj: None)
    texts = [record.message for record in progress_lines(caplog)]
    assert "Finished  0/10 runs [" in texts[0]
    assert "Finished  5/10 runs [==========          ] 50.0%, remaining: 0:00:00" in "\n".join(
        texts
    )
    assert "Finished 10/10 runs [====================]100.0%" in texts[-1]


@pytest.mark.claim(26)
def test_no_progress_if_not_wanted(explored, caplog):
    with caplog.at_level(logging.INFO):
        explored([1, 2], report_progress=False).run(lambda traj: None)
    assert not progress_lines(caplog)


@pytest.mark.claim(27)
@pytest.mark.claim(29)
def test_progress_has_steps_a_logger_and_a_level(explored, caplog):
    with caplog.at_level(logging.DEBUG):
        env = explored(list(range(20)), report_progress=(10, "pypet", logging.WARNING))
        env.run(lambda traj: None)
    records = progress_lines(caplog)
    assert {(record.name, record.levelname) for record in records} == {("pypet", "WARNING")}
    assert 10 <= len(records) <= 12


@pytest.mark.claim(29)
def test_the_level_of_progress_is_no_filter(explored, caplog):
    with caplog.at_level(logging.INFO):
        explored([1, 2], report_progress=(10, "pypet", 10)).run(lambda traj: None)
    assert not progress_lines(caplog)


@pytest.mark.claim(28)
def test_progress_can_be_printed(explored, capsys):
    explored([1, 2], report_progress=(10, "print")).run(lambda traj: None)
    assert "2/2 runs" in capsys.readouterr().out
