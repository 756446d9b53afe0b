"""Giving up a run from within its own process.

For runs in the main process and in executors, which cannot be killed from outside. It interrupts
Python code and system calls in the main thread of POSIX systems; elsewhere, and for compiled code
that never returns, nothing short of killing the process helps, and that is what the backends with
processes of their own do.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pypet_multiproc.model.failures import RunTimeoutError


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`RunTimeoutError` in the body after so many seconds; ``None``: never."""
    possible = (
        hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    )
    if seconds is None or not possible:
        yield
        return

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise RunTimeoutError(f"The run took longer than `run_timeout`, which is {seconds} s.")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
