"""However an experiment is run, its file holds the same, leaf by leaf and bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.experiments import content, explored, many_kinds

RUNS = 6
WAYS = {
    "pool": {"use_pool": True},
    "frozen pool": {"use_pool": True, "freeze_input": True},
    "process per run": {"use_pool": False},
}
WRAP_MODES = ["LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE"]
START_METHODS = ["spawn"] if sys.platform == "win32" else ["fork", "spawn", "forkserver"]


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Content of the file that a single process writes."""
    file = tmp_path_factory.mktemp("serial") / "serial.hdf5"
    results = explored("same", file, RUNS).run(many_kinds)
    assert results == [(index, (index + 1) * 6) for index in range(RUNS)]
    return content(file, "same")


def check(serial: dict[str, object], file: Path, **settings: object) -> None:
    """Run the experiment in parallel and compare with the serial file."""
    env = explored("same", file, RUNS, multiproc=True, ncores=2, **settings)
    assert env.run(many_kinds) == [(index, (index + 1) * 6) for index in range(RUNS)]
    assert content(file, "same") == serial


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wrap_mode", WRAP_MODES)
@pytest.mark.parametrize("way", WAYS)
def test_ways_to_run_and_wrap_modes_agree(
    way: str, wrap_mode: str, serial: dict[str, object], tmp_path: Path
) -> None:
    check(serial, tmp_path / "parallel.hdf5", wrap_mode=wrap_mode, **WAYS[way])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wrap_mode", ["LOCK", "QUEUE", "LOCAL"])
@pytest.mark.parametrize("start_method", START_METHODS)
def test_start_methods_agree(
    start_method: str, wrap_mode: str, serial: dict[str, object], tmp_path: Path
) -> None:
    check(
        serial,
        tmp_path / "parallel.hdf5",
        wrap_mode=wrap_mode,
        use_pool=True,
        start_method=start_method,
    )


@pytest.mark.timeout(60)
def test_paths_may_hold_spaces_and_any_letters(serial: dict[str, object], tmp_path: Path) -> None:
    folder = tmp_path / "Größe und Maß" / "日本 語"
    check(serial, folder / "ergebnisse é.hdf5", wrap_mode="QUEUE", use_pool=True)
