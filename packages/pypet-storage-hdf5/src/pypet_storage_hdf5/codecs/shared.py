"""SHARED_DATA_: items that live in the file and are only pointed to by a result.

Storing such an item writes nothing, it was created explicitly. Loading gives the object that
accesses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet_storage_hdf5.codecs.base import Codec, text_of
from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.constants import SHARED_DATA
from pypet_trajectory.exceptions import NoSuchServiceError

if TYPE_CHECKING:
    from pypet_storage_hdf5.h5.file import OpenFile


class SharedCodec(Codec):
    """Items behind shared data objects."""

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
