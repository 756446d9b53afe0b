"""Merging trajectories: the runs of one are appended to those of another.

Read :mod:`~pypet_trajectory.merging.merge` first; it is the list of what happens. What the steps
know stands in one module each. Contrary to what one may expect, results do not pass through
memory: they are copied within the storage under new names, and have to be loaded afterwards.
"""

from pypet_trajectory.merging.merge import MergeOptions, merge, merge_many

__all__ = ("MergeOptions", "merge", "merge_many")
