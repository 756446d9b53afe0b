"""Processes: how they start and end, and what they do when the process above them is gone."""
