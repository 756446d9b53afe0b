"""The demo finds the published fit, in a file that a new process reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.repository import ROOT

pytest.importorskip("matplotlib")

EXAMPLE = ROOT / "docs" / "examples" / "influenza.py"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Output folder and printed text of the demo on a coarser first grid."""
    folder = tmp_path_factory.mktemp("démo with spaces")
    answer = subprocess.run(
        [sys.executable, str(EXAMPLE), "--output", str(folder / "out"), "--points", "17"],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder / "out", answer.stdout


@pytest.mark.timeout(300)
def test_the_demo_lands_within_one_percent_of_the_least_squares_fit(
    demo: tuple[Path, str],
) -> None:
    _, text = demo
    found = re.search(r"beta = ([\d.]+), gamma = ([\d.]+)\s+R0 = ([\d.]+)", text)
    assert found, text
    for value, optimum in zip(found.groups(), (1.669, 0.4434, 3.76), strict=True):
        assert float(value) == pytest.approx(optimum, rel=0.01)


@pytest.mark.timeout(300)
def test_the_search_refines_its_grid_twice(demo: tuple[Path, str]) -> None:
    _, text = demo
    assert f"{17 * 17 + 2 * 21 * 21} runs, all completed: True" in text


@pytest.mark.timeout(300)
def test_the_demo_draws_a_picture(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    picture = (folder / "influenza.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) > 20_000


@pytest.mark.timeout(300)
def test_every_run_keeps_its_curve_and_its_error(demo: tuple[Path, str]) -> None:
    from pypet import load_trajectory

    folder, _ = demo
    traj = load_trajectory(
        name="influenza", filename=str(folder / "influenza.hdf5"), load_results=2
    )
    curves = traj.f_get_from_runs("infected", fast_access=True)
    errors = traj.f_get_from_runs("squared_error", fast_access=True)
    assert len(curves) == len(errors) == len(traj)
    assert {curve.shape for curve in curves.values()} == {(14,)}


@pytest.mark.timeout(300)
def test_a_comment_is_kept_once_for_all_runs(demo: tuple[Path, str]) -> None:
    from pypet import load_trajectory

    folder, _ = demo
    traj = load_trajectory(name="influenza", filename=str(folder / "influenza.hdf5"))
    for name, comment in (
        ("infected", "Infected boys, one value a day"),
        ("squared_error", "Sum of squared deviations from the data"),
    ):
        comments = [leaf.v_comment for leaf in traj.f_get_from_runs(name).values()]
        assert sorted(comments, reverse=True)[:2] == [comment, ""]
