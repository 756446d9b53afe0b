"""Which codec writes a value, and which one reads a stored item.

A value goes to a codec by its exact type, unless a flag names the storage kind. To add a kind of
data, write a module with a codec and enter it here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from pypet_storage_hdf5.codecs.array import ArrayCodec
from pypet_storage_hdf5.codecs.base import Codec
from pypet_storage_hdf5.codecs.chunked import ChunkedCodec
from pypet_storage_hdf5.codecs.pandas import PandasCodec
from pypet_storage_hdf5.codecs.shared import SharedCodec
from pypet_storage_hdf5.codecs.table import TableCodec
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
