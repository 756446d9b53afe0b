"""The engine: executes the runs of an experiment on one of the backends."""

from pypet_multiproc.engine.engine import BACKENDS, WRAP_MODES, RunEngine

__all__ = ["BACKENDS", "WRAP_MODES", "RunEngine"]
