"""What every codec does, and how marks get onto HDF5 objects.

A codec turns one value into one HDF5 object and back. Invariant: it writes ``SRVC_STORE`` as the
very last attribute, so an object without it is unfinished. A codec knows nothing of leaves: it
gets a path that is free and whose parent is there. A new kind of data is one more module with one
codec, entered in :mod:`~pypet_storage_hdf5.codecs.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pypet_storage_hdf5.codecs.recall import Marks
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.objects import AttributeOwner
from pypet_storage_hdf5.settings import FILTER_OPTIONS
from pypet_trajectory.exceptions import PypetTypeError

if TYPE_CHECKING:
    from pypet_storage_hdf5.h5.file import OpenFile

#: Marks that pypet 0.7 knows; the others get the prefix of our additions.
_KNOWN_TO_07 = (markers.COLL_TYPE, markers.SCALAR_TYPE)
_ADDED = (markers.ENCODING, markers.DTYPE, markers.SHAPE, markers.SIZE)
#: Marks of an item by the full names of their attributes.
_MARKS = {
    **{markers.DATA_PREFIX + mark: mark for mark in _KNOWN_TO_07},
    **{markers.ADDED_DATA_PREFIX + mark: mark for mark in _ADDED},
}


class Codec(ABC):
    """Writes and reads data of some storage kinds.

    Crash story of every :meth:`write`: the object appears at `path` bit by bit, its storage kind
    last. The caller gives a path that readers ignore and renames the object when it is complete.
    """

    #: Storage kinds, values of ``SRVC_STORE``.
    kinds: ClassVar[tuple[str, ...]]

    @abstractmethod
    def write(
        self, file: OpenFile, path: str, value: Any, kind: str, options: Mapping[str, Any]
    ) -> None:
        """Write `value` at `path` as `kind`.

        Raises
        ------
        NoSuchServiceError
            If the value contains something HDF5 cannot hold and no text can express.
        """

    @abstractmethod
    def read(self, file: OpenFile, path: str, kind: str) -> Any:
        """Read the value at `path`, written as `kind`."""


def write_marks(
    owner: AttributeOwner,
    marks: Marks,
    known_prefix: str = markers.DATA_PREFIX,
    added_prefix: str = markers.ADDED_DATA_PREFIX,
) -> None:
    """Write marks as attributes."""
    for name, text in full_marks(marks, known_prefix, added_prefix).items():
        owner.set_raw_attribute(name, np.array(text))


def full_marks(marks: Marks, known_prefix: str, added_prefix: str) -> dict[str, str]:
    """Marks by the full names of their attributes."""
    return {
        (known_prefix if name in _KNOWN_TO_07 else added_prefix) + name: text
        for name, text in marks.items()
    }


def read_marks(owner: AttributeOwner, names: Iterable[str]) -> dict[str, str]:
    """Marks of an item among the attributes called `names`."""
    return {_MARKS[name]: text_of(owner.raw_attribute(name)) for name in names if name in _MARKS}


def finish(owner: AttributeOwner, kind: str) -> None:
    """Declare an item complete."""
    owner.set_raw_attribute(markers.STORAGE_TYPE, np.array(kind))


def text_of(value: Any) -> str:
    """A text attribute whatever its HDF5 type."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, np.ndarray):
        return text_of(value.ravel()[0]) if value.size else ""
    return str(value)


def data_options(
    options: Mapping[str, Any], allowed: Iterable[str], kind: str, path: str
) -> dict[str, Any]:
    """Options of a store call that are not about filters.

    Raises
    ------
    TypeError
        If one of them does not concern this kind of data.
    """
    others = {name: value for name, value in options.items() if name not in FILTER_OPTIONS}
    unknown = set(others).difference(allowed)
    if unknown:
        raise PypetTypeError(
            f"Cannot store {path!r} as {kind}: there is no option "
            f"{', '.join(map(repr, sorted(unknown)))} for such data."
        )
    return others
