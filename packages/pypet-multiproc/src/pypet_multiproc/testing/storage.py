"""A storage that any process can read at any time, and that knows which processes used it.

:class:`JournalStorageService` keeps everything in one append-only file. It notes which processes
opened that file, and which used it at the same moment as another process or thread; unlike a real
storage it refuses nothing, so that a test can see what went wrong.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pypet_multiproc.transport.locks import OwnerLock
from pypet_trajectory import constants
from pypet_trajectory.api.journal import Journal
from pypet_trajectory.api.records import NodeKind, NodeRecord, RunDelta, RunRows
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import DataNotInStorageError, NoSuchServiceError
from pypet_trajectory.storage.deleting import pattern_of
from pypet_trajectory.storage.storing import delta_from_message
from pypet_trajectory.tree.nodes import mark_stored


@dataclass(frozen=True)
class RunsDeleted:
    """An entry of the journal: what earlier entries brought of some runs is gone."""

    #: Names of the runs.
    run_names: frozenset[str]
    #: Patterns of what stays.
    prepared: frozenset[str]

    def covers(self, full_name: str) -> bool:
        """Whether this leaf is gone."""
        return any(
            part in self.run_names and pattern_of(full_name, part) not in self.prepared
            for part in full_name.split(".")
        )


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
            mark_stored(stuff_to_store)
        elif msg in (constants.SINGLE_RUN, constants.LEAF, constants.LIST, constants.GROUP):
            self.store_delta(delta_from_message(msg, stuff_to_store, args, kwargs))
        elif msg == constants.DELETE_RUNS:
            self._delete_runs(stuff_to_store, *args)
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

    def _delete_runs(self, run_names: Collection[str], prepared: Collection[str]) -> None:
        self._append([RunsDeleted(frozenset(run_names), frozenset(prepared))])

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
        """Items of every leaf that is stored, by full name."""
        leaves: dict[str, Any] = {}
        for entry in self._entries():
            if isinstance(entry, NodeRecord):
                leaves[entry.full_name] = entry.items
            elif isinstance(entry, RunsDeleted):
                leaves = {name: items for name, items in leaves.items() if not entry.covers(name)}
        return leaves

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
        """Which processes stored while another process or thread did."""
        return self._noted("overlaps")
