"""Any basic Python value as JSON text, exactly.

Nested containers, ``None``, lists of mixed types and huge integers have no place in HDF5 arrays.
They are written as text that a person can read, in which a JSON object always is a tag:
``{"tuple": [1, 2.5]}``. Invariant: ``loads(dumps(value))`` has the same values *and types*;
nothing is ever executed, unlike with a pickle.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet_trajectory.exceptions import NoSuchServiceError

#: Types that are written as they are in JSON.
_PLAIN = (bool, int, str, type(None))


def dumps(value: Any) -> str:
    """Text of a value.

    Raises
    ------
    NoSuchServiceError
        If the value is, or contains, an object of another type.
    """
    return json.dumps(_encode(value), separators=(",", ":"), allow_nan=False)


def loads(text: str) -> Any:
    """The value of a text written by `dumps`.

    Raises
    ------
    ValueError
        If the text was not written by `dumps`.
    """
    return _decode(json.loads(text))


def _encode(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list:
        return [_encode(element) for element in value]
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value)
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return {"scalar": _encode_array(np.asarray(value))}
    raise NoSuchServiceError(
        f"A value of type {kind.__module__}.{kind.__qualname__} cannot be stored: {value!r:.80}. "
        "Store its parts, or use a PickleResult or PickleParameter."
    )


def _encode_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.hasobject:
        return {
            "dtype": describe_dtype(array.dtype),
            "shape": list(array.shape),
            "elements": [_encode(element) for element in array.ravel().tolist()],
        }
    return {
        "dtype": describe_dtype(array.dtype),
        "shape": list(array.shape),
        "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
    }


def _decode_array(parts: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    shape = tuple(parts["shape"])
    if "elements" in parts:
        array = np.empty(math.prod(shape), dtype=parse_dtype(parts["dtype"]))
        for position, element in enumerate(parts["elements"]):
            array[position] = _decode(element)
        return array.reshape(shape)
    data = base64.b64decode(parts["data"])
    dtype = parse_dtype(parts["dtype"])
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape).copy()


def describe_dtype(dtype: np.dtype[Any]) -> str:
    """Text from which `parse_dtype` makes an equal numpy type."""
    if dtype.names is None:
        return dtype.str.replace("|O", "O")
    try:
        return json.dumps(np.lib.format.dtype_to_descr(dtype))
    except ValueError:  # fields that overlap, lie in another order, or have titles
        return json.dumps(_layout_of(dtype))


def parse_dtype(text: str) -> np.dtype[Any]:
    """The numpy type that `describe_dtype` described."""
    if text.startswith("["):
        return np.lib.format.descr_to_dtype(_field_lists(json.loads(text)))
    return _dtype_of(json.loads(text)) if text.startswith("{") else np.dtype(text)


def _layout_of(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Names, types, places and titles of fields."""
    assert dtype.names is not None
    assert dtype.fields is not None
    fields = [dtype.fields[name] for name in dtype.names]
    return {
        "names": dtype.names,
        "formats": [[describe_dtype(field[0].base), field[0].shape] for field in fields],
        "offsets": [field[1] for field in fields],
        "titles": [field[2] if len(field) > 2 else None for field in fields],
        "itemsize": dtype.itemsize,
    }


def _dtype_of(layout: Mapping[str, Any]) -> np.dtype[Any]:
    formats = [(parse_dtype(text), tuple(shape)) for text, shape in layout["formats"]]
    return np.dtype({**layout, "formats": formats})  # type: ignore[call-overload,no-any-return]


def _field_lists(descr: Any) -> Any:
    """JSON has no tuples, but numpy wants a list of tuples of fields, with titles as tuples."""
    if not isinstance(descr, list):
        return descr
    return [
        (_tuple(field[0]), _field_lists(field[1]), *(tuple(shape) for shape in field[2:]))
        for field in descr
    ]


def _tuple(name: Any) -> Any:
    return tuple(name) if isinstance(name, list) else name


_ENCODERS: Mapping[type, Callable[[Any], Any]] = {
    tuple: lambda value: {"tuple": [_encode(element) for element in value]},
    dict: lambda value: {"dict": [[_encode(key), _encode(item)] for key, item in value.items()]},
    set: lambda value: {"set": [_encode(element) for element in value]},
    frozenset: lambda value: {"frozenset": [_encode(element) for element in value]},
    bytes: lambda value: {"bytes": base64.b64encode(value).decode()},
    complex: lambda value: {"complex": [_encode(value.real), _encode(value.imag)]},
    np.ndarray: lambda value: {"array": _encode_array(value)},
    np.matrix: lambda value: {"matrix": _encode_array(np.asarray(value))},
}

_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "tuple": lambda parts: tuple(_decode(element) for element in parts),
    "dict": lambda parts: {_decode(key): _decode(item) for key, item in parts},
    "set": lambda parts: {_decode(element) for element in parts},
    "frozenset": lambda parts: frozenset(_decode(element) for element in parts),
    "bytes": base64.b64decode,
    "complex": lambda parts: complex(_decode(parts[0]), _decode(parts[1])),
    "float": float,
    "array": _decode_array,
    "matrix": lambda parts: np.matrix(_decode_array(parts)),
    "scalar": lambda parts: _decode_array(parts)[()],
}


def _decode(parts: Any) -> Any:
    if isinstance(parts, list):
        return [_decode(element) for element in parts]
    if isinstance(parts, dict):
        ((tag, content),) = parts.items()
        return _DECODERS[tag](content)
    return parts
