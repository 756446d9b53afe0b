"""Every error pypet raises on purpose: a `PypetError` that is also the matching built-in.

Invariant: code that catches the built-in that pypet 0.7 documented for a case still catches it,
and code that wants "anything from pypet" catches `PypetError`. The first group below gives the
built-ins their pypet twin; the second group names the cases that callers tell apart.

Two bases surprise newcomers and are relied upon: `NotUniqueNodeError` is an `AttributeError`
(so ``hasattr`` and ``in`` answer False), and `DataNotInStorageError` is an `OSError` (so they
do not).
"""

from __future__ import annotations


class PypetError(Exception):
    """Anything pypet refuses or fails to do."""


class PypetTypeError(PypetError, TypeError):
    """An argument has the wrong type, or the object's state forbids the call."""


class PypetValueError(PypetError, ValueError):
    """An argument has the right type and a value that cannot be used."""


class PypetAttributeError(PypetError, AttributeError):
    """A name does not exist, or cannot be set."""


class PypetKeyError(PypetError, KeyError):
    """A key does not exist."""

    def __str__(self) -> str:
        # KeyError shows the repr of its message, which spoils whole sentences.
        return Exception.__str__(self)


class PypetIndexError(PypetError, IndexError):
    """A position lies outside of a sequence."""


class PypetRuntimeError(PypetError, RuntimeError):
    """Something went wrong that no argument explains."""


class PypetOSError(PypetError, OSError):
    """A file or another resource of the operating system cannot be used."""


class PypetImportError(PypetError, ImportError):
    """A class or a package cannot be imported."""


class ParameterLockedException(PypetTypeError):
    """A locked parameter was about to be changed."""


class UnsupportedDataError(PypetTypeError):
    """A parameter or result does not take data of this type."""


class NotInRunError(PypetTypeError):
    """A function was called during a single run that only works outside of runs."""


class VersionMismatchError(PypetTypeError):
    """A file is written in a format this library does not know."""


class NoSuchServiceError(PypetTypeError):
    """A storage service does not understand a message or the data that came with it."""


class TooManyGroupsError(PypetTypeError):
    """A fast search gave up because too many groups came into question."""


class InvalidNameError(PypetValueError):
    """A name is not admissible in a trajectory."""


class PresettingError(PypetRuntimeError):
    """Presets are left over although the trajectory is complete."""


class GitDiffError(PypetRuntimeError):
    """A git repository has uncommitted changes although this was forbidden."""


class NotUniqueNodeError(PypetAttributeError):
    """A search found two nodes at the same depth."""


class NodeNotFoundError(PypetAttributeError):
    """No node of this name exists in the tree."""


class DataNotInStorageError(PypetOSError):
    """A node or data item is not in the storage."""


class StorageFailedError(PypetOSError):
    """The storage takes nothing any more, as on a full disk; what it confirmed before is safe."""


class MissingPackageError(PypetImportError):
    """An optional package is needed here and not installed."""


class PickleRefusedError(PypetValueError):
    """Stored data is a pickle and loading pickles was switched off."""
