"""pypet 0.7.0 opens the file of the demo and finds the numbers that are in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pypet import load_trajectory
from tools.repository import ROOT

#: Runs under pypet 0.7.0; floats travel as hexadecimal text, so that equal means equal.
ASK_PYPET07 = """
import json, logging, sys
from pypet import load_trajectory

logging.disable(logging.CRITICAL)
traj = load_trajectory(name="influenza", filename=sys.argv[1], load_all=2, force=True)
print(json.dumps({
    "beta": [value.hex() for value in traj.f_get("model.beta").f_get_range()],
    "gamma": [value.hex() for value in traj.f_get("model.gamma").f_get_range()],
    "in_bed": [float(value).hex() for value in traj.school.in_bed],
    "errors": [z.hex() for z in traj.f_get_from_runs("squared_error", fast_access=True).values()],
    "curves": [[float(boys).hex() for boys in curve]
               for curve in traj.f_get_from_runs("infected", fast_access=True).values()],
    "completed": [traj.f_is_completed(run) for run in traj.f_get_run_names()],
    "best": traj.results.search.round_2.best_run,
    "comment": traj.v_comment,
}))
"""


@pytest.mark.timeout(300)
def test_pypet_0_7_reads_the_demo_with_equal_numbers(pypet07_python: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    demo = ROOT / "docs" / "examples" / "influenza.py"
    subprocess.run(
        [sys.executable, str(demo), "--output", str(tmp_path), "--points", "9"],
        env=os.environ | {"MPLBACKEND": "Agg"},
        cwd=tmp_path,
        capture_output=True,
        timeout=200,
        check=True,
    )
    file = str(tmp_path / "influenza.hdf5")
    answer = subprocess.run(
        [pypet07_python, "-W", "ignore", "-c", ASK_PYPET07, file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    theirs = json.loads(answer.stdout.splitlines()[-1])

    traj = load_trajectory(name="influenza", filename=file, load_data=2)
    errors = traj.f_get_from_runs("squared_error", fast_access=True)
    curves = traj.f_get_from_runs("infected", fast_access=True)
    assert len(traj) == 9 * 9 + 2 * 21 * 21
    assert theirs == {
        "beta": [value.hex() for value in traj.f_get("model.beta").f_get_range()],
        "gamma": [value.hex() for value in traj.f_get("model.gamma").f_get_range()],
        "in_bed": [float(value).hex() for value in traj.school.in_bed],
        "errors": [error.hex() for error in errors.values()],
        "curves": [[float(boys).hex() for boys in curve] for curve in curves.values()],
        "completed": [1] * len(traj),
        "best": traj.results.search.round_2.best_run,
        "comment": traj.v_comment,
    }
