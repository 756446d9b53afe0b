"""Fixtures of all tests of pypet-trajectory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import settings

from pypet_trajectory.testing.damage import mutated

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def mutants() -> Callable[[bytes, int], Iterator[bytes]]:
    """Gives so many damaged copies of a content, always the same ones."""

    def damaged(content: bytes, count: int) -> Iterator[bytes]:
        return (mutated(content, Random(seed)) for seed in range(count))

    return damaged
