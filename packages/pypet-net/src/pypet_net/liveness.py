"""Whether a process is still the one it was.

A :class:`ProcessWatch` is bound to one process, not to its number: numbers are given away again.
Invariant: once it has said "dead" it never says "alive" again. Unlike ``os.kill(pid, 0)``, a
zombie counts as dead, since it will never release what it holds.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from functools import cache

import psutil


class ProcessWatch:
    """Tells whether one process of this machine still runs.

    Parameters
    ----------
    pid
        The process; it should be alive now.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process: psutil.Process | None
        try:
            self._process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        if self._process is None:
            return False
        try:
            state = self._process.status() if self._process.is_running() else psutil.STATUS_DEAD
            alive = state not in (psutil.STATUS_DEAD, psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            alive = False
        except psutil.AccessDenied:
            # It is there, only we may not look at it.
            alive = True
        if not alive:
            self._process = None
        return alive


@cache
def machine_token() -> str:
    """Eight digits that two processes share if and only if one can see the other's number.

    Containers on one host may share their host's name but not their process numbers; on Linux
    the token therefore covers the boot and the namespace of process numbers.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts = [file.read(), os.readlink("/proc/self/ns/pid")]
    except OSError:
        parts = [socket.gethostname(), str(uuid.getnode())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
