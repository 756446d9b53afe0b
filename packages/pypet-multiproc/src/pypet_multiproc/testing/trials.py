"""Trials: run functions that end in every way a run can end, and which combinations to try.

All functions can be imported, so they work with every start method and in every executor.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from pypet_multiproc.transport.channels import frame
from pypet_multiproc.transport.chunks import HEADER

#: Ways to run in processes of ours, as keywords of `EngineSettings`.
WAYS = {
    "pool": {"multiproc": True, "ncores": 2, "use_pool": True},
    "frozen pool": {"multiproc": True, "ncores": 2, "use_pool": True, "freeze_input": True},
    "process per run": {"multiproc": True, "ncores": 2},
}
#: Wrap modes for runs in several processes, whatever storage service they use.
MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL")


def double(traj: Any, factor: int = 2) -> int:
    """Store and return twice the parameter ``x``."""
    traj.f_add_result("$.z", traj.x * factor, comment="a product")
    return int(traj.x * factor)


def where(traj: Any) -> int:
    """Store as :func:`double` does and return the id of the process."""
    double(traj)
    return os.getpid()


def nothing(traj: Any) -> None:
    """Do nothing."""
    return None


def raise_at(traj: Any, idx: int) -> int:
    """Raise a ``ZeroDivisionError`` in run `idx`."""
    if traj.v_idx == idx:
        raise ZeroDivisionError(f"run {idx} divides by zero")
    return double(traj)


def die_at(traj: Any, idx: int, how: str, marker: str = "") -> Any:
    """End badly in run `idx`; with a `marker`, only if that file does not exist yet.

    Parameters
    ----------
    traj : Trajectory
        In a run.
    idx : int
        Which run.
    how : str
        ``'kill'``, ``'exit'``, ``'sys.exit'``, ``'raise'``, ``'return'`` (something that cannot
        be pickled), ``'pickle'`` (something that kills when it is pickled), ``'hang'``.
    marker : str
        A file name.
    """
    if traj.v_idx != idx or (marker and os.path.exists(marker)):
        return double(traj)
    if marker:
        with open(marker, "w", encoding="utf-8"):
            pass
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "exit":
        os._exit(3)
    elif how == "sys.exit":
        sys.exit(4)
    elif how == "raise":
        raise ZeroDivisionError(f"run {idx} divides by zero")
    elif how == "hang":
        threading.Event().wait()
    elif how == "pickle":
        return Fatal()
    double(traj)
    return threading.Lock()


def twelve_with_trouble(traj: Any) -> int:
    """Of twelve runs, run 3 raises, run 6 ends its process, run 9 never ends."""
    if traj.v_idx == 3:
        raise ZeroDivisionError("run 3 divides by zero")
    if traj.v_idx == 6:
        os._exit(7)
    if traj.v_idx == 9:
        threading.Event().wait()
    return double(traj)


def die_on_the_way(traj: Any, idx: int) -> int:
    """Run `idx` is killed in the middle of what its storage service does to store.

    With a service of whose middle nothing is known here it is killed before.
    """
    if traj.v_idx == idx:
        service = traj.v_storage_service
        if hasattr(service, "acquire_lock") and getattr(service, "conn", None) is None:
            service.acquire_lock()
        elif hasattr(getattr(service, "queue", None), "connection"):
            half = frame(bytes(1000))[:500]
            service.queue.connection().sendall(half)
        elif getattr(service, "conn", None) is not None:
            header = HEADER.pack(1, 2, os.getpid(), 100, False)
            os.write(service.conn.fileno(), header + bytes(100))
        os.kill(os.getpid(), signal.SIGKILL)
    return double(traj)


class Fatal:
    """Kills the process that pickles it."""

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("SIGKILL did not kill.")


def combinations(*choices: Sequence[Any], every: int) -> list[Any]:
    """All combinations as parameters for pytest; those outside of the sample are marked `soak`.

    A fault that needs three parts to show is rare, and trying all combinations takes minutes. So
    each choice has a number, and a combination belongs to the sample if the sum of its numbers can
    be divided; with three lists of choices every two parts then meet once for each such
    combination, unlike in a random sample.

    Parameters
    ----------
    *choices : sequence
        One list of choices for each parameter.
    every : int
        What the sum of the positions in these lists must be a multiple of; 1 takes all. Each pair
        of choices occurs in the sample if this is at most the length of the shortest list.

    Examples
    --------
    >>> for parameter in combinations("ab", "xy", every=2):
    ...     print(*parameter.values, *(mark.name for mark in parameter.marks))
    a x
    a y soak
    b x soak
    b y
    """
    import pytest

    parameters = []
    for positions in itertools.product(*(range(len(each)) for each in choices)):
        values = [each[position] for each, position in zip(choices, positions, strict=True)]
        marks = () if sum(positions) % every == 0 else (pytest.mark.soak,)
        parameters.append(pytest.param(*values, marks=marks))
    return parameters
