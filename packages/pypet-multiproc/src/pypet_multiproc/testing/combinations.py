"""Which combinations to test: all of them on demand, and always so many that every pair occurs.

A fault that needs three parts to show is rare, and trying all combinations takes minutes. So each
choice has a number, and a combination belongs to the sample if the sum of its numbers can be
divided; with three lists of choices every two parts then meet once for each such combination,
unlike in a random sample.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any


def combinations(*choices: Sequence[Any], every: int) -> list[Any]:
    """All combinations as parameters for pytest; those outside of the sample are marked `soak`.

    Parameters
    ----------
    *choices : sequence
        One list of choices for each parameter.
    every : int
        What the sum of the positions in these lists must be a multiple of; 1 takes all. Each pair
        of choices occurs in the sample if this is at most the length of the shortest list.

    Examples
    --------
    >>> for parameter in combinations("ab", "xy", every=2):
    ...     print(*parameter.values, *(mark.name for mark in parameter.marks))
    a x
    a y soak
    b x soak
    b y
    """
    import pytest

    parameters = []
    for positions in itertools.product(*(range(len(each)) for each in choices)):
        values = [each[position] for each, position in zip(choices, positions, strict=True)]
        marks = () if sum(positions) % every == 0 else (pytest.mark.soak,)
        parameters.append(pytest.param(*values, marks=marks))
    return parameters
