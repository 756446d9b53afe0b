"""`repair_hdf5_file`: saving what can be saved of a damaged file into a new one.

Repairing copies what can be read and completes what pypet 0.7 left half-written. Invariant: the
original file is never changed, and whatever is not in the copy is listed in the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pypet_storage_hdf5.backend import complete_file
from pypet_storage_hdf5.backend.reading import left_behind
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import read_node_attributes, write_text
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import GROUP
from pypet_storage_hdf5.h5.pickling import leave_pickles_alone
from pypet_storage_hdf5.layout.copying import copy_tree
from pypet_storage_hdf5.layout.leaf import LeafItems
from pypet_storage_hdf5.layout.reader import OVERVIEW, likely_class
from pypet_storage_hdf5.layout.tree import TreeLayout
from pypet_storage_hdf5.maintenance.check import Problem, problems, reason
from pypet_storage_hdf5.maintenance.compact import new_file
from pypet_storage_hdf5.overview.meta import read_meta, read_settings, write_info
from pypet_storage_hdf5.overview.runs import RunsOnDisk
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_storage_hdf5.overview.tables import ensure_group
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.api.records import NodeKind, TrajectoryMeta
from pypet_trajectory.constants import FILE_VERSION, python_version_string
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PypetValueError,
)
from pypet_trajectory.runs.table import RunTable


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What `repair_hdf5_file` did."""

    #: The new file.
    filename: str
    #: Everything that was wrong.
    problems: tuple[Problem, ...]
    #: Paths that are complete again.
    healed: tuple[str, ...]
    #: Paths that are not in the new file, with the reason.
    lost: tuple[Problem, ...] = field(default=())


def repair_hdf5_file(
    filename: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    allow_pickle: bool = False,
) -> RepairReport:
    """Save what can be saved of a file into a new one.

    Files that were written here need no repair; those of pypet 0.7 may have been torn when their
    process was killed.

    Parameters
    ----------
    filename : str or path
        The damaged file; it is only read, but for what only a journal has.
    target : str or path, optional
        The new file, by default ``<name>_repaired<extension>``.
    allow_pickle : bool, optional
        Whether the journal of a process that was killed while it wrote the file may be read, which
        holds pickles, and put into the file. If not, what only the journal has is in
        `RepairReport.lost`.

    Raises
    ------
    ValueError
        If the new file exists already.
    HDF5FileError
        If nothing of the file can be read.

    Notes
    -----
    Crash story: the new file is there when it is complete, or not at all.
    """
    path = os.fspath(filename)
    root, extension = os.path.splitext(path)
    new_path = f"{root}_repaired{extension}" if target is None else os.fspath(target)
    if os.path.lexists(new_path):
        raise PypetValueError(f"{new_path!r} exists already; choose another target.")
    lost: list[Problem] = []
    healed: list[str] = []
    _complete(path, allow_pickle, lost)
    source = OpenFile(path, writable=False, settings=Settings(), allow_pickle=False)
    try:
        found_problems = tuple(problems(source))
        title = str(source.tables.title)
        with new_file(os.path.realpath(new_path), title=title, settings=Settings()) as copy:
            copy.allow_pickle = False
            _repair(source, copy, healed, lost)
    finally:
        source.close()
    return RepairReport(new_path, found_problems, tuple(healed), tuple(lost))


def _complete(path: str, allow_pickle: bool, lost: list[Problem]) -> None:
    """Put into the file what only its journal has, if that may be read."""
    journal = left_behind(path)
    if not journal:
        return
    if not allow_pickle:
        lost.append(
            Problem(
                "",
                "unfinished",
                f"what only {journal!r} has: it holds pickles and was not read; give "
                "allow_pickle=True if the file is from a source that you trust",
            )
        )
        return
    try:
        complete_file(path)
    except Exception as error:  # damaged files raise all kinds of exceptions
        lost.append(Problem("", "unreadable", f"what only {journal!r} has: {reason(error)}"))


def _repair(source: OpenFile, copy: OpenFile, healed: list[str], lost: list[Problem]) -> None:
    found = source.handles.children("/")
    for name in found.groups:
        if not _is_unfinished(f"/{name}", lost):
            _repair_trajectory(source, copy, f"/{name}", healed, lost)
    for name in (*found.datasets, *found.links):
        copy_tree(source, f"/{name}", copy, f"/{name}", on_error=_noted_in(lost))
    _unmark_unreadable(copy, lost)


