"""However an experiment is run, its file holds the same, leaf by leaf and bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.experiments import content, explored, many_kinds
from tests.integration.matrix import (
    DEFAULT,
    WAYS,
    every_combination,
    every_executor,
    executor_settings,
    settings_of,
)

RUNS = 4

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Content of the file that a single process writes."""
    file = tmp_path_factory.mktemp("serial") / "serial.hdf5"
    results = explored("same", file, RUNS).run(many_kinds)
    assert results == [(index, (index + 1) * 6) for index in range(RUNS)]
    return content(file, "same")


def check(serial: dict[str, object], file: Path, **settings: object) -> None:
    """Run the experiment in parallel and compare with the serial file."""
    env = explored("same", file, RUNS, **settings)
    assert env.run(many_kinds) == [(index, (index + 1) * 6) for index in range(RUNS)]
    assert content(file, "same") == serial


@pytest.mark.claim(64, 164, 174)
@every_combination(default_every=1, others_every=6)
def test_start_methods_ways_to_run_and_wrap_modes_agree(
    start_method: str, way: str, wrap_mode: str, serial: dict[str, object], tmp_path: Path
) -> None:
    check(serial, tmp_path / "parallel.hdf5", **settings_of(start_method, way, wrap_mode))


@pytest.mark.claim(164)
@pytest.mark.parametrize("way", WAYS)
def test_one_run_at_a_time_needs_no_wrapping(
    way: str, serial: dict[str, object], tmp_path: Path
) -> None:
    settings = settings_of(DEFAULT, way, "NONE") | {"ncores": 1}
    check(serial, tmp_path / "parallel.hdf5", **settings)


@every_executor(default_every=2, others_every=8)
def test_executors_agree(
    start_method: str, wrap_mode: str, serial: dict[str, object], tmp_path: Path
) -> None:
    check(serial, tmp_path / "parallel.hdf5", **executor_settings(start_method, wrap_mode))


def test_paths_may_hold_spaces_and_any_letters(serial: dict[str, object], tmp_path: Path) -> None:
    folder = tmp_path / "Größe und Maß" / "日本 語"
    check(serial, folder / "ergebnisse é.hdf5", wrap_mode="QUEUE", **WAYS["pool"])
