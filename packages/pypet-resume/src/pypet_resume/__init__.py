"""Resume a numerical experiment after a crash.

:mod:`pypet_resume.snapshot` writes the experiment before its first run. dill is imported when a
snapshot is written or read, not before.
"""

from pypet_resume.snapshot import (
    DamagedSnapshotError,
    ExperimentSnapshot,
    NoSnapshotError,
)

__all__ = ["DamagedSnapshotError", "ExperimentSnapshot", "NoSnapshotError"]
