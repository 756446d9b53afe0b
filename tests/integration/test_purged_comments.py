"""A comment that all runs share is stored once, whichever process comes first."""

from __future__ import annotations

from pathlib import Path

import pytest
import tables

from pypet import Trajectory
from tests.integration.experiments import explored

pytestmark = pytest.mark.timeout(120)

RUNS = 6


def commented(traj: Trajectory) -> None:
    """A run whose result says the same in all runs, and its group too."""
    group = traj.f_add_result_group("runs.$", comment="A run like others")
    group.f_add_result("z", traj.x, comment="Mostly harmless!")


@pytest.mark.claim(223)
@pytest.mark.claim(225)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"multiproc": True, "ncores": 2, "wrap_mode": "LOCK"},
        {"multiproc": True, "ncores": 2, "use_pool": False, "wrap_mode": "QUEUE"},
        {"multiproc": True, "ncores": 2, "wrap_mode": "LOCAL"},
    ],
    ids=["one process", "LOCK", "QUEUE", "LOCAL"],
)
def test_exactly_one_result_carries_the_comment_of_all(tmp_path: Path, settings, caplog):
    file = tmp_path / "experiment.hdf5"
    env = explored("purged", file, RUNS, **settings)
    env.run(commented)
    env.disable_logging()
    with tables.open_file(str(file)) as stored:
        runs = list(stored.root.purged.results.runs)
        of_groups = [comment_of(group) for group in runs]
        of_results = [comment_of(group.z) for group in runs]
        summary = stored.root.purged.overview.results_summary.read()
    assert of_groups == ["A run like others"] * RUNS
    assert sorted(of_results) == [""] * (RUNS - 1) + ["Mostly harmless!"]
    assert [row["comment"] for row in summary] == [b"Mostly harmless!"]
    assert "its process died" not in caplog.text  # whoever wrote it, the session went on


def comment_of(node) -> str:
    attrs = node._v_attrs
    return str(attrs["SRVC_INIT_COMMENT"]) if "SRVC_INIT_COMMENT" in attrs else ""
