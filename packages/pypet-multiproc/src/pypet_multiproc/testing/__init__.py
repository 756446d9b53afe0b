"""Trials for ways to run and wrap modes, shipped so that other distributions can use them, too."""

from pypet_multiproc.testing.storage import JournalStorageService
from pypet_multiproc.testing.trials import (
    MODES,
    WAYS,
    Fatal,
    combinations,
    die_at,
    die_on_the_way,
    double,
    nothing,
    raise_at,
    twelve_with_trouble,
    where,
)

__all__ = [
    "MODES",
    "WAYS",
    "Fatal",
    "JournalStorageService",
    "combinations",
    "die_at",
    "die_on_the_way",
    "double",
    "nothing",
    "raise_at",
    "twelve_with_trouble",
    "where",
]
