"""Copying nodes between trajectories without reading them: HDF5 objects as they are.

Invariant: with `move`, a node leaves its old place only when its copy is complete and has its
name, also between two files. pypet 0.7 moved such nodes inside the other file, where no reader
found them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pypet_storage_hdf5.layout.copying import copy_whole
from pypet_trajectory.api.records import NodeKind
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.logger import module_logger

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend

_logger = module_logger(__name__)


def copy_nodes(
    source: HDF5Backend, target: HDF5Backend, renames: Mapping[str, str], *, move: bool
) -> None:
    """Copy nodes of the trajectory selected in `source` to new full names in `target`.

    A node that `target` has already is left as it is, with a warning.

    Crash story: that of the session. With `move`, both trajectories are in one file, so that the
    new names are there and the old ones gone at the same moment.

    Raises
    ------
    DataNotInStorageError
        If `source` lacks one of the nodes.
    """
    copied = []
    for old_name, new_name in renames.items():
        kind = source.kind_of(old_name)
        if kind is None or kind is NodeKind.LINK:
            raise DataNotInStorageError(
                f"{old_name!r} cannot be merged: it is not in {source.location!r}."
            )
        new_path = target.layout.path_of(new_name)
        if target.file.handles.kind(new_path) is not None:
            _logger.warning(
                "%r is not merged: %r has a node of that name.", new_name, target.location
            )
            continue
        target.layout.ensure_groups(new_name.rpartition(".")[0])
        old_path = source.layout.path_of(old_name)
        if move and source.file is target.file:
            target.file.handles.link(old_path, new_path)
        else:
            copy_whole(source.file, old_path, target.file, new_path)
        copied.append(old_name)
    if move:
        for old_name in copied:
            source.delete_node(old_name)
