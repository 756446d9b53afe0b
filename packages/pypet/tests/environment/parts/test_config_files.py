"""Settings from an ini file: literals only, explicit arguments win."""

from __future__ import annotations

import configparser
import logging
from pathlib import Path

import pytest

from pypet import Environment, LazyStorageService, Trajectory
from pypet_trajectory.exceptions import PypetError

INI = """
[trajectory]
trajectory = 'from_ini'
add_time = False
comment = 'A comment'
auto_load = True
v_iter_recursive = True

[environment]
multiproc = True
ncores = 2
use_pool = True
report_progress = False  # an inline comment behind a literal
storage_service = 'pypet.LazyStorageService'
log_config = None

[parameters]
test.x = 42
y = 43, 'This is the second variable'
pair = ((1, 2),)

[config]
test.testconfig = True, 'This is a test config'
"""


@pytest.fixture
def ini(folder: Path) -> str:
    path = folder / "settings.ini"
    path.write_text(INI)
    return str(path)


@pytest.mark.claim(226)
@pytest.mark.claim(229)
def test_arguments_are_taken_from_three_sections(ini):
    traj = Environment(config=ini).trajectory
    assert traj.v_name == "from_ini"
    assert traj.v_comment == "A comment"
    assert traj.v_auto_load is True
    assert traj.v_iter_recursive is True
    assert isinstance(traj.v_storage_service, LazyStorageService)
    assert traj.f_get("config.environment.use_pool").f_get() is True


@pytest.mark.claim(230)
def test_explicit_arguments_win(ini):
    env = Environment(config=ini, multiproc=False, use_pool=False)
    assert env.trajectory.f_get("config.environment.multiproc").f_get() is False
    assert Environment("explicit", config=ini).trajectory.v_name == "explicit"


@pytest.mark.claim(231)
@pytest.mark.claim(232)
@pytest.mark.claim(233)
def test_parameters_and_config_are_added_with_their_comments(ini):
    traj = Environment(config=ini).trajectory
    assert traj.parameters.test.x == traj.x == 42
    assert traj.y == 43
    assert traj.f_get("y").v_comment == "This is the second variable"
    assert traj.pair == (1, 2)
    assert traj.config.test.testconfig is traj.testconfig is True
    assert traj.f_get("testconfig").v_comment == "This is a test config"


def test_a_parser_is_as_good_as_a_path():
    parser = configparser.RawConfigParser()
    parser.read_string(INI)
    assert Environment(config=parser).trajectory.v_name == "from_ini"


@pytest.mark.claim(228)
def test_an_ini_without_logging_leaves_the_default_logging(folder: Path):
    path = folder / "settings.ini"
    path.write_text("[environment]\nstorage_service='pypet.LazyStorageService'\n")
    with Environment("t", config=str(path), report_progress=False) as env:
        assert (folder / "logs" / "t" / env.name / "LOG.txt").is_file()


@pytest.mark.claim(227)
def test_logging_in_the_ini_needs_no_log_config(folder: Path):
    path = folder / "settings.ini"
    path.write_text(
        "[environment]\nstorage_service='pypet.LazyStorageService'\nreport_progress=False\n"
        "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=file\n"
        "[handler_file]\nclass=FileHandler\nformatter=plain\nargs=('deep/$traj/own.log',)\n"
        "[formatter_plain]\nformat=%(message)s\n"
    )
    with Environment("t", config=str(path)):
        logging.getLogger("anything").info("heard")
    assert "heard" in (folder / "deep" / "t" / "own.log").read_text()
    assert not (folder / "logs").exists()


@pytest.mark.claim(234)
def test_the_shipped_example_configures_an_environment(folder: Path):
    from pypet_multiproc.logs import shipped_config

    text = Path(shipped_config("env_config_test.ini")).read_text("utf-8")
    (folder / "shipped.ini").write_text(text.replace("$temp", folder.as_posix()))
    with (
        pytest.warns(DeprecationWarning, match="deprecated"),
        Environment(config="shipped.ini") as env,
    ):
        print("spoken")
    traj = env.trajectory
    assert traj.v_name.startswith("ConfigTest_")
    assert traj.v_comment == "A trajectory configured from a file"
    assert (traj.v_auto_load, traj.v_with_links, traj.x, traj.y) == (True, True, 42, 43)
    assert traj.f_get("y").v_comment == "A comment on y"
    assert traj.f_get("config.environment.use_pool").f_get() is True
    service = traj.v_storage_service
    assert Path(service.filename) == folder / "hdf5" / "config_test.hdf5"
    assert (service.complevel, service.complib, service.fletcher32) == (4, "zlib", True)
    logs = folder / "logs" / traj.v_name / env.name
    assert "STDOUT CRITICAL spoken" in (logs / "LOG.txt").read_text()
    assert (logs / "ERROR.txt").is_file()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("__import__('os').getcwd()", ValueError),
        ("text without quotes", SyntaxError),
        ("1 + 1.5 * x", ValueError),
    ],
)
def test_values_are_parsed_and_never_evaluated(folder: Path, value, error):
    path = folder / "settings.ini"
    path.write_text(f"[environment]\ncomment = {value}\n")
    with pytest.raises(error, match="literal"):
        Environment("t", config=str(path))


def test_a_config_that_is_no_path_is_refused():
    with pytest.raises(RuntimeError, match="config"):
        Environment("t", config=42)


def test_old_names_work_in_the_ini(folder: Path):
    path = folder / "settings.ini"
    path.write_text(
        "[environment]\ncontinuable=False\nstorage_service='pypet.LazyStorageService'\n"
    )
    with pytest.warns(DeprecationWarning, match="continuable"):
        Environment("t", config=str(path), log_config=None)


def test_an_unknown_option_is_refused_like_a_keyword(folder: Path):
    path = folder / "settings.ini"
    path.write_text("[environment]\nmultiprok=True\n")
    with pytest.raises(ValueError, match="multiprok"):
        Environment("t", config=str(path), log_config=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no sections at all", "no ini file"),
        ("[environment]\nncores=1\nncores=2\n", "already exists"),
        ("[environment]\nncores\n", "parsing errors"),
        ("[environment]\ncomment='100%'\n", "%%"),
        ("[enviroment]\nncores=1\n", "Did you mean `environment`"),
        ("[Parameters]\nx=1\n", "Did you mean `parameters`"),
        ("[parameters]\na b=1\n", "'a b' of section"),
        ("[parameters]\nx={1: 2}\n", "does not support data"),
        ("[config]\nx=1, 'comment', 3\n", "a value and a comment"),
        ("[parameters]\nx.y=1\nx=2\n", "'x' of section"),
    ],
)
def test_a_config_file_that_cannot_be_used_leaves_nothing_behind(tmp_path, text, words):
    path = tmp_path / "settings.ini"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        Environment("t", config=str(path), filename="t.hdf5")
    assert isinstance(caught.value, PypetError)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_sections_of_other_programs_are_left_alone(folder: Path):
    path = folder / "settings.ini"
    path.write_text("[plotting]\ncolour = red\n[trajectory]\ncomment='read'\n")
    env = Environment("t", config=str(path), log_config=None, storage_service=LazyStorageService)
    assert env.trajectory.v_comment == "read"


def test_data_that_a_trajectory_has_already_is_refused_early(ini, folder: Path):
    traj = Trajectory("t")
    traj.f_add_parameter("y", 1)
    with pytest.raises(ValueError, match=r"has 'parameters\.y' already"):
        Environment(traj, config=ini)
    assert traj.y == 1
