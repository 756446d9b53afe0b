"""What tests of ways to run and of wrap modes need: a plain storage, and runs that misbehave.

Shipped so that other distributions can put their wrap modes and back ends through the same trials.
:class:`JournalStorageService` keeps everything in one append-only file that any process can read at
any time, and notes who opened it and who used it at the same moment as somebody else. The run
functions are importable, so they work with every start method.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from typing import Any

from pypet_multiproc.channels import frame
from pypet_multiproc.locks import OwnerLock
from pypet_multiproc.writing.chunks import HEADER
from pypet_trajectory import constants
from pypet_trajectory.exceptions import DataNotInStorageError, NoSuchServiceError
from pypet_trajectory.storage.delta import delta_from_message
from pypet_trajectory.storage.journal import Journal
from pypet_trajectory.storage.records import NodeKind, NodeRecord, RunDelta, RunRows
from pypet_trajectory.storage.service import StorageService


class JournalStorageService(StorageService):
    """Keeps records of nodes in an append-only file.

    Parameters
    ----------
    folder : str
        Where its files are.
    """

    def __init__(self, folder: str) -> None:
        self.folder = str(folder)
        self._journal: Journal | None = None
        self._busy = OwnerLock(os.path.join(self.folder, "busy"))
        #: Called with the full name of each leaf before it is stored.
        self.before_leaf: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_journal": None}

    @property
    def is_open(self) -> bool:
        """Whether ``OPEN_FILE`` holds."""
        return self._journal is not None

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _note(self, name: str, text: object) -> None:
        with open(self._path(name), "a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def _noted(self, name: str) -> list[str]:
        if not os.path.exists(self._path(name)):
            return []
        with open(self._path(name), encoding="utf-8") as file:
            return file.read().split()

    def _open(self) -> Journal:
        self._note("opened", os.getpid())
        return Journal(self._path("journal"))

    # ------------------------------------------------------------------ store

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> None:
        """Store nodes; the trajectory as a whole is not kept."""
        if msg == constants.OPEN_FILE:
            self._journal = self._open()
        elif msg == constants.CLOSE_FILE:
            assert self._journal is not None
            self._journal.close()
            self._journal = None
        elif msg == constants.FLUSH:
            self._note("flushed", os.getpid())
        elif msg == constants.TRAJECTORY:
            stuff_to_store._stored = True
        elif msg in (constants.SINGLE_RUN, constants.LEAF, constants.LIST, constants.GROUP):
            self.store_delta(delta_from_message(msg, stuff_to_store, args, kwargs))
        else:
            raise NoSuchServiceError(f"{type(self).__name__} does not know {msg!r}.")

    def store_delta(self, delta: RunDelta) -> None:
        """Append the leaves of a delta."""
        records = [
            request.record for request in delta.requests if request.record.kind is NodeKind.LEAF
        ]
        for record in records:
            if self.before_leaf is not None:
                self.before_leaf(record.full_name)
        self._append(records)

    def store_run_rows(self, rows: RunRows) -> None:
        """Append rows of the run table."""
        self._append([rows])

    def _append(self, entries: list[Any]) -> None:
        alone = self._busy.acquire(block=False)
        if not alone:
            self._note("overlaps", os.getpid())
        journal = self._journal or self._open()
        try:
            for entry in entries:
                journal.append(pickle.dumps(entry))
        finally:
            if self._journal is None:
                journal.close()
            if alone:
                self._busy.release()

    # ------------------------------------------------------------------- load

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> None:
        """Load one leaf."""
        if msg != constants.LEAF:
            raise NoSuchServiceError(f"{type(self).__name__} does not know {msg!r}.")
        items = self.leaves().get(stuff_to_load.v_full_name)
        if items is None:
            raise DataNotInStorageError(f"{stuff_to_load.v_full_name} was never stored.")
        stuff_to_load._load(items)

    # -------------------------------------------------------------- inspection

    def _entries(self) -> list[Any]:
        path = self._path("journal")
        if not os.path.exists(path) or not os.path.getsize(path):
            return []
        return [pickle.loads(payload) for payload in Journal(path)]

    def leaves(self) -> dict[str, Any]:
        """Items of every leaf that was stored, by full name."""
        return {
            entry.full_name: entry.items
            for entry in self._entries()
            if isinstance(entry, NodeRecord)
        }

    def rows(self) -> dict[int, Any]:
        """Rows of the run table that were stored, by run."""
        return {
            idx: row
            for entry in self._entries()
            if isinstance(entry, RunRows)
            for idx, row in entry.rows.items()
        }

    def writers(self) -> set[int]:
        """Ids of all processes that opened the file."""
        return {int(pid) for pid in self._noted("opened")}

    def overlaps(self) -> list[str]:
        """Who stored while somebody else did."""
        return self._noted("overlaps")


# ------------------------------------------------------------------------ run functions


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
    """Run `idx` is killed in the middle of what its storage service does to store."""
    if traj.v_idx == idx:
        service = traj.v_storage_service
        if hasattr(service, "acquire_lock") and getattr(service, "conn", None) is None:
            service.acquire_lock()
        elif getattr(service, "queue", None) is not None:
            half = frame(bytes(1000))[:500]
            service.queue._connected().sendall(half)
        elif getattr(service, "conn", None) is not None:
            header = HEADER.pack(1, 2, os.getpid(), 100, False)
            os.write(service.conn._connection.fileno(), header + bytes(100))
        os.kill(os.getpid(), signal.SIGKILL)
    return double(traj)


class Fatal:
    """Kills the process that pickles it."""

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("SIGKILL did not kill.")


def slow(traj: Any, seconds: float) -> int:
    """Take some time."""
    time.sleep(seconds)
    return double(traj)