def _repair_trajectory(
    source: OpenFile, target: OpenFile, trajectory: str, healed: list[str], lost: list[Problem]
) -> None:
    settings = Settings()
    try:
        settings = read_settings(source, f"{trajectory}/{OVERVIEW}") or settings
    except Exception as error:  # damaged files raise all kinds of exceptions
        lost.append(Problem(f"{trajectory}/{OVERVIEW}/hdf5_settings", "unreadable", reason(error)))
    target.settings = settings

    copy_tree(
        source,
        trajectory,
        target,
        trajectory,
        on_error=_noted_in(lost),
        skip=lambda path: _is_unfinished(path, lost),
    )
    if not _TRAJECTORY_GROUPS & set(source.handles.children(trajectory).groups):
        return  # a group of another program
    layout = TreeLayout(target, trajectory, Summaries(target, f"{trajectory}/{OVERVIEW}"))
    with leave_pickles_alone():
        _heal_below(target, layout, trajectory, trajectory, healed)
        _complete_overview(target, trajectory, healed)


def _is_unfinished(path: str, lost: list[Problem]) -> bool:
    if markers.is_unfinished(path):
        lost.append(Problem(path, "unfinished", "was never stored completely"))
        return True
    return False


_TRAJECTORY_GROUPS = frozenset((OVERVIEW, "config", "parameters", "derived_parameters", "results"))


def _noted_in(lost: list[Problem]) -> Callable[[str, Exception], None]:
    return lambda path, error: lost.append(Problem(path, "unreadable", reason(error)))


def _unmark_unreadable(file: OpenFile, lost: list[Problem]) -> None:
    """Take the mark from items that cannot be read: they would keep their leaf from loading."""
    for problem in list(problems(file)):
        if problem.kind == "unreadable" and file.handles.kind(problem.path) is not None:
            with file.handles.owner(problem.path) as owner:
                if markers.STORAGE_TYPE in owner.attribute_names():
                    owner.remove_attribute(markers.STORAGE_TYPE)
                    lost.append(problem)


def _heal_below(
    file: OpenFile, layout: TreeLayout, trajectory: str, path: str, healed: list[str]
) -> None:
    for name in file.handles.children(path).groups:
        child = f"{path}/{name}"
        if child == f"{trajectory}/{OVERVIEW}":
            continue
        attributes = read_node_attributes(file.handles.group(child))
        if attributes.is_leaf or layout.is_half_leaf(child):
            if not attributes.is_leaf or not attributes.class_name:
                _heal_leaf(file, trajectory, child, attributes.class_name)
                healed.append(child)
        else:
            _heal_below(file, layout, trajectory, child, healed)


def _heal_leaf(file: OpenFile, trajectory: str, path: str, class_name: str) -> None:
    owner = file.handles.group(path)
    branch = path[len(trajectory) + 1 :].partition("/")[0]
    names = LeafItems(file, path).kinds()
    write_text(owner, markers.CLASS_NAME, class_name or likely_class(branch, names))
    owner.set_raw_attribute(markers.LEAF, np.array(True))


def _complete_overview(file: OpenFile, trajectory: str, healed: list[str]) -> None:
    overview = f"{trajectory}/{OVERVIEW}"
    if file.handles.kind(overview) != GROUP:
        ensure_group(file, overview)
    runs = RunsOnDisk(file, overview)
    try:
        length = runs.count()
    except DataNotInStorageError:
        length = _length_of(file, trajectory)
        runs.write(RunTable(length), None)
        healed.append(f"{overview}/runs")
    try:
        read_meta(file, trajectory)
    except DataNotInStorageError:
        attributes = read_node_attributes(file.handles.group(trajectory))
        write_info(
            file,
            overview,
            TrajectoryMeta(
                name=trajectory[1:],
                comment=attributes.comment,
                timestamp=0.0,
                time="",
                version=FILE_VERSION,
                python=python_version_string,
                length=length,
            ),
        )
        healed.append(f"{overview}/info")


def _length_of(file: OpenFile, trajectory: str) -> int:
    """Number of runs, from what `info` or the explored parameters say."""
    try:
        return max(1, read_meta(file, trajectory).length)
    except DataNotInStorageError:
        pass
    layout = TreeLayout(file, trajectory, Summaries(file, f"{trajectory}/{OVERVIEW}"))
    waiting, longest = [""], 1
    while waiting:
        group = waiting.pop()
        for name, kind in layout.children(group):
            full_name = f"{group}.{name}".lstrip(".")
            if kind is NodeKind.GROUP:
                waiting.append(full_name)
            elif kind is NodeKind.LEAF:
                for item in layout.item_names(full_name):
                    if item.startswith("explored_data"):
                        path = f"{layout.path_of(full_name)}/{item}"
                        longest = max(longest, len(file.read_table(path)))
    return longest
