"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_multiproc`."""

from pypet_multiproc.processes.interrupt import sigint_handling

__all__ = ["sigint_handling"]
