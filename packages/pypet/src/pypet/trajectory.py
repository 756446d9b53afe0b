"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.loading import load_trajectory
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.wildcards import make_run_name, make_set_name

__all__ = ["Trajectory", "load_trajectory", "make_run_name", "make_set_name"]
