"""Runs of a numerical experiment across a network."""
