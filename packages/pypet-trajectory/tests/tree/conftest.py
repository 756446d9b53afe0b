"""Trajectories to try trees on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pypet_trajectory.trajectory import Trajectory


@pytest.fixture
def traj() -> Trajectory:
    """A fresh trajectory without anything in it."""
    return Trajectory("T")


@pytest.fixture
def explored() -> Trajectory:
    """Three runs over ``x``, with nothing else in it."""
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    return traj


@pytest.fixture
def in_run(explored: Trajectory) -> Trajectory:
    """The trajectory of `explored` while run 1 is being executed."""
    explored.f_start_run(1)
    return explored


@pytest.fixture
def names_below() -> Callable[..., list[str]]:
    """Full names of everything below a group, in order of iteration."""

    def names(group, **options) -> list[str]:
        return [node.v_full_name for node in group.f_iter_nodes(**options)]

    return names
