"""The ``overview`` group of a trajectory: meta data, run table, and overview tables."""
