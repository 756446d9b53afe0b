"""The ``overview`` group of a trajectory: meta data, run table, and tables for the eye."""
