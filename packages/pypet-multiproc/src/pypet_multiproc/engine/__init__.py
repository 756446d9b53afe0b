"""The engine: executes the runs of an experiment on one of the backends."""

from pypet_multiproc.engine.engine import BACKENDS, RunEngine

__all__ = ["BACKENDS", "RunEngine"]
