"""`Overview`: what is known of a trajectory as a whole, with its run table and overview tables.

Meta data are the tables ``info``, ``explorations`` and ``hdf5_settings``. Invariant: `info` and
`runs` are what makes a group a trajectory; without them it cannot be loaded. The comment in
`info` is cut to 512 bytes between two characters; the whole one is an attribute.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import cut_text, read_text, write_text
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import GROUP
from pypet_storage_hdf5.overview.runs import RunsOnDisk
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_storage_hdf5.overview.tables import (
    ensure_group,
    exchange_table,
    read_single_row,
    replace_single_row,
    table_exists,
)
from pypet_storage_hdf5.settings import SETTING_NAMES, Settings, restored
from pypet_trajectory.api.records import TrajectoryMeta
from pypet_trajectory.constants import (
    HDF5_STRCOL_MAX_COMMENT_LENGTH,
    HDF5_STRCOL_MAX_LOCATION_LENGTH,
    HDF5_STRCOL_MAX_NAME_LENGTH,
)
from pypet_trajectory.exceptions import DataNotInStorageError, VersionMismatchError

#: Grows when an older version of this library could no longer read the files.
FORMAT_NUMBER = 1

#: Columns of ``hdf5_settings`` that are no switches; texts are wide enough for every name.
_SETTINGS_TYPES = {
    "complib": "S16",
    "complevel": "<i4",
    "pandas_format": "S7",
    "encoding": "S32",
    "results_per_run": "<i4",
    "derived_parameters_per_run": "<i4",
}


class Overview:
    """The ``overview`` group of one trajectory in an open file.

    Parameters
    ----------
    file : OpenFile
        The file.
    trajectory : str
        HDF5 path of the trajectory's group.
    """

    def __init__(self, file: OpenFile, trajectory: str) -> None:
        self._file = file
        self._trajectory = trajectory
        self._path = f"{trajectory}/overview"
        #: The overview tables.
        self.summaries = Summaries(file, self._path)
        #: The run table.
        self.runs = RunsOnDisk(file, self._path)

    def ensure(self) -> None:
        """Create the group if it is missing."""
        ensure_group(self._file, self._path)

    def forget(self) -> None:
        """Look the run table up again, after another user has written to the file."""
        self.runs = RunsOnDisk(self._file, self._path)

    def read_meta(self) -> TrajectoryMeta:
        """Meta data of the trajectory, see `read_meta`."""
        with self._file.refusing_pickles(self._path):
            return read_meta(self._file, self._trajectory)

    def write_meta(self, meta: TrajectoryMeta, settings: Settings) -> None:
        """Write meta data, settings and the missing overview tables.

        Crash story: that of the session.
        """
        self.ensure()
        write_format(self._file, self._path)
        write_explorations(self._file, self._path, meta.explored)
        write_settings(self._file, self._path, settings)
        self.summaries.create_missing(
            {
                "results_overview": settings.results_per_run * meta.length,
                "derived_parameters_overview": settings.derived_parameters_per_run * meta.length,
            }
        )
        write_info(self._file, self._path, meta)
        if meta.comment:
            owner = self._file.handles.group(self._trajectory)
            if markers.COMMENT not in owner.attribute_names():
                write_text(owner, markers.COMMENT, meta.comment)

    def read_settings(self) -> Settings | None:
        """The settings the trajectory was stored with; ``None`` if they are not there."""
        return read_settings(self._file, self._path)


def write_format(file: OpenFile, overview: str) -> None:
    """Note which format the trajectory is written in."""
    owner = file.handles.group(overview)
    if markers.FORMAT not in owner.attribute_names():
        owner.set_raw_attribute(markers.FORMAT, np.array(FORMAT_NUMBER))


def write_info(file: OpenFile, overview: str, meta: TrajectoryMeta) -> None:
    """Write the one row of ``info``."""
    row = {
        "name": meta.name,
        "time": meta.time,
        "length": meta.length,
        "timestamp": meta.timestamp,
        "python": meta.python,
        "version": meta.version,
        "comment": cut_text(meta.comment, HDF5_STRCOL_MAX_COMMENT_LENGTH),
    }
    replace_single_row(
        file,
        f"{overview}/info",
        row,
        [
            ("name", f"S{HDF5_STRCOL_MAX_LOCATION_LENGTH}"),
            ("time", f"S{max(1, len(meta.time))}"),
            ("length", "<i4"),
            ("timestamp", "<f8"),
            ("comment", f"S{HDF5_STRCOL_MAX_COMMENT_LENGTH}"),
            ("python", f"S{HDF5_STRCOL_MAX_NAME_LENGTH}"),
            ("version", f"S{HDF5_STRCOL_MAX_NAME_LENGTH}"),
        ],
    )


def read_meta(file: OpenFile, trajectory: str) -> TrajectoryMeta:
    """Meta data of a trajectory.

    Raises
    ------
    DataNotInStorageError
        If the group has no ``overview/info``, so is no trajectory.
    VersionMismatchError
        If it is written in a format of the future.
    """
    overview = f"{trajectory}/overview"
    _check_format(file, overview)
    info = read_single_row(file, f"{overview}/info")
    if info is None:
        raise DataNotInStorageError(
            f"{trajectory!r} in {file.path!r} is no trajectory: it has no table 'overview/info'."
        )
    return TrajectoryMeta(
        name=info.get("name") or trajectory[1:],
        comment=_whole_comment(file, trajectory, info.get("comment", "")),
        timestamp=info.get("timestamp", 0.0),
        time=info.get("time", ""),
        version=info.get("version", ""),
        python=info.get("python", ""),
        length=info.get("length", 1),
        explored=read_explorations(file, trajectory),
    )


def _check_format(file: OpenFile, overview: str) -> None:
    if file.handles.kind(overview) != GROUP:
        return
    owner = file.handles.group(overview)
    if markers.FORMAT in owner.attribute_names():
        found = int(owner.raw_attribute(markers.FORMAT))
        if found > FORMAT_NUMBER:
            raise VersionMismatchError(
                f"{overview!r} in {file.path!r} has file format {found}, but this version knows "
                f"formats up to {FORMAT_NUMBER}. Update pypet-storage-hdf5."
            )


def _whole_comment(file: OpenFile, trajectory: str, comment: str) -> str:
    if not comment.endswith("..."):
        return comment
    owner = file.handles.group(trajectory)
    whole = read_text(owner, markers.COMMENT, owner.attribute_names())
    # After a UTF-8 character was cut in two by pypet 0.7, the beginning is all that can agree.
    return whole if whole and whole.startswith(comment[:-3].rstrip("\ufffd")) else comment


def write_explorations(file: OpenFile, overview: str, explored: tuple[str, ...]) -> None:
    """Write the names of explored parameters, if they are not those in the file already."""
    path = f"{overview}/explorations"
    names = [name.encode() for name in explored]
    if table_exists(file, path) and file.read_table(path)["explorations"].tolist() == names:
        return
    width = max(1, int(1.5 * max(map(len, names), default=1)))
    dtype = np.dtype([("explorations", f"S{width}")])
    exchange_table(file, path, np.array([(name,) for name in names], dtype), expected=10)


def read_explorations(file: OpenFile, trajectory: str) -> tuple[str, ...]:
    """Full names of explored parameters; old files tell them by an attribute of each."""
    path = f"{trajectory}/overview/explorations"
    if table_exists(file, path):
        rows = file.read_table(path)["explorations"].tolist()
        return tuple(row.decode("utf-8", errors="replace") for row in rows)
    return tuple(
        name
        for branch in ("parameters", "derived_parameters")
        for name in _with_length(file, f"{trajectory}/{branch}", branch)
    )


def _with_length(file: OpenFile, path: str, full_name: str) -> list[str]:
    if file.handles.kind(path) != GROUP:
        return []
    names = file.handles.group(path).attribute_names()
    if markers.LEAF in names:
        return [full_name] if markers.LENGTH in names else []
    return [
        found
        for child in file.handles.children(path).groups
        for found in _with_length(file, f"{path}/{child}", f"{full_name}.{child}")
    ]


def write_settings(file: OpenFile, overview: str, settings: Settings) -> None:
    """Write the one row of ``hdf5_settings``."""
    replace_single_row(
        file,
        f"{overview}/hdf5_settings",
        {name: getattr(settings, name) for name in SETTING_NAMES},
        [(name, _SETTINGS_TYPES.get(name, "?")) for name in SETTING_NAMES],
    )


def read_settings(file: OpenFile, overview: str) -> Settings | None:
    """The settings a trajectory was stored with; ``None`` if they are not there."""
    row = read_single_row(file, f"{overview}/hdf5_settings")
    if row is None:
        return None
    usual = Settings()
    known: dict[str, Any] = {
        name: restored(
            name, row[name], getattr(usual, name), f"{name!r} in {overview!r} of {file.path!r}"
        )
        for name in SETTING_NAMES
        if name in row
    }
    return Settings(**known)
