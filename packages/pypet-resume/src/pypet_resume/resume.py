"""The folder an experiment can be resumed from, and what is left to do.

``<resume_folder>/<trajectory name>/`` holds the snapshot, the journal of finished runs and a
copy of the storage file as it was before the first run. Invariant: the folder can be resumed
from if and only if the snapshot is in it, because the snapshot is written last and removed
first. Unlike a checkpoint, it needs not be written "at a good moment": every moment is one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypet_resume.records import FinishedRun, RunJournal
from pypet_resume.snapshot import ExperimentSnapshot, write_atomically
from pypet_trajectory.api.records import RunDelta
from pypet_trajectory.api.service import SupportsDeltas
from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.files import sync_folder
from pypet_trajectory.logger import module_logger
from pypet_trajectory.runs.table import FRESH, RunTable

#: Names of the files inside the folder.
SNAPSHOT_NAME = "environment.ecnt"
JOURNAL_NAME = "runs.rcnt"
COPY_NAME = "storage.before"

_logger = module_logger(__name__)


@dataclass(frozen=True, slots=True)
class ResumeState:
    """Where an interrupted experiment stands."""

    #: The experiment as it was before its first run.
    snapshot: ExperimentSnapshot
    #: Runs that need not be done again, by index, ascending.
    finished: Mapping[int, FinishedRun]

    def results(self) -> list[tuple[int, Any]]:
        """Index and return value of each finished run, ascending."""
        return [(run.idx, run.result) for run in self.finished.values()]

    def left(self, length: int) -> list[int]:
        """Indices of the runs out of `length` that are to be done, ascending."""
        return [idx for idx in range(length) if idx not in self.finished]

    def update_run_table(self, table: RunTable) -> None:
        """Write what is known of finished runs into a run table that was loaded from file.

        Rows that the table does not have belong to an expansion after the snapshot and are left
        out.
        """
        for run in self.finished.values():
            if run.idx < len(table):
                fields = {name: value for name, value in run.row.items() if name in FRESH}
                table.set(run.idx, **fields)


class ResumeFolder:
    """Keeps what is needed to resume one experiment.

    Parameters
    ----------
    resume_folder
        The parent folder, that of all resumable experiments.
    trajectory_name
        Name of the trajectory, which names the folder inside.
    """

    def __init__(self, resume_folder: str | os.PathLike[str], trajectory_name: str) -> None:
        self.path = Path(resume_folder) / trajectory_name
        self._journal = RunJournal(self.path / JOURNAL_NAME)

    def begin(
        self, snapshot: ExperimentSnapshot, storage_file: str | os.PathLike[str] | None = None
    ) -> None:
        """Get ready for the first run.

        Parameters
        ----------
        snapshot
            The experiment.
        storage_file
            The file it stores into, closed, with everything but runs in it already. A copy is
            kept for :meth:`rebuild`.

        Raises
        ------
        PypetRuntimeError
            If there is something in the folder.
        PypetTypeError, OSError
            As :meth:`ExperimentSnapshot.save`.

        Notes
        -----
        If the process dies on the way there is no snapshot, and the next begin clears the rest.
        """
        if self.path.exists():
            self._clear_unfinished_begin()
        self.path.mkdir(parents=True, exist_ok=True)
        sync_folder(self.path.parent)
        try:
            if storage_file is not None:
                _copy_atomically(Path(storage_file), self.path / COPY_NAME)
            snapshot.save(self.path / SNAPSHOT_NAME)
        except BaseException:
            self.remove()
            raise

    def load(self) -> ResumeState:
        """Read where the experiment stands.

        Raises
        ------
        NoSnapshotError, DamagedSnapshotError
            As :meth:`ExperimentSnapshot.load`.
        PypetRuntimeError
            If something in the folder cannot be rebuilt here.
        """
        snapshot = ExperimentSnapshot.load(self.path / SNAPSHOT_NAME)
        return ResumeState(snapshot, self._journal.finished())

    def proceed(self, snapshot: ExperimentSnapshot) -> None:
        """Replace the snapshot of an experiment that goes on; finished runs stay recorded.

        Raises
        ------
        PypetTypeError, OSError
            As :meth:`ExperimentSnapshot.save`; the old snapshot is still there then.
        """
        snapshot.save(self.path / SNAPSHOT_NAME)

    def record(
        self, idx: int, result: Any, row: Mapping[str, Any], delta: RunDelta | None = None
    ) -> None:
        """Record a finished run; as :meth:`RunJournal.append`."""
        self._journal.append(idx, result, row, delta)

    def replay(self, service: SupportsDeltas, only: Iterable[int] | None = None) -> int:
        """Write what finished runs had stored; returns how many runs were written.

        Parameters
        ----------
        service
            Where to write.
        only
            Indices of the runs to write, all if not given: for instance those that the file
            does not have although they were finished, because its writer died before the file
            was flushed.

        Raises
        ------
        PypetRuntimeError
            If something stored cannot be rebuilt here.
        """
        wanted = None if only is None else frozenset(only)
        count = 0
        for delta in self._journal.deltas():
            if wanted is None or delta.run_index in wanted:
                service.store_delta(delta)
                count += 1
        return count

    def restore_copy(self, storage_file: str | os.PathLike[str]) -> Path | None:
        """Put the copy made before the first run in the place of a damaged file.

        The damaged file is not deleted but gets the ending ``.damaged``. Then call
        :meth:`replay`.

        Returns
        -------
        Path or None
            Where the damaged file is now; ``None`` if there was none.

        Raises
        ------
        PypetRuntimeError
            If no copy was made.

        Notes
        -----
        If the process dies on the way, either file is at its old or its new place, whole; the
        next call goes on from there.
        """
        target = Path(storage_file)
        copy = self.path / COPY_NAME
        if not copy.exists():
            raise PypetRuntimeError(
                f"'{target}' can only be rebuilt from a copy made before the first run, but "
                f"there is no '{copy}'."
            )
        damaged = None
        if target.exists():
            damaged = target.with_name(target.name + ".damaged")
            os.replace(target, damaged)
        _copy_atomically(copy, target)
        return damaged

    def close(self) -> None:
        """Force everything to the disk and close files; recording opens them again."""
        self._journal.close()

    def remove(self) -> None:
        """Delete the folder after success; files of other people in it, and then it, stay."""
        self.close()
        for name in (SNAPSHOT_NAME, JOURNAL_NAME, COPY_NAME):
            (self.path / name).unlink(missing_ok=True)
        try:
            self.path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            _logger.warning("The resume folder '%s' is kept: %s.", self.path, error.strerror)

    def _clear_unfinished_begin(self) -> None:
        """Remove what a crash before the first run left; refuse anything else."""
        known = {
            JOURNAL_NAME, COPY_NAME, SNAPSHOT_NAME + ".tmp", COPY_NAME + ".tmp",
        }  # fmt: skip
        found = sorted(entry.name for entry in self.path.iterdir())
        others = [name for name in found if name not in known]
        if others:
            raise PypetRuntimeError(
                f"An experiment that can be resumed needs a folder of its own, but '{self.path}' "
                f"holds {', '.join(others[:5])}. Resume that experiment, delete the folder, or "
                "choose another trajectory name or resume folder."
            )
        for name in found:
            (self.path / name).unlink()


def _copy_atomically(source: Path, target: Path) -> None:
    with open(source, "rb") as original:
        write_atomically(target, lambda file: shutil.copyfileobj(original, file))
