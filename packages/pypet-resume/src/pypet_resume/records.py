"""What each finished run left behind: one record per run, appended to one ``.rcnt`` journal.

A record holds the run's index, its return value, its row of the run table and, if kept, all it
stored. Invariant: a run whose record was appended counts as finished, whatever dies afterwards;
a run without one is to be done again. Unlike pypet 0.7, which wrote one file per run named by a
time stamp, two runs that end in the same instant do not overwrite each other, and a record cut
short by a crash is recognised as such.

Return value and stored data are pickles inside the record, unpickled only when asked for; what
was said of snapshots holds for journals: read only those that no other user could write.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypet_trajectory.api.journal import SIGNATURE, Journal
from pypet_trajectory.api.records import RunDelta
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What is known of a run that needs not be done again."""

    #: Index of the run.
    idx: int
    #: What the run function returned.
    result: Any
    #: Its fields in the run table.
    row: Mapping[str, Any]


class RunJournal:
    """The records of one experiment; one process appends.

    Parameters
    ----------
    path
        The file, usually ending with ``.rcnt``; created by the first append.
    sync_interval
        Seconds between two moments at which records are forced to the disk. A crash of a
        process never loses a record; a power failure may lose those of one interval.
    """

    def __init__(self, path: str | os.PathLike[str], *, sync_interval: float = 1.0) -> None:
        self.path = Path(path)
        self._journal = Journal(self.path)
        self._sync_interval = sync_interval
        self._last_sync = time.monotonic()

    def append(
        self, idx: int, result: Any, row: Mapping[str, Any], delta: RunDelta | None = None
    ) -> None:
        """Record that a run has finished; when this returns, a crash cannot undo it.

        Parameters
        ----------
        idx
            Index of the run.
        result
            Its return value.
        row
            Its fields in the run table.
        delta
            All it stored, so that a damaged file can be rebuilt.

        Raises
        ------
        PypetTypeError
            If the return value or a stored item cannot be pickled.
        OSError
            If the record cannot be written; the records before it are not affected.
        """
        parts = (
            _pickled(result, f"the return value of run {idx}"),
            None if delta is None else _pickled(delta, f"what run {idx} stored"),
        )
        self._journal.append(pickle.dumps((idx, dict(row), *parts), pickle.HIGHEST_PROTOCOL))
        now = time.monotonic()
        if now - self._last_sync >= self._sync_interval:
            self._journal.sync()
            self._last_sync = now

    def finished(self) -> dict[int, FinishedRun]:
        """All finished runs by index, ascending; of a run done twice the later record.

        Raises
        ------
        PypetRuntimeError
            If a return value cannot be rebuilt here; names the run.
        """
        latest = {idx: (row, result) for idx, row, result, _ in self._records()}
        return {
            idx: FinishedRun(idx, self._rebuilt(result, idx), row)
            for idx, (row, result) in sorted(latest.items())
        }

    def deltas(self) -> Iterator[RunDelta]:
        """What finished runs stored, in the order they finished; of a run done twice the later.

        Raises
        ------
        PypetRuntimeError
            If something stored cannot be rebuilt here; names the run.
        """
        # Two passes, so that never more than one run's data is in memory.
        last = {idx: number for number, (idx, *_) in enumerate(self._records())}
        for number, (idx, _, _, delta) in enumerate(self._records()):
            if last[idx] == number and delta is not None:
                yield self._rebuilt(delta, idx)

    def close(self) -> None:
        """Force everything to the disk and close the file; appending opens it again."""
        self._journal.sync()
        self._journal.close()

    def _records(self) -> Iterator[tuple[int, dict[str, Any], bytes, bytes | None]]:
        if self.path.exists() and self.path.stat().st_size < len(SIGNATURE):
            return  # Its writer was killed while it created the file.
        for payload in self._journal:
            yield pickle.loads(payload)

    def _rebuilt(self, data: bytes, idx: int) -> Any:
        try:
            return pickle.loads(data)
        except Exception as error:
            raise PypetRuntimeError(
                f"The record of run {idx} in '{self.path}' is whole, but cannot be rebuilt here "
                f"({type(error).__name__}: {error}). Are all modules of the experiment "
                "importable, in the versions it was started with?"
            ) from error


def _pickled(value: Any, what: str) -> bytes:
    """The value as pickle; by value where it cannot be imported."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:
        import dill  # Slower, but takes lambdas and what the main script defines.

    try:
        return bytes(dill.dumps(value, pickle.HIGHEST_PROTOCOL))
    except Exception as error:
        raise PypetTypeError(
            f"To resume an experiment {what} must be picklable, but a {type(value).__name__} is "
            f"not ({type(error).__name__}: {error}). Return or store plain data, or set "
            "resumable=False."
        ) from error
