"""Which codec writes a value, and which one reads a stored item.

A value goes to a codec by its exact type, unless a flag names the storage kind. To add a kind of
data, write a module with a codec and enter it here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pypet_storage_hdf5.codecs.arrays import ArrayCodec, ChunkedCodec
from pypet_storage_hdf5.codecs.base import Codec, text_of
from pypet_storage_hdf5.codecs.pandas import PandasCodec
from pypet_storage_hdf5.codecs.table import TableCodec
from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.constants import (
    ARRAY,
    CARRAY,
    DICT,
    FRAME,
    SERIES,
    SHARED_DATA,
    TABLE,
)
from pypet_trajectory.exceptions import NoSuchServiceError, PypetRuntimeError
from pypet_trajectory.values.column_table import ColumnTable

if TYPE_CHECKING:
    from pypet_storage_hdf5.h5.file import OpenFile


class SharedCodec(Codec):
    """SHARED_DATA_: items that live in the file and are only pointed to by a result.

    Storing one writes nothing, it was created explicitly; loading gives what accesses it.
    """

    kinds = (SHARED_DATA,)

    def write(
        self, file: OpenFile, path: str, value: Any, kind: str, options: Mapping[str, Any]
    ) -> None:
        """Writes nothing: the data is created by ``create_shared_data``."""

    def read(self, file: OpenFile, path: str, kind: str) -> Any:
        from pypet_storage_hdf5.shared import shared_class

        with file.handles.owner(path) as owner:
            flag = ""
            if markers.SHARED_DATA_TYPE in owner.attribute_names():
                flag = text_of(owner.raw_attribute(markers.SHARED_DATA_TYPE))
        cls = shared_class(flag)
        if cls is None:
            raise NoSuchServiceError(
                f"{path!r} is shared data of kind {flag!r}, for which there is no class."
            )
        return cls(name=path.rpartition("/")[2])


_CODECS: Final[Mapping[str, Codec]] = {
    kind: codec
    for codec in (ArrayCodec(), ChunkedCodec(), TableCodec(), PandasCodec(), SharedCodec())
    for kind in codec.kinds
}

#: Storage kind by exact type, for types that always have the same one.
_KINDS_BY_TYPE: Final[Mapping[type, str]] = {
    bool: ARRAY,
    int: ARRAY,
    float: ARRAY,
    complex: ARRAY,
    str: ARRAY,
    bytes: ARRAY,
    type(None): ARRAY,
    list: ARRAY,
    tuple: ARRAY,
    set: ARRAY,
    frozenset: ARRAY,
    np.matrix: CARRAY,
    ColumnTable: TABLE,
}


def storage_kind(value: Any, flag: str | None = None) -> str:
    """The storage kind for a value.

    Parameters
    ----------
    flag : str, optional
        What the leaf or the caller wishes.

    Raises
    ------
    RuntimeError
        If there is no storage kind called `flag`.
    NoSuchServiceError
        If values of this type cannot be stored.
    """
    if flag is not None:
        if flag not in _CODECS:
            raise PypetRuntimeError(
                f"There is no storage kind {flag!r}, only {', '.join(_CODECS)}."
            )
        return flag
    kind = type(value)
    found = _KINDS_BY_TYPE.get(kind)
    if found is not None:
        return found
    if kind is np.ndarray:
        if value.dtype.names is not None:
            return TABLE
        return CARRAY if value.size and value.shape else ARRAY
    if kind is dict:
        return DICT if value else ARRAY
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return ARRAY
    if getattr(value, "FLAG", None) is not None and hasattr(value, "create_shared_data"):
        return SHARED_DATA
    pandas_kind = _pandas_kind(kind)
    if pandas_kind is not None:
        return pandas_kind
    raise NoSuchServiceError(
        f"There is no way to store a value of type {kind.__module__}.{kind.__qualname__}: "
        f"{value!r:.80}. Use a PickleResult or PickleParameter, or a leaf class whose _store() "
        "turns it into basic data."
    )


def codec_of(kind: str, place: str) -> Codec:
    """The codec for a storage kind.

    Raises
    ------
    NoSuchServiceError
        If no codec knows the kind found at `place`.
    """
    codec = _CODECS.get(kind)
    if codec is None:
        raise NoSuchServiceError(
            f"{place!r} is stored as {kind!r}, which this version does not know; it knows "
            f"{', '.join(_CODECS)}."
        )
    return codec


def _pandas_kind(kind: type) -> str | None:
    # A caller with pandas data has imported pandas; no other caller has to.
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    if kind.__name__ == "ObjectTable" and issubclass(kind, pandas.DataFrame):
        return TABLE
    return {pandas.DataFrame: FRAME, pandas.Series: SERIES}.get(kind)
