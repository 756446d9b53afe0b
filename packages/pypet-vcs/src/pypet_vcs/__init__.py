"""Tie a numerical experiment to the version of its code."""
