"""What a storage service proves itself by: the suite, its parts, and classes to store.

Invariant: the suites look at services through trajectories and messages only, never at files. So
they say nothing about formats, and everything about what users of any service can rely on.
"""

from pypet_trajectory.testing.storage.conformance import StorageServiceConformance
from pypet_trajectory.testing.storage.store import (
    Connect,
    Readings,
    ReadingsGroup,
    StoreTests,
    Unstorable,
)

__all__ = (
    "Connect",
    "Readings",
    "ReadingsGroup",
    "StorageServiceConformance",
    "StoreTests",
    "Unstorable",
)
