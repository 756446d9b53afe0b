"""Values as numpy arrays plus marks, and back: what HDF5 holds and what it cannot say.

HDF5 knows arrays of numbers and bytes. Whether three numbers were a list, a tuple or an array, and
whether a number was Python's or numpy's, is said by marks beside the data. Invariant:
``decode(*encode(value))`` has the value's exact type, or `encode` says None and the value is
written as text (:mod:`~pypet_trajectory.values.exact_json`). pypet 0.7 let a list of mixed
types become what numpy made of it; here it is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.constants import COMPATPARAMETERTYPEDICT, PARAMETERTYPEDICT
from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.values import exact_json

#: Marks by their short names, for instance ``{'COLL_TYPE': 'COLL_LIST', 'SCALAR_TYPE': 'int'}``.
Marks: TypeAlias = Mapping[str, str]

_PYTHON_NUMBERS = frozenset((bool, int, float, complex))
_NATIVE_KINDS = "biufcS"


class Encoded(NamedTuple):
    """An array HDF5 can hold, and the marks that lead back to the value."""

    data: NDArray[Any]
    marks: Marks


# -------------------------------------------------------------------- encoding


def encode(value: Any) -> Encoded | None:
    """The stored form of a scalar, list, tuple or array; ``None`` if only text will do."""
    kind = type(value)
    if kind in _SCALAR_ENCODERS:
        return _SCALAR_ENCODERS[kind](value)
    if kind is list or kind is tuple:
        return encode_sequence(value)
    if kind is np.ndarray or kind is np.matrix:
        return encode_array(value)
    if isinstance(value, np.generic):
        return _encode_numpy_scalar(value)
    if kind is dict and not value:
        return Encoded(np.empty(0), {markers.COLL_TYPE: markers.COLL_EMPTY_DICT})
    return None


def encode_as_text(value: Any) -> Encoded:
    """Any basic value as JSON text, which pypet 0.7 reads as a string.

    Raises
    ------
    NoSuchServiceError
        If the value contains something that is no basic data.
    """
    text = exact_json.dumps(value)
    return Encoded(
        _text_scalar(text),
        {
            markers.COLL_TYPE: markers.COLL_SCALAR,
            markers.SCALAR_TYPE: "str",
            markers.ENCODING: markers.ENCODING_JSON,
        },
    )


def encode_sequence(values: Sequence[Any]) -> Encoded | None:
    """A list or tuple whose elements are scalars of one type."""
    marks = {markers.COLL_TYPE: markers.COLL_LIST if type(values) is list else markers.COLL_TUPLE}
    if not values:
        return Encoded(np.empty(0), marks)
    kinds = set(map(type, values))
    if len(kinds) > 1:
        return None
    kind = kinds.pop()
    data = encode_scalars(values, kind)
    return None if data is None else Encoded(data, marks | {markers.SCALAR_TYPE: scalar_name(kind)})


def encode_scalars(values: Sequence[Any], kind: type) -> NDArray[Any] | None:
    """Scalars that all are of type `kind` as an array of shape ``(len(values),)``."""
    if kind in _PYTHON_NUMBERS:
        data = np.array(values)
        return _as_unsigned(values) if kind is int and data.dtype.kind not in "iu" else data
    if kind is str:
        try:
            return _fitting_bytes([text.encode() for text in values])
        except UnicodeEncodeError:
            return None
    if kind is bytes:
        return _fitting_bytes(values)
    if issubclass(kind, np.generic) and scalar_name(kind) in PARAMETERTYPEDICT:
        return np.array(values) if kind is not np.bytes_ else _fitting_bytes(values)
    return None


def encode_array(array: NDArray[Any]) -> Encoded | None:
    """An array of any type but objects."""
    matrix = type(array) is np.matrix
    marks: dict[str, str] = {
        markers.COLL_TYPE: markers.COLL_MATRIX if matrix else markers.COLL_NDARRAY
    }
    data = np.asarray(array)
    dtype = data.dtype
    if dtype.kind == "U":
        try:
            data = np.char.encode(data, "utf-8")
        except UnicodeEncodeError:
            return None
        marks[markers.SCALAR_TYPE] = "str"
        width = int(np.char.str_len(array).max()) if data.size else 0
        if dtype.itemsize // 4 != max(width, 1):
            marks[markers.DTYPE] = dtype.str
    elif dtype.kind in "mM":
        data = np.ascontiguousarray(data).astype(dtype.newbyteorder("="), copy=False).view(np.int64)
        marks[markers.DTYPE] = dtype.str
    elif dtype.kind == "V":
        if dtype.hasobject:
            return None
        data = np.frombuffer(data.tobytes(), np.uint8)
        marks[markers.DTYPE] = exact_json.describe_dtype(dtype)
        marks[markers.SHAPE] = _shape_text(array.shape)
    elif dtype.kind not in _NATIVE_KINDS:
        return None
    elif not dtype.isnative:
        data = data.astype(dtype.newbyteorder("="))
        marks[markers.DTYPE] = dtype.str
    if not data.dtype.itemsize:
        data = data.astype("S1")
        marks[markers.DTYPE] = dtype.str
    if not data.size and data.shape and data.shape[0]:
        marks[markers.SHAPE] = _shape_text(array.shape)
        data = data.reshape(0)
    return Encoded(data, marks)


def scalar_name(kind: type) -> str:
    """Name of a scalar type as files hold it; numpy 2 calls ``bool_`` otherwise."""
    return "bool_" if kind is np.bool_ else "bytes_" if kind is np.bytes_ else kind.__name__


def _encode_text(value: str) -> Encoded | None:
    try:
        data = _text_scalar(value)
    except UnicodeEncodeError:
        return None
    return _sized(
        data,
        value.endswith("\0"),
        {markers.COLL_TYPE: markers.COLL_SCALAR, markers.SCALAR_TYPE: "str"},
    )


def _encode_bytes(value: bytes) -> Encoded:
    data = np.frombuffer(value or b"\0", dtype=f"S{len(value) or 1}").reshape(())
    return _sized(
        data,
        value.endswith(b"\0"),
        {markers.COLL_TYPE: markers.COLL_SCALAR, markers.SCALAR_TYPE: "bytes"},
    )


def _encode_number(value: Any) -> Encoded | None:
    data = np.array(value)
    if data.dtype.kind not in _NATIVE_KINDS:
        return None
    return Encoded(
        data, {markers.COLL_TYPE: markers.COLL_SCALAR, markers.SCALAR_TYPE: type(value).__name__}
    )


def _encode_numpy_scalar(value: np.generic) -> Encoded | None:
    kind = type(value)
    if kind.__module__ != "numpy":
        return None
    if kind is np.str_:
        encoded = _encode_text(str(value))
        return encoded and Encoded(encoded.data, {**encoded.marks, markers.DTYPE: "str_"})
    if kind is np.bytes_:
        encoded = _encode_bytes(value.item())
        return Encoded(encoded.data, {**encoded.marks, markers.SCALAR_TYPE: "bytes_"})
    name = scalar_name(kind)
    if name in PARAMETERTYPEDICT:
        return Encoded(
            np.asarray(value), {markers.COLL_TYPE: markers.COLL_SCALAR, markers.SCALAR_TYPE: name}
        )
    encoded = encode_array(np.asarray(value))
    if encoded is None:
        return None
    # pypet 0.7 knows no scalars of this type: it sees the number, or bytes.
    return Encoded(
        encoded.data,
        {
            markers.DTYPE: np.asarray(value).dtype.str,
            **encoded.marks,
            markers.COLL_TYPE: markers.COLL_SCALAR,
        },
    )


_SCALAR_ENCODERS: Mapping[type, Callable[[Any], Encoded | None]] = {
    bool: _encode_number,
    int: _encode_number,
    float: _encode_number,
    complex: _encode_number,
    str: _encode_text,
    bytes: _encode_bytes,
}


def _text_scalar(text: str) -> NDArray[Any]:
    encoded = text.encode()
    return np.frombuffer(encoded or b"\0", dtype=f"S{len(encoded) or 1}").reshape(())


def _sized(data: NDArray[Any], needs_size: bool, marks: dict[str, str]) -> Encoded:
    if needs_size:
        marks[markers.SIZE] = str(data.dtype.itemsize)
    return Encoded(data, marks)


def _as_unsigned(values: Sequence[int]) -> NDArray[Any] | None:
    """Integers of which some need the 64th bit: numpy would make them floats."""
    try:
        return np.array(values, np.uint64)
    except OverflowError:
        return None


def _fitting_bytes(values: Sequence[bytes]) -> NDArray[Any] | None:
    """Bytes of one width; ``None`` if padding would swallow NUL bytes at an end."""
    if any(value.endswith(b"\0") for value in values):
        return None
    return np.array(values, dtype="S" if any(values) else "S1")


def _shape_text(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))


# -------------------------------------------------------------------- decoding


def decode(data: NDArray[Any], marks: Marks, encoding: str = "utf8") -> Any:
    """The value that `encode`, or pypet 0.7, stored as `data` and `marks`.

    Raises
    ------
    NoSuchServiceError
        If a mark says something this library does not know.
    """
    if marks.get(markers.ENCODING) == markers.ENCODING_JSON:
        return exact_json.loads(decode_text(_raw_bytes(data, marks), "utf8"))
    collection = marks.get(markers.COLL_TYPE)
    scalar = marks.get(markers.SCALAR_TYPE)
    if collection == markers.COLL_SCALAR:
        return _decode_scalar(data, scalar, marks, encoding)
    if collection in (markers.COLL_LIST, markers.COLL_TUPLE):
        values = decode_scalars(data, scalar, encoding)
        return values if collection == markers.COLL_LIST else tuple(values)
    if collection == markers.COLL_EMPTY_DICT:
        return {}
    if collection in (markers.COLL_NDARRAY, markers.COLL_MATRIX):
        array = _decode_array(data, scalar, marks, encoding)
        return array.view(np.matrix) if collection == markers.COLL_MATRIX else array
    if collection is None:
        return data if data.shape else data[()]
    raise NoSuchServiceError(f"Data is marked as {collection!r}, which no known pypet writes.")


def scalar_type(name: str) -> type:
    """The type of this name.

    Raises
    ------
    NoSuchServiceError
        If it is no type that files of pypet name.
    """
    kind = PARAMETERTYPEDICT.get(name) or COMPATPARAMETERTYPEDICT.get(name)
    if kind is None:
        raise NoSuchServiceError(f"Data is marked as of type {name!r}, which is no known scalar.")
    return kind


def decode_scalars(data: NDArray[Any], name: str | None, encoding: str) -> list[Any]:
    """Elements of a one-dimensional array as objects of the type of this name."""
    if name is None:
        return list(data.tolist())
    kind = scalar_type(name)
    if kind is str:
        return [
            text if isinstance(text, str) else decode_text(text, encoding) for text in data.tolist()
        ]
    values = data.tolist()
    if not values or type(values[0]) is kind:
        return list(values)
    if issubclass(kind, np.generic) and kind is not np.bytes_:
        return list(data.astype(kind))
    convert: Any = kind
    return [convert(value) for value in values]


def decode_text(raw: bytes, encoding: str = "utf8") -> str:
    """Text from bytes: UTF-8, else the file's encoding, else with replacement characters."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(encoding, errors="replace")


