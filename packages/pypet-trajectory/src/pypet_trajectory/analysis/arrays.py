"""Lists of values as arrays, of a type of numpy only where that type can hold every value.

Left to itself, numpy makes floats of whole numbers as soon as one of them needs all 64 bits, which
changes the digits of seeds and hashes, and it cuts zero characters off the end of texts. What no
type of numpy can hold stays as it is, in an array of objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Whole numbers up to this size are floats without loss.
_MAX_EXACT_FLOAT = 2**53


def whole_numbers(values: Sequence[int]) -> NDArray[Any]:
    """Integers as int64 if they fit, else as uint64, else as objects."""
    array = np.array(values)
    if array.dtype.kind != "f":
        return array
    return np.array(values, dtype=np.uint64 if min(values) >= 0 else object)


def objects(values: Sequence[Any]) -> NDArray[Any]:
    """Values as they are, shape (n_values,)."""
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array


def stacked(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Values along the first dimension; objects if their shapes differ or no type holds them."""
    if isinstance(values, np.ndarray):
        return values
    values = list(values)
    shapes = {np.shape(value) if isinstance(value, np.ndarray) else () for value in values}
    plain = all(
        isinstance(value, bool | int | float | complex | str | np.generic | np.ndarray)
        for value in values
    )
    if plain and len(shapes) == 1 and len({isinstance(value, str) for value in values}) == 1:
        is_whole = all(type(value) is int for value in values)
        array = whole_numbers(values) if is_whole else np.array(values)
        if array.dtype.kind in "biufcUSmM" and _holds(array, values):
            return array
    return objects(values)


def is_exact_as_float(values: NDArray[Any]) -> bool:
    """Whether whole numbers lose nothing as floats."""
    return bool(np.all((values >= -_MAX_EXACT_FLOAT) & (values <= _MAX_EXACT_FLOAT)))


def _holds(array: NDArray[Any], values: list[Any]) -> bool:
    """Whether no text was cut and no whole number rounded."""
    if array.dtype.kind == "U":
        return array.ndim > 1 or array.tolist() == values
    if array.dtype.kind in "fc":
        others = (np.asarray(value) for value in values if not isinstance(value, float))
        return all(other.dtype.kind not in "iu" or is_exact_as_float(other) for other in others)
    return True
