"""Lowering the priority of the processes that run.

Niceness only ever rises: a process that is nicer already stays as it is. A system that refuses
is reported on stderr and costs nothing else, for a run at the wrong priority is still a run.
"""

from __future__ import annotations

import os
import sys


def apply_niceness(niceness: int | None) -> None:
    """Make this process at least `niceness` nice; ``None`` leaves it alone."""
    if niceness is None:
        return
    try:
        if hasattr(os, "nice"):
            current = os.nice(0)
            if niceness > current:
                os.nice(niceness - current)
        else:
            import psutil

            psutil.Process().nice(niceness)
    except Exception as exc:
        sys.stderr.write(f"Could not set the niceness of process {os.getpid()}: {exc}\n")
