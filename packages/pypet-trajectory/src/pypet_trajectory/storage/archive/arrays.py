"""Arrays in ``.npy`` form, whose header is compared with the bytes that are there.

`numpy.load` takes the memory that a header asks for before it reads on. Here the caller says how
many bytes there are, and an array that is not exactly as large is refused first. Invariant:
reading needs no more memory than those bytes, and executes nothing; arrays of Python objects have
no place in an archive. Unlike numpy, which refuses headers of more than 10,000 characters as
unsafe, this reads all that :func:`write_array` writes: what is in a header is restricted to
literals that cannot overburden the parser.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pypet_trajectory.exceptions import NoSuchServiceError

#: For each beginning, which tells the version of the form: how many bytes tell the size of the
#: header, and how it is encoded.
_VERSIONS = {
    b"\x93NUMPY\x01\x00": (2, "latin1"),
    b"\x93NUMPY\x02\x00": (4, "latin1"),
    b"\x93NUMPY\x03\x00": (4, "utf-8"),
}
_PREFIX_SIZE = 8
#: Larger headers are neither written nor read. A structure of a thousand fields has a fifth.
_MAX_HEADER = 1 << 16
#: Bytes read at a time.
_PIECE = 1 << 20

# The quantifiers give nothing back, so long headers cost no memory.
_TEXT = re.compile(r"'(?:[^'\\]++|\\.)*+'|\"(?:[^\"\\]++|\\.)*+\"")
_LITERALS = re.compile(r"(?:[\[\](){},:\s0-9]++|True|False)*+")


def write_array(file: Any, array: np.ndarray[Any, Any]) -> None:
    """Write an array that holds no objects; nothing is written if it is refused.

    Raises
    ------
    NoSuchServiceError
        If its dtype has too many fields for a header.
    """
    if array.dtype.names is not None:
        length = len(repr(np.lib.format.dtype_to_descr(array.dtype)))
        if length > _MAX_HEADER // 2:  # half, as room for the shape and for non-ASCII names
            raise NoSuchServiceError(
                f"An archive cannot hold an array with {len(array.dtype.names)} fields: their "
                f"description takes {length} characters, at most {_MAX_HEADER // 2} are allowed. "
                "Store the fields as arrays of their own."
            )
    np.lib.format.write_array(file, array, allow_pickle=False)


def read_array(read: Callable[[int], bytes], size: int) -> np.ndarray[Any, Any]:
    """Read an array.

    Parameters
    ----------
    read : callable
        Returns as many bytes as it is asked for, or raises.
    size : int
        Number of bytes there are in all.

    Raises
    ------
    Exception
        Whatever it takes if this is no array of exactly this size: most often ``ValueError``.
    """
    prefix = read(_PREFIX_SIZE)
    form = _VERSIONS.get(prefix)
    if form is None:
        raise ValueError(f"it begins with {prefix!r} and is no array in .npy form")
    width, encoding = form
    length = int.from_bytes(read(width), "little")
    remaining = size - _PREFIX_SIZE - width - length
    if length > _MAX_HEADER or remaining < 0:
        raise ValueError(
            f"the header of the array claims {length} bytes; at most {_MAX_HEADER} are allowed, "
            f"and there are {size - _PREFIX_SIZE - width}"
        )
    dtype, is_fortran, shape = _header(read(length).decode(encoding))
    count = math.prod(shape)
    if count * dtype.itemsize != remaining:
        raise ValueError(
            f"its header claims an array of shape {shape} and dtype {dtype}, which is "
            f"{count * dtype.itemsize} bytes, but {remaining} follow"
        )
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, order="F" if is_fortran else "C")
    if remaining:
        target = (array.T if is_fortran else array).reshape(-1).view(np.uint8)
        for start in range(0, remaining, _PIECE):
            end = min(start + _PIECE, remaining)
            target[start:end] = np.frombuffer(read(end - start), dtype=np.uint8)
    return array


def _header(text: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """Type, whether the order is Fortran's, and shape."""
    if _LITERALS.fullmatch(_TEXT.sub("", text)) is None:
        raise ValueError(f"the header of the array is no plain description: {text[:200]!r}")
    content = ast.literal_eval(text)
    if not isinstance(content, dict) or content.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"the header of the array lacks something: {text[:200]!r}")
    shape, is_fortran = content["shape"], content["fortran_order"]
    if (
        not isinstance(shape, tuple)
        or any(type(extent) is not int or extent < 0 for extent in shape)
        or not isinstance(is_fortran, bool)
    ):
        raise ValueError(f"the header of the array has no proper shape: {text[:200]!r}")
    dtype = np.lib.format.descr_to_dtype(content["descr"])
    if dtype.hasobject:
        raise ValueError("it is an array of Python objects, which archives never hold")
    if dtype.subdtype is not None:
        raise ValueError(f"{content['descr']!r} is no type of the elements of an array")
    return dtype, is_fortran, shape
