import pytest

from pypet_trajectory import InMemoryStorageService, Trajectory


@pytest.fixture
def service():
    return InMemoryStorageService()


@pytest.fixture
def traj(service):
    """Six runs on a full grid, with a result of each kind."""
    import numpy as np

    traj = Trajectory("T", comment="about it", storage_service=service)
    traj.f_add_parameter("x", 0, comment="an x").f_set_annotations(unit="ms")
    traj.f_add_parameter("g.y", 0.0)
    traj.f_add_parameter("fixed", "text")
    traj.f_explore({"x": [1, 1, 1, 2, 2, 2], "y": [0.0, 0.5, 1.0] * 2})
    for idx in range(6):
        traj.f_start_run(idx)
        traj.f_add_result("z", idx * 10, comment="a z").f_set_annotations(unit="mV")
        traj.f_add_result("many", a=idx, b=f"b{idx}")
        traj.f_add_result("sub.array", np.full(3, float(idx)))
        if idx % 2:
            traj.f_add_result("odd", idx)
        traj.f_finalize_run(store_meta_data=False, clean_up=False)
    traj.v_idx = -1
    return traj
