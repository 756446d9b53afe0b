"""Columns of a table as arrays plus marks, and back.

Invariant: a column whose values are scalars, sequences or arrays of one type and shape becomes a
column of HDF5; any other column becomes text, value by value. pypet 0.7 put Python integers into
32 bits and refused larger ones; here they have 64.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet_storage_hdf5.codecs.recall import (
    Encoded,
    Marks,
    decode,
    decode_scalars,
    decode_text,
    encode_array,
    encode_scalars,
    scalar_name,
    scalar_type,
)
from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.values import exact_json
from pypet_trajectory.values.ranges import CompactRange

_SEQUENCES = {list: markers.COLL_LIST, tuple: markers.COLL_TUPLE}


def encode_column(values: Any) -> Encoded:
    """A column, any sequence or array, as array with one row per value.

    Raises
    ------
    NoSuchServiceError
        If a value is neither basic data nor can be expressed as text.
    """
    encoded = _encode_natively(values)
    return _encode_as_texts(values) if encoded is None else encoded


def decode_column(data: NDArray[Any], marks: Marks, encoding: str) -> Sequence[Any]:
    """The values of a column with their exact types."""
    if marks.get(markers.ENCODING) == markers.ENCODING_JSON:
        return [exact_json.loads(decode_text(text)) for text in data.tolist()]
    collection = marks.get(markers.COLL_TYPE)
    scalar = marks.get(markers.SCALAR_TYPE)
    if collection == markers.COLL_SCALAR and data.ndim == 1:
        return _decode_scalar_column(data, scalar, marks, encoding)
    if collection is None and data.ndim == 1:
        return list(data)
    if collection in (markers.COLL_LIST, markers.COLL_TUPLE):
        kind = list if collection == markers.COLL_LIST else tuple
        if data.ndim == 1:
            # pypet 0.7 wrote sequences of one element as bare scalars, and cannot read them.
            data = data[:, np.newaxis]
        return [kind(decode_scalars(row, scalar, encoding)) for row in data]
    return [decode(np.asarray(row), marks, encoding) for row in data]


def _decode_scalar_column(
    data: NDArray[Any], name: str | None, marks: Marks, encoding: str
) -> Sequence[Any]:
    if marks.get(markers.DTYPE) == "str_":
        return [np.str_(decode_text(text, encoding)) for text in data.tolist()]
    if markers.DTYPE in marks:
        return list(decode(data, {**marks, markers.COLL_TYPE: markers.COLL_NDARRAY}, encoding))
    if name is None:
        return list(data)
    if data.dtype.kind != "S":
        compact = CompactRange.from_array(data, scalar_type(name))
        if compact is not None:
            return compact
    return decode_scalars(data, name, encoding)


def _encode_natively(values: Any) -> Encoded | None:
    if isinstance(values, CompactRange) and values.array is not None and values.kind is not None:
        return _scalars(values.array, values.kind)
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.ndim == 1:
            values = list(values)
        else:
            return _stacked(values)
    kinds = set(map(type, values))
    if len(kinds) != 1:
        return Encoded(np.empty(0), {}) if not kinds else None
    kind = kinds.pop()
    if kind in _SEQUENCES:
        return _encode_sequences(values, _SEQUENCES[kind])
    if kind is np.ndarray or kind is np.matrix:
        return _encode_arrays(values, kind)
    if kind is np.str_:
        data = encode_scalars([str(text) for text in values], str)
        return None if data is None else _scalars(data, str, {markers.DTYPE: "str_"})
    data = encode_scalars(values, kind)
    if data is not None:
        return _scalars(data, kind)
    if issubclass(kind, np.generic) and kind.__module__ == "numpy" and kind is not np.bytes_:
        encoded = _stacked(np.array(values))  # types pypet 0.7 does not know, such as float16
        return encoded and Encoded(
            encoded.data,
            {
                markers.DTYPE: np.asarray(values[0]).dtype.str,
                **encoded.marks,
                markers.COLL_TYPE: markers.COLL_SCALAR,
            },
        )
    return None


def _scalars(data: NDArray[Any], kind: type, more: Marks | None = None) -> Encoded:
    return Encoded(
        data,
        {
            markers.COLL_TYPE: markers.COLL_SCALAR,
            markers.SCALAR_TYPE: scalar_name(kind),
            **(more or {}),
        },
    )


def _encode_sequences(values: Sequence[Any], collection: str) -> Encoded | None:
    lengths = set(map(len, values))
    kinds = set(map(type, itertools.chain.from_iterable(values)))
    if len(lengths) != 1 or len(kinds) != 1:
        return None
    kind = kinds.pop()
    data = encode_scalars(list(itertools.chain.from_iterable(values)), kind)
    if data is None:
        return None
    return Encoded(
        data.reshape(len(values), -1),
        {markers.COLL_TYPE: collection, markers.SCALAR_TYPE: scalar_name(kind)},
    )


def _encode_arrays(values: Sequence[Any], kind: type) -> Encoded | None:
    first = values[0]
    if not first.size or any(value.shape != first.shape for value in values):
        return None
    dtypes = {value.dtype for value in values}
    if len(dtypes) > 1 and not all(map(_is_as_wide_as_its_text, values)):
        return None
    encoded = _stacked(np.stack([np.asarray(value) for value in values]))
    if encoded is None:
        return None
    marks = dict(encoded.marks)
    if first.dtype.kind == "U" and len(dtypes) == 1:
        marks[markers.DTYPE] = first.dtype.str  # else every row is as wide as its own text
    if kind is np.matrix:
        marks[markers.COLL_TYPE] = markers.COLL_MATRIX
    return Encoded(encoded.data, marks)


def _is_as_wide_as_its_text(array: NDArray[Any]) -> bool:
    """Whether a text array needs no mark that says its width."""
    encoded = encode_array(array) if array.dtype.kind == "U" else None
    return encoded is not None and markers.DTYPE not in encoded.marks


def _stacked(array: NDArray[Any]) -> Encoded | None:
    """Arrays of one shape, one row each."""
    encoded = encode_array(array)
    return None if encoded is None or markers.SHAPE in encoded.marks else encoded


def _encode_as_texts(values: Sequence[Any]) -> Encoded:
    texts = [exact_json.dumps(value).encode() for value in values]
    return Encoded(
        np.array(texts),
        {
            markers.COLL_TYPE: markers.COLL_SCALAR,
            markers.SCALAR_TYPE: "str",
            markers.ENCODING: markers.ENCODING_JSON,
        },
    )
