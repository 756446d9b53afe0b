"""A run that is executed again replaces what an earlier try stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet import Trajectory, load_trajectory
from tests.integration.experiments import explored


def stores_and_then_fails(traj: Trajectory, fail: bool) -> None:
    """A run that stores on the way, another value each time, and fails at first."""
    traj.f_add_result("part", "first try" if fail else "second try")
    traj.f_store_item("part")
    traj.f_add_result("automatic", not fail)
    if fail:
        traj.f_store()
        raise ValueError("the first try is bound to fail")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        *(
            {"multiproc": True, "ncores": 2, "use_pool": use_pool, "wrap_mode": mode}
            for use_pool in (True, False)
            for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE")
        ),
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "serial",
)
def test_calling_run_again_replaces_what_failed_runs_stored(
    settings: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "again.hdf5"
    env = explored("again", file, 2, on_run_error="continue", **settings)
    assert env.run(stores_and_then_fails, True) == []
    assert env.run(stores_and_then_fails, False) == [(0, None), (1, None)]

    traj = load_trajectory(name="again", filename=str(file), load_data=2)
    parts = traj.f_get_from_runs("part", fast_access=True, use_indices=True)
    assert dict(parts) == {0: "second try", 1: "second try"}
    automatic = traj.f_get_from_runs("automatic", fast_access=True, use_indices=True)
    assert dict(automatic) == {0: True, 1: True}
