"""Resume a numerical experiment after a crash.

Three modules, one step each: :mod:`pypet_resume.snapshot` writes the experiment before its first
run, :mod:`pypet_resume.records` notes every finished run, :mod:`pypet_resume.resume` tells what
is left to do. dill is imported when something is written or read, not before.
"""

from pypet_resume.records import FinishedRun, RunJournal
from pypet_resume.resume import ResumeFolder, ResumeState
from pypet_resume.snapshot import (
    DamagedSnapshotError,
    ExperimentSnapshot,
    NoSnapshotError,
)

__all__ = [
    "DamagedSnapshotError",
    "ExperimentSnapshot",
    "FinishedRun",
    "NoSnapshotError",
    "ResumeFolder",
    "ResumeState",
    "RunJournal",
]
