"""Starting processes the same way everywhere.

Fork is the default where there is one, because run functions of pypet 0.7 rely on inheriting what
cannot be pickled; Python 3.14 has another default, and nothing here changes the global one.
"""

from __future__ import annotations

import multiprocessing
import os
import warnings
from multiprocessing.process import BaseProcess


def default_start_method() -> str:
    """``'fork'`` where the system has it, else ``'spawn'``."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


def start_quietly(process: BaseProcess) -> None:
    """Start a process.

    Python 3.12 warns of forking beside threads and counts those of numerical libraries, which are
    idle at that moment and stay behind in the parent.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()


def watch_end(process: BaseProcess) -> int:
    """A file descriptor that becomes readable when the process has ended.

    Where the kernel offers process descriptors, these are used: the sentinel of ``multiprocessing``
    is a pipe, which children of a killed process would keep open. To be closed by the caller
    unless it is the sentinel.
    """
    if hasattr(os, "pidfd_open") and process.pid is not None:
        try:
            return os.pidfd_open(process.pid)
        except OSError:
            return process.sentinel
    return process.sentinel
