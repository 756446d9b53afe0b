"""ARRAY: scalars, short sequences and arrays without elements, contiguous and never compressed.

What does not fit an array (mixed lists, ``None``, nested containers, huge integers) is one text,
see :mod:`~pypet_storage_hdf5.h5.structured_text`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pypet_storage_hdf5.codecs.base import Codec, data_options, finish, read_marks, write_marks
from pypet_storage_hdf5.codecs.recall import Encoded, decode, encode, encode_as_text
from pypet_trajectory.constants import ARRAY

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
