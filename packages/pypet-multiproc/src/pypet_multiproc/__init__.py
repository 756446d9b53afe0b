"""Runs of a numerical experiment, in parallel on one machine."""
