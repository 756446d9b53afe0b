"""A trajectory is composed: it has its runs, index and settings, and inherits little."""

from __future__ import annotations

import pypet
from pypet_trajectory import Trajectory
from pypet_trajectory.trajectory import old_names


def test_a_trajectory_is_of_six_classes_at_most() -> None:
    assert len([cls for cls in Trajectory.__mro__ if cls is not object]) <= 6


def test_it_counts_as_a_group_of_every_branch_without_inheriting() -> None:
    class Mine(Trajectory):
        pass

    for name in ("ParameterGroup", "ConfigGroup", "DerivedParameterGroup", "ResultGroup"):
        base = getattr(pypet, name)
        assert base not in Trajectory.__mro__
        assert issubclass(Trajectory, base)
        assert isinstance(Mine("t"), base)
        assert not isinstance(Mine("t").f_add_group("g"), base)
    assert isinstance(Mine("t"), pypet.KnowsTrajectory)
    assert not isinstance(pypet.Parameter("x", 1), pypet.KnowsTrajectory)


def test_private_names_of_pypet_0_7_are_shown_and_not_kept() -> None:
    traj = Trajectory("t")
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    assert traj._length == 2
    assert list(traj._parameters) == ["parameters.x"]
    assert traj._nn_interface._flat_leaf_storage_dict is traj.v_index.leaves
    (by_run,) = traj._nn_interface._nodes_and_leaves_runs_sorted["x"].values()
    assert by_run == {"parameters.x": traj.f_get("x")}
    assert traj._is_completed() is False
    shown = {*old_names._ATTRIBUTES, *old_names._METHODS}
    assert all(hasattr(traj, name) for name in shown)
    assert not shown & {*vars(traj), *dir(type(traj))}
    assert not hasattr(traj, "_of_no_version")
    assert not hasattr(traj._nn_interface, "_of_no_version")
