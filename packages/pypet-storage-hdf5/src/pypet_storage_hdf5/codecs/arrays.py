"""Arrays: contiguous ones (ARRAY), and those in chunks (CARRAY, EARRAY, VLARRAY).

An ARRAY holds scalars, short sequences and arrays without elements, and is never compressed. Chunks
are compressed by the file's filters. EARRAY and VLARRAY can grow, by other programs or as shared
data; they are only used when a flag asks for them.

What does not fit an array (mixed lists, ``None``, nested containers, huge integers) is one text,
see :mod:`~pypet_trajectory.values.exact_json`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypet_storage_hdf5.codecs.base import Codec, data_options, finish, read_marks, write_marks
from pypet_storage_hdf5.codecs.recall import Encoded, decode, encode, encode_as_text
from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.constants import ARRAY, CARRAY, EARRAY, VLARRAY

if TYPE_CHECKING:
    from pypet_storage_hdf5.h5.file import OpenFile
    from pypet_storage_hdf5.h5.objects import ArrayHandle


class ArrayCodec(Codec):
    """Contiguous datasets."""

    kinds = (ARRAY,)

    def write(
        self, file: OpenFile, path: str, value: Any, kind: str, options: Mapping[str, Any]
    ) -> None:
        # Filters mean nothing here; a leaf may mix arrays with data that can be compressed.
        data_options(options, ("title", "byteorder", "track_times"), kind, path)
        write_encoded(file, path, encode(value) or encode_as_text(value), kind)

    def read(self, file: OpenFile, path: str, kind: str) -> Any:
        return read_array_item(file, path)


def write_encoded(file: OpenFile, path: str, encoded: Encoded, kind: str) -> None:
    """Write an encoded value as contiguous dataset."""
    with file.handles.create_array(path, encoded.data) as array:
        write_marks(array, encoded.marks)
        finish(array, kind)


def read_array_item(file: OpenFile, path: str) -> Any:
    """The value in an array dataset, contiguous or not."""
    with file.handles.open_array(path) as array:
        return array_value(array, array.attribute_names(), file.settings.encoding)


def array_value(array: ArrayHandle, names: Collection[str], encoding: str) -> Any:
    """What an open array stands for; `names` are those of all its attributes."""
    return decode(array.read(), read_marks(array, names), encoding)


#: Bytes a chunk should have: large enough to compress, small enough to read a part of an array.
_CHUNK_BYTES = 1 << 18

_OPTIONS = ("expectedrows", "chunkshape", "title", "byteorder", "track_times")


class ChunkedCodec(Codec):
    """Chunked arrays of fixed or growing size."""

    kinds = (CARRAY, EARRAY, VLARRAY)

    def write(
        self, file: OpenFile, path: str, value: Any, kind: str, options: Mapping[str, Any]
    ) -> None:
        others = data_options(options, _OPTIONS, kind, path)
        encoded = encode(value)
        if encoded is None:
            write_encoded(file, path, encode_as_text(value), ARRAY)
        elif not encoded.data.size or not encoded.data.shape:
            write_encoded(file, path, encoded, ARRAY)  # HDF5 has no chunks of nothing
        elif kind == VLARRAY:
            parent, _, name = path.rpartition("/")
            node = file.tables.create_vlarray(
                parent,
                name,
                obj=encoded.data.reshape(-1),
                filters=file.settings.filters_for_rows(options),
            )
            node.close()
            shape = ",".join(map(str, encoded.data.shape))
            with file.handles.dataset(path) as owner:
                write_marks(owner, {markers.SHAPE: shape, **encoded.marks})
                finish(owner, kind)
        else:
            chunkshape = others.get("chunkshape") or chunk_shape(encoded.data)
            with file.handles.create_chunked_array(
                path,
                encoded.data,
                chunkshape,
                file.filters(options),
                growing=kind == EARRAY,
            ) as array:
                write_marks(array, encoded.marks)
                finish(array, kind)

    def read(self, file: OpenFile, path: str, kind: str) -> Any:
        if kind != VLARRAY:
            return read_array_item(file, path)
        with file.handles.dataset(path) as owner:
            marks = read_marks(owner, owner.attribute_names())
        with file.refusing_pickles(path):
            rows = file.read_node(path)
        # One row is how a single array is stored; more rows were appended to it. What pypet 0.7
        # stored is a list of rows for it even then, and scripts that read its files know that.
        is_value = markers.SHAPE in marks or marks.get(markers.COLL_TYPE) != markers.COLL_NDARRAY
        if len(rows) == 1 and marks and is_value:
            return decode(np.asarray(rows[0]), marks, file.settings.encoding)
        return rows


def chunk_shape(data: NDArray[Any]) -> tuple[int, ...]:
    """Chunks of whole trailing dimensions, cut along the first ones until small enough."""
    shape = list(data.shape)
    size = data.nbytes
    for axis in range(len(shape)):
        if size <= _CHUNK_BYTES:
            break
        row = size // shape[axis]
        shape[axis] = max(1, _CHUNK_BYTES // row) if row else shape[axis]
        size = row * shape[axis]
    return tuple(shape)
