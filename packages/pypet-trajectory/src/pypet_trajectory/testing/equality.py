"""What "loaded as it was stored" means: equal values of equal types, all the way down.

Stricter than :func:`~pypet_trajectory.values.comparisons.nested_equal`, where 1 and 1.0 are equal,
and laxer in two respects only: NaN equals NaN, and the width of text arrays does not matter, for a
store may trim it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def difference(found: Any, expected: Any, place: str = "value") -> str | None:
    """Where two values differ in type or content, ``None`` if they are the same.

    Examples
    --------
    >>> difference((1, [2]), (1, [2]))
    >>> difference((1, [2]), (1, [2.0]))
    'value[1][0]: found 2 (int) instead of 2.0 (float)'
    """
    if type(found) is not type(expected):
        return _told(found, expected, place)
    if isinstance(expected, np.ndarray):
        return _array_difference(found, expected, place)
    if isinstance(expected, Mapping):
        if list(found) != list(expected):
            return f"{place}: found the keys {list(found)} instead of {list(expected)}"
        pairs = [(f"{place}[{key!r}]", found[key], expected[key]) for key in expected]
    elif isinstance(expected, (list, tuple)):
        if len(found) != len(expected):
            return f"{place}: found {len(found)} elements instead of {len(expected)}"
        pairs = [
            (f"{place}[{position}]", *pair)
            for position, pair in enumerate(zip(found, expected, strict=True))
        ]
    else:
        same = found == expected or (found != found and expected != expected)
        if not same and isinstance(expected, (complex, np.complexfloating)):
            same = bool(np.array_equal(found, expected, equal_nan=True))
        return None if same else _told(found, expected, place)
    for inner_place, one, other in pairs:
        told = difference(one, other, inner_place)
        if told is not None:
            return told
    return None


def assert_same(found: Any, expected: Any, place: str = "value") -> None:
    """Fail with the place of the first difference."""
    told = difference(found, expected, place)
    assert told is None, told


def _array_difference(
    found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], place: str
) -> str | None:
    if found.shape != expected.shape:
        return f"{place}: found the shape {found.shape} instead of {expected.shape}"
    if found.dtype != expected.dtype and not found.dtype.kind == expected.dtype.kind == "U":
        return f"{place}: found the dtype {found.dtype} instead of {expected.dtype}"
    if expected.dtype.kind in "fc":
        same = np.array_equal(found, expected, equal_nan=True)
    elif expected.dtype.kind == "O":
        return difference(found.ravel().tolist(), expected.ravel().tolist(), place)
    else:
        same = np.array_equal(found, expected)
    return None if same else _told(found, expected, place)


def _told(found: Any, expected: Any, place: str) -> str:
    return (
        f"{place}: found {found!r} ({type(found).__name__}) instead of "
        f"{expected!r} ({type(expected).__name__})"
    )
