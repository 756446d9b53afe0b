"""`check_hdf5_file` and `repair_hdf5_file`: what is wrong with a file, and saving the rest.

Checking reads everything and changes nothing, not even by loading a pickle. Repairing copies into
a new file what can be read and completes what pypet 0.7 left half-written. Invariant: the
original file is never changed, and whatever is not in the copy is listed in the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pypet_storage_hdf5 import markers
from pypet_storage_hdf5.attributes import read_node_attributes, write_text
from pypet_storage_hdf5.copying import copy_tree
from pypet_storage_hdf5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.handles import GROUP
from pypet_storage_hdf5.layout.classes import likely_class
from pypet_storage_hdf5.layout.leaf import LeafItems
from pypet_storage_hdf5.layout.reader import OVERVIEW
from pypet_storage_hdf5.layout.tree import TreeLayout
from pypet_storage_hdf5.overview.meta import read_meta, read_settings, write_info
from pypet_storage_hdf5.overview.runs import RunsOnDisk
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_storage_hdf5.overview.tables import ensure_group
from pypet_storage_hdf5.pickling import leave_pickles_alone
from pypet_storage_hdf5.settings import Settings
from pypet_storage_hdf5.truncation import WRITING
from pypet_trajectory.constants import FILE_VERSION, python_version_string
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PickleRefusedError,
    PypetError,
    PypetValueError,
)
from pypet_trajectory.runs.table import RunTable
from pypet_trajectory.storage.records import NodeKind, TrajectoryMeta


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file."""

    #: HDF5 path, or ``''`` for the file as a whole.
    path: str
    #: ``'unreadable'``, ``'half-written'``, ``'unfinished'``, ``'missing'``, ``'dangling'`` or
    #: ``'unmarked'``.
    kind: str
    #: What it is, for people.
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'file'}: {self.message}"


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


