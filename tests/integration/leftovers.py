"""What an experiment may leave behind, and does not."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable

import psutil


def still_there(processes: Iterable[psutil.Process], patience: float = 10.0) -> list[str]:
    """Names of processes that have not ended after some seconds.

    A process that has ended and was not yet reaped by whoever inherited it counts as ended.
    """
    if not hasattr(os, "pidfd_open"):
        return [str(process) for process in psutil.wait_procs(processes, timeout=patience)[1]]
    left = {}
    for process in processes:
        try:
            left[os.pidfd_open(process.pid)] = str(process)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + patience
    while left:
        ended, _, _ = select.select(left, [], [], max(0.0, deadline - time.monotonic()))
        if not ended:
            break
        for descriptor in ended:
            os.close(descriptor)
            del left[descriptor]
    for descriptor in left:
        os.close(descriptor)
    return list(left.values())
