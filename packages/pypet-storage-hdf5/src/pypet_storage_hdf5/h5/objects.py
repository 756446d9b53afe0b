"""Open HDF5 objects, as thin as they can be: an identifier, attributes, data.

PyTables wraps every HDF5 object into a node that reads the object's attributes, registers itself
and remembers its children; creating or opening one costs a quarter of a millisecond. A trajectory
has two such objects or more per run. The handles here call the same compiled functions that
PyTables' nodes call, but keep nothing except the HDF5 identifier, which is ten times cheaper. Only
this module and :mod:`~pypet_storage_hdf5.h5.handles`, which opens and creates by path, know these
functions. Invariant: nothing here unpickles.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import tables
from tables import hdf5extension, tableextension

from pypet_storage_hdf5.safety.hdf5_library import LIBRARY, attribute_names, stored_bytes
from pypet_trajectory.exceptions import PypetOSError, PypetTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ATTRIBUTES = hdf5extension.AttributeSet()
_NO_FILTERS = tables.Filters()
#: Kinds of columns whose values in the file are those in memory.
_PLAIN = frozenset(("bool", "int", "uint", "float", "complex", "string"))


class AttributeOwner:
    """Reads and writes the attributes of one open object, one HDF5 call each."""

    _v_objectid: int
    _v_file: tables.File

    def attribute_names(self) -> list[str]:
        """Names of all attributes.

        Raises
        ------
        DamagedNameError
            If one of them is no UTF-8.
        """
        if LIBRARY is not None:
            return attribute_names(self._v_objectid)
        names: list[str] | None = _ATTRIBUTES._g_list_attr(self)
        return names or []

    def raw_attribute(self, name: str) -> Any:
        """An attribute as numpy scalar or array; pickles stay the bytes they are.

        Raises
        ------
        TypeError
            If PyTables cannot read attributes of its type, for instance the booleans of h5py.
        """
        try:
            return _ATTRIBUTES._g_getattr(self, name)
        except AttributeError as error:  # PyTables stumbles over what it wants to say
            raise PypetTypeError(
                f"The attribute {name!r} has an HDF5 type that PyTables cannot read."
            ) from error

    def set_raw_attribute(self, name: str, value: NDArray[Any]) -> None:
        """Write an attribute from a numpy array; 0-d text arrays become UTF-8 text."""
        _ATTRIBUTES._g_setattr(self, name, value)

    def remove_attribute(self, name: str) -> None:
        """Remove an attribute that is there."""
        _ATTRIBUTES._g_remove(self, name)


#: Up to so many bytes nothing is looked at before memory is taken.
_MODEST = 64 << 20
#: How much smaller compression makes data at most that consists of nothing but zeros, in files of
#: people who measure something. A flipped bit in a shape claims millions of times as much.
_MOST_COMPRESSED = 100_000


class ImplausibleSizeError(PypetOSError):
    """Data claims more memory than what is stored of it can fill."""


def require_plausible(node: Any, size: int, *, is_chunked: bool) -> None:
    """See that data of `size` bytes can come from what an open dataset has in the file.

    Raises
    ------
    ImplausibleSizeError
        If it cannot.
    """
    if size <= _MODEST:
        return
    stored = os.fstat(node._v_file.fileno()).st_size
    in_dataset = stored_bytes(node._v_objectid)
    if in_dataset is not None:
        stored = min(stored, in_dataset)
    if size > stored * (_MOST_COMPRESSED if is_chunked else 1):
        raise ImplausibleSizeError(
            f"Data claims to have {size} bytes, but the file holds only {stored} bytes of it. The "
            "file is damaged, or the data was never written; then it can be read in parts, as "
            "shared data."
        )


class GroupHandle(hdf5extension.Group, AttributeOwner):  # type: ignore[misc]
    """An open group."""

    _v_objectid: int

    def __init__(self, file: tables.File, path: str) -> None:
        self._v_file = file
        self._v_name = path


class _Dataset(AttributeOwner):
    """What all handles of datasets have in common: the end of a ``with`` block closes them."""

    def __init__(self, file: tables.File) -> None:
        self._v_file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._g_close()  # type: ignore[attr-defined]


class DatasetHandle(_Dataset, hdf5extension.UnImplemented):  # type: ignore[misc]
    """An open dataset of any kind, for its attributes only."""


class ArrayHandle(_Dataset, hdf5extension.Array):  # type: ignore[misc]
    """An open contiguous or chunked array."""

    _c_classid = "ARRAY"
    _v_version = "2.4"
    _want_track_times = False
    filters = _NO_FILTERS
    extdim = -1
    #: Whether the data lies in chunks, which may be compressed.
    is_chunked = False

    def read(self) -> NDArray[Any]:
        """The whole content; a scalar dataset gives a 0-d array."""
        shape = self.shape
        require_plausible(self, math.prod(shape) * self.atom.itemsize, is_chunked=self.is_chunked)
        data = np.empty(shape, dtype=self.atom.dtype)
        if data.size:
            rows = 1 if shape == () else shape[max(self.extdim, 0)]
            self._read_array(0, rows, 1, data)
        return data


class TableHandle(_Dataset, tableextension.Table):  # type: ignore[misc]
    """An open table of plain columns."""

    _c_classid = "TABLE"
    _want_track_times = False
    _v_wdflts = None
    byteorder = sys.byteorder
    #: Columns of times, which PyTables converts after reading: there are none.
    colpathnames = _time64colnames = ()
    #: Rows that are compressed, and written, together.
    rows_per_chunk = 1

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows from `start` to before `stop`; all if nothing is said."""
        stop = self.nrows if stop is None else min(stop, self.nrows)
        require_plausible(self, max(stop - start, 0) * self.dtype.itemsize, is_chunked=True)
        rows = np.empty(max(stop - start, 0), self.dtype)
        if len(rows):
            self._read_records(start, len(rows), rows)
        return rows

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows, which are of the table's type."""
        if len(rows):
            self._open_append(rows)
            self._append_records(len(rows))
            self._close_append()

    def replace(self, indices: Sequence[int], rows: NDArray[Any]) -> None:
        """Replace the rows at ascending indices by others, which are of the table's type."""
        if not len(indices):
            return
        start, stop = indices[0], indices[-1] + 1
        if stop - start == len(indices):
            self._update_records(start, stop, 1, rows)
        else:
            self._update_elements(len(indices), np.array(indices, np.uint64), rows)


