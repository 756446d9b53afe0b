"""Identity of a point of the parameter space: a canonical hash of its values.

The hash of a point is the same in every process, on every platform and in every version of this
library. Invariant: two values hash alike if and only if their types are the same and their
contents equal; so ``1``, ``1.0`` and ``True`` differ, ``0.0`` and ``-0.0`` do not, and NaN equals
itself. Unlike a hash of pickles it does not depend on protocols, on memory layout, or on whether a
string object occurs twice. What has no canonical form, such as an object of a custom class, is
refused rather than pickled.

Encoding, in version 1: a tag of one byte for the type, then the content in a form that cannot be
continued (fixed width, or prefixed with its length). Numbers are big-endian.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pypet_trajectory.exceptions import PypetValueError, UnsupportedDataError
from pypet_trajectory.values import sparse_data
from pypet_trajectory.values.column_table import Column
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.types import is_supported_sparse

if TYPE_CHECKING:
    import numpy.typing as npt

_FORMAT: Final = b"pypet point 1"
#: 16 bytes: among a billion points the chance of two alike is below 1e-20.
_DIGEST_SIZE: Final = 16
_NAN: Final = struct.pack(">d", float("nan"))
_INT64: Final = range(-(2**63), 2**63)

_TAG_SMALL_INT: Final = b"i"
_TAG_FLOAT: Final = b"f"
_TAG_BOOL: Final = b"b"
_TAG_COMPLEX: Final = b"c"


# ---------------------------------------------------------------- encoding one value


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a value.

    Raises
    ------
    TypeError
        If the value has no canonical form.

    Examples
    --------
    >>> encode(1) == encode(1.0), encode((1, 'a')) == encode((1, 'a'))
    (False, True)
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    if isinstance(value, np.generic):
        return b"s" + _encode_array(np.asarray(value))
    if is_supported_sparse(value):
        return b"m" + _encode_items(sparse_data.parts(value))
    raise UnsupportedDataError(
        f"A value of {type(value)} has no canonical form, so points that contain it have no "
        "identity. Values may be numbers, text, bytes, None, numpy arrays, sparse matrices, and "
        "tuples, lists, sets and dictionaries of these."
    )


def _sized(content: bytes) -> bytes:
    return struct.pack(">Q", len(content)) + content


def _encode_int(value: int) -> bytes:
    if value in _INT64:
        return _TAG_SMALL_INT + struct.pack(">q", value)
    return b"I" + _sized(f"{value:x}".encode())


def _encode_float(value: float) -> bytes:
    return _TAG_FLOAT + _float_bytes(value)


def _float_bytes(value: float) -> bytes:
    # Adding zero turns -0.0 into 0.0.
    return _NAN if value != value else struct.pack(">d", value + 0.0)


def _encode_text(value: str) -> bytes:
    return _sized(value.encode("utf-8", "surrogatepass"))


def _encode_items(items: Iterable[Any]) -> bytes:
    encoded = [encode(item) for item in items]
    return struct.pack(">Q", len(encoded)) + b"".join(encoded)


def _encode_set(items: Iterable[Any]) -> bytes:
    encoded = sorted(map(encode, items))
    return struct.pack(">Q", len(encoded)) + b"".join(encoded)


def _encode_dict(items: Mapping[Any, Any]) -> bytes:
    encoded = sorted(encode(key) + encode(item) for key, item in items.items())
    return struct.pack(">Q", len(encoded)) + b"".join(encoded)


def _encode_array(array: npt.NDArray[Any]) -> bytes:
    """Kind and width of the dtype, shape, elements in C order; byte order does not count."""
    kind = array.dtype.kind
    shape = _encode_items(array.shape)
    if kind in "UO":  # the width of text arrays is no property of their content
        return kind.encode() + shape + _encode_items(array.ravel().tolist())
    if kind == "S":
        return b"S" + shape + _encode_items(array.ravel().tolist())
    if kind not in "biufcmM" or array.dtype.itemsize > (16 if kind == "c" else 8):
        raise UnsupportedDataError(
            f"An array of dtype {array.dtype} has no canonical form, so points that contain it "
            "have no identity. Convert it to a dtype that is the same on all platforms."
        )
    unit = repr(np.datetime_data(array.dtype)).encode() if kind in "mM" else b""
    head = f"{kind}{array.dtype.itemsize}".encode()
    return _sized(head + unit) + shape + _canonical_numbers(array).tobytes()


def _canonical_numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers big-endian in C order, with one kind of zero and one kind of NaN."""
    kind = array.dtype.kind
    if kind == "f":
        array = np.array(array)
        array += array.dtype.type(0)
        array[np.isnan(array)] = np.nan
    elif kind == "c":
        array = np.array(array)
        array.real[...] = _canonical_numbers(array.real)
        array.imag[...] = _canonical_numbers(array.imag)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder(">"))


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): lambda value: b"N",
    bool: lambda value: _TAG_BOOL + (b"\x01" if value else b"\x00"),
    int: _encode_int,
    float: _encode_float,
    complex: lambda value: _TAG_COMPLEX + _float_bytes(value.real) + _float_bytes(value.imag),
    str: lambda value: b"u" + _encode_text(value),
    bytes: lambda value: b"y" + _sized(value),
    np.str_: lambda value: b"U" + _encode_text(str(value)),
    tuple: lambda value: b"t" + _encode_items(value),
    list: lambda value: b"l" + _encode_items(value),
    set: lambda value: b"e" + _encode_set(value),
    frozenset: lambda value: b"z" + _encode_set(value),
    dict: lambda value: b"d" + _encode_dict(value),
    np.ndarray: lambda value: b"a" + _encode_array(value),
    np.matrix: lambda value: b"x" + _encode_array(np.asarray(value)),
}


