"""The trajectory: the face over tree, runs, exploration and storage."""

from pypet_trajectory.trajectory.trajectory import Trajectory

__all__ = ["Trajectory"]
