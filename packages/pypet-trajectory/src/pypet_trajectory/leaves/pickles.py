"""Pickles as leaves store them: bytes, and the protocol they were written with.

Opening a pickle can run any code. Whether a source is trusted is decided before a leaf is loaded,
by the caller that loads it; the leaf itself opens what it gets.
"""

from __future__ import annotations

import pickle
from typing import Any


def load_pickle(dump: Any) -> Any:
    """Return the object in a dump, which may come as bytes, numpy bytes or a byte array."""
    return pickle.loads(bytes(dump))


def guess_protocol(dump: Any) -> int:
    """Return the pickle protocol that a dump needs at least."""
    import pickletools  # only dumps of old files do not tell

    return max(opcode.proto for opcode, _, _ in pickletools.genops(bytes(dump)))
