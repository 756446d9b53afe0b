"""Copying a whole trajectory into a file of its own.

Invariant: the copy has its name only when it is complete; the original is only read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pypet_storage_hdf5.layout.copying import copy_whole
from pypet_trajectory.exceptions import PypetValueError

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend


def backup_filename(filename: str, name: str) -> str:
    """Where a backup goes: beside the file, as ``backup_<trajectory>.hdf5``."""
    return os.path.join(os.path.dirname(filename), f"backup_{name}.hdf5")


def copy_trajectory_group(source: HDF5Backend, target: HDF5Backend, name: str) -> None:
    """Copy the trajectory called `name` from one open file to another.

    Crash story: that of the session; the copy is there when `target` is closed, or not at all.

    Raises
    ------
    ValueError
        If `target` has a trajectory of that name.
    """
    if name in target.trajectory_names():
        raise PypetValueError(
            f"{target.location!r} already has a trajectory {name!r}; give another "
            "backup_filename or remove the old backup."
        )
    target.change_unnoted()
    copy_whole(source.file, f"/{name}", target.file, f"/{name}")