@functools.lru_cache(maxsize=256)
def atom_of(dtype: np.dtype[Any]) -> tables.Atom:
    """PyTables' description of the elements of an array."""
    return tables.Atom.from_dtype(dtype)


# PyTables describes columns through `ast.literal_eval`. CPython before 3.11.8 and 3.12.2 counts the
# depth of what is parsed for all threads together and raises a SystemError (gh-106905).
describing = threading.RLock()
"""Held while PyTables describes the columns of a table: when it creates or opens one."""


@functools.lru_cache(maxsize=256)
def description_of(dtype: np.dtype[Any]) -> tables.Description:
    """PyTables' description of the rows of a table."""
    with describing, warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        description: tables.Description = tables.description.descr_from_dtype(dtype)[0]
    return description


def row_dtype(columns: dict[str, Any]) -> np.dtype[Any]:
    """Type of the rows of a table from PyTables' description of its columns.

    Raises
    ------
    TypeError
        If a column is not simply of numbers, truth values or bytes.
    """
    itemsize = columns.pop("_v_itemsize", None)  # only said if there is room behind the last column
    if not all(getattr(column, "kind", None) in _PLAIN for column in columns.values()):
        raise TypeError(f"The columns {', '.join(columns)} are not all plain numbers or bytes.")
    formats = [column.dtype for column in columns.values()]
    offsets = [column._v_offset for column in columns.values()]
    ends = np.cumsum([kind.itemsize for kind in formats]).tolist()
    if itemsize is None and offsets == [0, *ends[:-1]]:
        return np.dtype(list(zip(columns, formats, strict=True)))
    return np.dtype(
        {
            "names": list(columns),
            "formats": formats,
            "offsets": offsets,
            "itemsize": itemsize or offsets[-1] + formats[-1].itemsize,
        }
    )
