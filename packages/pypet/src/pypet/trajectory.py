"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.naming.wildcards import make_run_name, make_set_name
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.trajectory.loading import load_trajectory

__all__ = ["Trajectory", "load_trajectory", "make_run_name", "make_set_name"]
