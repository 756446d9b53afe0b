"""Files with damage of all kinds, made from good ones."""

from __future__ import annotations

import random


def mutated(content: bytes, generator: random.Random) -> bytes:
    """One random change: flipped bits, other bytes, a swap, a splice, an end that is missing."""
    data = bytearray(content)
    kind = generator.randrange(7)
    place = generator.randrange(len(data))
    if kind == 0:
        data[place] ^= 1 << generator.randrange(8)
    elif kind == 1:
        for _ in range(generator.randrange(1, 30)):
            data[generator.randrange(len(data))] = generator.randrange(256)
    elif kind == 2:
        size = generator.choice((1, 2, 4, 8))
        extreme = generator.choice((0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1)))
        data[place : place + size] = extreme.to_bytes(size, "little")
    elif kind == 3:
        other, size = generator.randrange(len(data)), generator.randrange(1, 4096)
        data[place : place + size] = data[other : other + size]
    elif kind == 4:
        del data[place:]
    elif kind == 5:
        data[place : place + generator.randrange(1, 512)] = b""
    else:  # in the head, where sizes and addresses are
        data[generator.randrange(min(2048, len(data)))] ^= 1 << generator.randrange(8)
    return bytes(data)
