"""However an experiment is run, its file holds the same, leaf by leaf and bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet_multiproc.testing import combinations
from tests.integration.experiments import (
    EXECUTOR_WRAP_MODES,
    START_METHODS,
    WAYS,
    WRAP_MODES,
    content,
    explored,
    in_executor,
    many_kinds,
)

RUNS = 6

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


@pytest.mark.claim(164)
@pytest.mark.parametrize(
    ("start_method", "way", "wrap_mode"),
    combinations(START_METHODS, list(WAYS), WRAP_MODES, every=3),
)
def test_start_methods_ways_to_run_and_wrap_modes_agree(
    start_method: str, way: str, wrap_mode: str, serial: dict[str, object], tmp_path: Path
) -> None:
    settings = {"start_method": start_method, "wrap_mode": wrap_mode, **WAYS[way]}
    check(serial, tmp_path / "parallel.hdf5", **settings)


@pytest.mark.claim(164)
@pytest.mark.parametrize(("start_method", "way"), combinations(START_METHODS, list(WAYS), every=3))
def test_a_single_process_needs_no_wrapping(
    start_method: str, way: str, serial: dict[str, object], tmp_path: Path
) -> None:
    settings = WAYS[way] | {"start_method": start_method, "wrap_mode": "NONE", "ncores": 1}
    check(serial, tmp_path / "parallel.hdf5", **settings)


@pytest.mark.parametrize(
    ("start_method", "wrap_mode"), combinations(START_METHODS, EXECUTOR_WRAP_MODES, every=3)
)
def test_executors_agree(
    start_method: str, wrap_mode: str, serial: dict[str, object], tmp_path: Path
) -> None:
    settings = in_executor(start_method)
    check(serial, tmp_path / "parallel.hdf5", wrap_mode=wrap_mode, **settings)


def test_paths_may_hold_spaces_and_any_letters(serial: dict[str, object], tmp_path: Path) -> None:
    folder = tmp_path / "Größe und Maß" / "日本 語"
    check(serial, folder / "ergebnisse é.hdf5", wrap_mode="QUEUE", **WAYS["pool"])
