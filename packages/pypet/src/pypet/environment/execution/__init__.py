"""Executing an experiment: its runs, what lies around them, and running again."""
