"""Exploring: which points of the parameter space are visited, and how they are described."""
