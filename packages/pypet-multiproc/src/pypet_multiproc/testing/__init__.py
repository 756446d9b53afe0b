"""Trials for ways to run and wrap modes, shipped so that other distributions can use them, too."""

from pypet_multiproc.testing.combinations import combinations
from pypet_multiproc.testing.runs import (
    Fatal,
    die_at,
    die_on_the_way,
    double,
    nothing,
    raise_at,
    twelve_with_trouble,
    where,
)
from pypet_multiproc.testing.storage import JournalStorageService

__all__ = [
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