# ---------------------------------------------------------------- hashing points


def point_hash(point: Mapping[str, Any]) -> str:
    """Return the identity of one point.

    Parameters
    ----------
    point
        Parameter names to values; their order does not matter.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    TypeError
        If a value has no canonical form; the message names the parameter.

    Examples
    --------
    >>> point_hash({'x': 1, 'y': 'a'}) == point_hash({'y': 'a', 'x': 1})
    True
    >>> point_hash({'x': 1}) == point_hash({'x': True})
    False
    """
    names = sorted(point)
    encoded = b"".join(_encode_named(name, point[name]) for name in names)
    return _digest(_header(names) + encoded)


def point_hashes(columns: Mapping[str, Column], length: int | None = None) -> list[str]:
    """Return the identities of many points, given column by column.

    Gives what `point_hash` gives for each row, about ten times as fast where columns are compact
    (see :class:`~pypet_trajectory.values.ranges.CompactRange`) or arrays.

    Parameters
    ----------
    columns
        Parameter names to values, one for each point.
    length
        Number of points, needed only if there might be no columns.

    Raises
    ------
    TypeError
        If a value has no canonical form; the message names the parameter.
    ValueError
        If columns differ in length.

    Examples
    --------
    >>> point_hashes({'x': [1, 2]})[1] == point_hash({'x': 2})
    True
    """
    names = sorted(columns)
    header = _header(names)
    lengths = {name: len(columns[name]) for name in names}
    if len(set(lengths.values())) > 1:
        raise PypetValueError(f"Points need a value for each parameter, but lengths are {lengths}.")
    if not names:
        return [_digest(header)] * (length or 0)
    blocks = [_encode_column(name, columns[name]) for name in names]
    if all(isinstance(block, np.ndarray) for block in blocks):
        rows = np.hstack(blocks)
        width = rows.shape[1]
        flat = rows.tobytes()
        return [
            _digest(header + flat[start : start + width]) for start in range(0, len(flat), width)
        ]
    lists = [_rows(block) for block in blocks]
    return [_digest(header + b"".join(parts)) for parts in zip(*lists, strict=True)]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).hexdigest()


def _header(names: Sequence[str]) -> bytes:
    """Digest of format and names, so that rows need not repeat them."""
    content = _FORMAT + _encode_items(names)
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


def _encode_named(name: str, value: Any) -> bytes:
    try:
        return encode(value)
    except UnsupportedDataError as exc:
        raise UnsupportedDataError(f"Parameter `{name}`: {exc}") from None


def _encode_column(name: str, column: Column) -> npt.NDArray[np.uint8] | list[bytes]:
    """Encode a column: (n, width) bytes if every value takes the same width, else a list."""
    compact = _compact(column)
    array = compact.array
    if array is None or not len(array):
        return [_encode_named(name, value) for value in compact]
    numbers = _canonical_numbers(array)
    content = numbers.view(np.uint8).reshape(len(array), array.dtype.itemsize)
    # Everything before the content of the first value is the same for all of them.
    prefix = _encode_named(name, compact[0])[: -array.dtype.itemsize]
    head = np.broadcast_to(np.frombuffer(prefix, dtype=np.uint8), (len(array), len(prefix)))
    return np.hstack((head, content))


def _compact(column: Column) -> CompactRange:
    if isinstance(column, np.ndarray) and column.ndim == 1:
        found = CompactRange.from_array(column, column.dtype.type)
        if found is not None:
            return found
    return CompactRange(column)


def _rows(block: npt.NDArray[np.uint8] | list[bytes]) -> list[bytes]:
    if isinstance(block, list):
        return block
    flat, width = block.tobytes(), block.shape[1]
    return [flat[start : start + width] for start in range(0, len(flat), width)]
