"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    GitDiffError,
    NoSuchServiceError,
    NotUniqueNodeError,
    ParameterLockedException,
    PresettingError,
    PypetError,
    TooManyGroupsError,
    VersionMismatchError,
)

__all__ = [
    "DataNotInStorageError",
    "GitDiffError",
    "NoSuchServiceError",
    "NotUniqueNodeError",
    "ParameterLockedException",
    "PresettingError",
    "PypetError",
    "TooManyGroupsError",
    "VersionMismatchError",
]