def _decode_scalar(data: NDArray[Any], name: str | None, marks: Marks, encoding: str) -> Any:
    if data.dtype.kind == "S":
        raw = _raw_bytes(data, marks)
        kind: Any = scalar_type(name) if name else bytes
        if kind is str:
            text = decode_text(raw, encoding)
            return np.str_(text) if marks.get(markers.DTYPE) == "str_" else text
        return kind(raw)
    if markers.DTYPE in marks:
        return _decode_array(data, None, {**marks, markers.SHAPE: ""}, encoding)[()]
    value = data.reshape(-1)[0] if data.ndim else data[()]
    if name is None:
        return value
    kind = scalar_type(name)
    return value if type(value) is kind else kind(value.item())


def _decode_array(
    data: NDArray[Any], name: str | None, marks: Marks, encoding: str
) -> NDArray[Any]:
    data = np.asarray(data)
    if name == "str" and data.dtype.kind == "S":
        raw: Any = data
        try:
            data = np.char.decode(raw, "utf-8")
        except UnicodeDecodeError:
            data = np.char.decode(raw, encoding, "replace")
    stored = marks.get(markers.DTYPE)
    if stored is not None:
        dtype = exact_json.parse_dtype(stored)
        if dtype.kind == "V":
            data = _from_raw(data, dtype, marks[markers.SHAPE])
        elif dtype.kind in "mM":
            data = data.view(dtype.newbyteorder("=")).astype(dtype, copy=False)
        else:
            data = data.astype(dtype)
    shape = marks.get(markers.SHAPE)
    return data if shape is None else data.reshape(_parse_shape(shape))


def _from_raw(data: NDArray[Any], dtype: np.dtype[Any], shape: str) -> NDArray[Any]:
    if not data.size:
        return np.zeros(_parse_shape(shape), dtype)
    return np.frombuffer(data.tobytes(), dtype).copy()


def _parse_shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(",") if size)


def _raw_bytes(data: NDArray[Any], marks: Marks) -> bytes:
    raw = data.reshape(-1)[:1].tobytes() if data.ndim else data.tobytes()
    size = marks.get(markers.SIZE)
    return raw.rstrip(b"\0") if size is None else raw[: int(size)]
