"""Work in a forked process that ends as if it were killed: nothing is closed or cleaned up."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_forked_process(work: Callable[[], object]) -> int:
    """Do some work in a process that then ends at once, and return its exit code.

    Parameters
    ----------
    work : callable
        What is done. It may end the process itself by `os._exit`.

    Returns
    -------
    int
        0 if the work was done, 1 if it raised, the negative number of the signal if the process
        was killed by one.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