def check_hdf5_file(filename: str | os.PathLike[str]) -> list[Problem]:
    """Everything that is wrong with a file; an empty list if nothing is.

    Parameters
    ----------
    filename : str or path
        The file; it is only read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    path = os.fspath(filename)
    try:
        file = OpenFile(path, writable=False, title="", settings=Settings(), allow_pickle=False)
    except (HDF5FileError, PickleRefusedError) as error:
        return [Problem("", "unreadable", str(error))]
    try:
        return list(_problems(file))
    finally:
        file.close()


def repair_hdf5_file(
    filename: str | os.PathLike[str], target: str | os.PathLike[str] | None = None
) -> RepairReport:
    """Save what can be saved of a file into a new one.

    Parameters
    ----------
    filename : str or path
        The damaged file; it is only read.
    target : str or path, optional
        The new file, by default ``<name>_repaired<extension>``.

    Raises
    ------
    ValueError
        If the new file exists already.
    HDF5FileError
        If nothing of the file can be read.

    Notes
    -----
    Crash story: the new file is incomplete until the function returns.
    """
    path = os.fspath(filename)
    root, extension = os.path.splitext(path)
    new_path = f"{root}_repaired{extension}" if target is None else os.fspath(target)
    if os.path.exists(new_path):
        raise PypetValueError(f"{new_path!r} exists already; choose another target.")
    source = OpenFile(path, writable=False, title="", settings=Settings(), allow_pickle=False)
    try:
        problems = tuple(_problems(source))
        copy = OpenFile(
            new_path,
            writable=True,
            title=str(source.tables.title),
            settings=Settings(),
            allow_pickle=False,
        )
        try:
            lost: list[Problem] = []
            healed: list[str] = []
            found = source.handles.children("/")
            for name in found.groups:
                _repair_trajectory(source, copy, f"/{name}", healed, lost)
            for name in (*found.datasets, *found.links):
                copy_tree(source, f"/{name}", copy, f"/{name}", on_error=_noted_in(lost))
            _unmark_unreadable(copy, lost)
        finally:
            copy.close()
    finally:
        source.close()
    return RepairReport(new_path, problems, tuple(healed), tuple(lost))


# -------------------------------------------------------------------- checking


def _problems(file: OpenFile) -> Iterator[Problem]:
    if WRITING in file.handles.group("/").attribute_names():
        yield Problem(
            "",
            "unfinished",
            "the file was not closed; the process that wrote it was killed or is still writing",
        )
    found = file.handles.children("/")
    for name in found.groups:
        yield from _trajectory_problems(file, f"/{name}")
    for name in (*found.datasets, *found.links):
        yield Problem(f"/{name}", "unmarked", "does not belong to a trajectory")


def _trajectory_problems(file: OpenFile, trajectory: str) -> Iterator[Problem]:
    overview = f"{trajectory}/{OVERVIEW}"
    meta: TrajectoryMeta | None = None
    try:
        meta = read_meta(file, trajectory)
        stored_runs = RunsOnDisk(file, overview).read()
        if meta.length != len(stored_runs):
            yield Problem(
                f"{overview}/runs",
                "missing",
                f"the table has {len(stored_runs)} rows, but the trajectory has {meta.length} runs",
            )
    except DataNotInStorageError as error:
        yield Problem(overview, "missing", str(error))
    except Exception as error:  # damaged files raise all kinds of exceptions
        yield Problem(overview, "unreadable", _reason(error))
    layout = TreeLayout(file, trajectory, Summaries(file, overview))
    if meta is not None:
        yield from _exploration_problems(layout, meta)
    yield from _group_problems(file, layout, trajectory, trajectory)


def _exploration_problems(layout: TreeLayout, meta: TrajectoryMeta) -> Iterator[Problem]:
    for name in meta.explored:
        path = layout.path_of(name)
        if layout.kind_of(name) is not NodeKind.LEAF:
            yield Problem(path, "missing", "a parameter that was explored is not there")
        elif not any(item.startswith("explored_data") for item in layout.item_names(name)):
            yield Problem(path, "missing", "the values that were explored are not there")


def _group_problems(
    file: OpenFile, layout: TreeLayout, trajectory: str, path: str
) -> Iterator[Problem]:
    children = file.handles.children(path)
    for name in children.groups:
        child = f"{path}/{name}"
        if path == trajectory and name == OVERVIEW:
            continue
        try:
            yield from _node_problems(file, layout, trajectory, child)
        except Exception as error:  # damaged files raise all kinds of exceptions
            yield Problem(child, "unreadable", _reason(error))
    for name in children.datasets:
        yield Problem(f"{path}/{name}", "unmarked", "data outside of a result or parameter")
    for name in children.links:
        target = file.handles.link_target(f"{path}/{name}")
        if not target or file.handles.kind(target) is None:
            yield Problem(f"{path}/{name}", "dangling", f"the link points to nothing: {target!r}")


def _node_problems(
    file: OpenFile, layout: TreeLayout, trajectory: str, path: str
) -> Iterator[Problem]:
    if path.rpartition("/")[2].startswith(markers.UNFINISHED_PREFIX):
        yield Problem(path, "unfinished", "left over from a process that died while storing")
        return
    with leave_pickles_alone():
        attributes = read_node_attributes(file.handles.group(path))
    if not attributes.is_leaf:
        if layout.is_half_leaf(path):
            yield Problem(
                path, "half-written", "a result or parameter that was not stored completely"
            )
        else:
            yield from _group_problems(file, layout, trajectory, path)
        return
    if not attributes.class_name:
        yield Problem(path, "half-written", "the name of the class is missing")
    items = LeafItems(file, path)
    for name in items.unmarked():
        yield Problem(f"{path}/{name}", "unmarked", "data without a mark of how it is stored")
    for name in items.kinds():
        try:
            items.read(path, load_only=(name,))
        except PickleRefusedError:
            continue  # a pickle is no damage, and is not loaded in order to find out
        except Exception as error:  # damaged files raise all kinds of exceptions
            yield Problem(f"{path}/{name.replace('.', '/')}", "unreadable", _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, PypetError):
        return str(error)
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip() if lines else ''}"


# ------------------------------------------------------------------- repairing


def _repair_trajectory(
    source: OpenFile, target: OpenFile, trajectory: str, healed: list[str], lost: list[Problem]
) -> None:
    settings = Settings()
    try:
        settings = read_settings(source, f"{trajectory}/{OVERVIEW}") or settings
    except Exception as error:  # damaged files raise all kinds of exceptions
        lost.append(Problem(f"{trajectory}/{OVERVIEW}/hdf5_settings", "unreadable", _reason(error)))
    target.settings = settings

    def skip(path: str) -> bool:
        if path.rpartition("/")[2].startswith(markers.UNFINISHED_PREFIX):
            lost.append(Problem(path, "unfinished", "was never stored completely"))
            return True
        return False

    copy_tree(source, trajectory, target, trajectory, on_error=_noted_in(lost), skip=skip)
    if not _TRAJECTORY_GROUPS & set(source.handles.children(trajectory).groups):
        return  # a group of somebody else
    layout = TreeLayout(target, trajectory, Summaries(target, f"{trajectory}/{OVERVIEW}"))
    with leave_pickles_alone():
        _heal_below(target, layout, trajectory, trajectory, healed)
        _complete_overview(target, trajectory, healed)


_TRAJECTORY_GROUPS = frozenset((OVERVIEW, "config", "parameters", "derived_parameters", "results"))


def _noted_in(lost: list[Problem]) -> Callable[[str, Exception], None]:
    return lambda path, error: lost.append(Problem(path, "unreadable", _reason(error)))


def _unmark_unreadable(file: OpenFile, lost: list[Problem]) -> None:
    """Take the mark from items that nobody can read: they would keep their leaf from loading."""
    for problem in list(_problems(file)):
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
