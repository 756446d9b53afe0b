"""Fixtures of all tests of pypet-trajectory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

#: Sizes and offsets that a careless reader trusts.
_EXTREMES = (0, 1, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


def mutated(content: bytes, random: Random) -> bytes:
    """A copy with one to four changes of the kinds that disks, transfers and attackers make."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not data:
            break
        start = random.randrange(len(data))
        end = min(len(data), start + random.choice((1, 2, 4, 8, 30, 200, 4096)))
        other = random.randrange(len(data))
        kind = random.randrange(9)
        if kind == 0:
            data[start] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[start] = random.randrange(256)
        elif kind == 2:
            del data[start:]
        elif kind == 3:
            del data[start:end]
        elif kind == 4:
            data[start:start] = random.randbytes(end - start)
        elif kind == 5:
            data[other : other + end - start] = data[start:end]
        elif kind == 6:
            data[start:end] = bytes(end - start)
        elif kind == 7:
            width = random.choice((1, 2, 4, 8))
            value = random.choice(_EXTREMES) % 256**width
            data[start : start + width] = value.to_bytes(width, "little")
        else:
            low, high = sorted((start, other))
            width = min(end - start, high - low, len(data) - high)
            block = data[low : low + width]
            data[low : low + width] = data[high : high + width]
            data[high : high + width] = block
    return bytes(data)


@pytest.fixture
def mutants() -> Callable[[bytes, int], Iterator[bytes]]:
    """Gives so many damaged copies of a content, always the same ones."""

    def damaged(content: bytes, count: int) -> Iterator[bytes]:
        return (mutated(content, Random(seed)) for seed in range(count))

    return damaged
