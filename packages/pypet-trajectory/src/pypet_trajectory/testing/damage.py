"""Damage to files, of the kinds that disks, transfers and attackers do."""

from __future__ import annotations

from random import Random

#: Sizes and offsets that a careless reader trusts.
_EXTREMES = (0, 1, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


def mutated(content: bytes, random: Random) -> bytes:
    """A copy with one to four changes: other bits or bytes, swaps, missing and added parts."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not data:
            break
        # One in four lies in the head, where sizes and addresses are.
        start = random.randrange(min(len(data), random.choice((2048, *[len(data)] * 3))))
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
