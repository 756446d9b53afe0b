"""`check_hdf5_file`: what is wrong with a file.

Checking reads everything and changes nothing, not even by loading a pickle.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from pypet_storage_hdf5.backend.reading import left_behind
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import read_node_attributes
from pypet_storage_hdf5.h5.file import HDF5FileError, OpenFile
from pypet_storage_hdf5.h5.pickling import leave_pickles_alone
from pypet_storage_hdf5.layout.leaf import LeafItems
from pypet_storage_hdf5.layout.reader import OVERVIEW
from pypet_storage_hdf5.layout.tree import TreeLayout
from pypet_storage_hdf5.overview.meta import read_meta
from pypet_storage_hdf5.overview.runs import RunsOnDisk
from pypet_storage_hdf5.overview.summaries import Summaries
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.api.records import NodeKind, TrajectoryMeta
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PickleRefusedError,
    PypetError,
)


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
        file = OpenFile(path, writable=False, settings=Settings(), allow_pickle=False)
    except (HDF5FileError, PickleRefusedError) as error:
        return [Problem("", "unreadable", str(error))]
    found: list[Problem] = []
    try:
        for problem in problems(file):
            found.append(problem)
    except Exception as error:  # damaged files raise all kinds of exceptions
        found.append(Problem("", "unreadable", reason(error)))
    finally:
        file.close()
    return found


def problems(file: OpenFile) -> Iterator[Problem]:
    """What is wrong with an open file."""
    journal = left_behind(file.path)
    if journal:
        yield Problem(
            "",
            "unfinished",
            "a process was killed while it wrote. The file is whole; loading and storing add what "
            f"only {journal!r} has, which was not read here",
        )
    found = file.handles.children("/")
    for name in found.groups:
        if markers.is_unfinished(name):
            yield _left_over(f"/{name}")
        else:
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
        yield Problem(overview, "unreadable", reason(error))
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
            yield Problem(child, "unreadable", reason(error))
    for name in children.datasets:
        yield Problem(f"{path}/{name}", "unmarked", "data outside of a result or parameter")
    for name in children.links:
        target = file.handles.link_target(f"{path}/{name}")
        if not target or file.handles.kind(target) is None:
            yield Problem(f"{path}/{name}", "dangling", f"the link points to nothing: {target!r}")


def _node_problems(
    file: OpenFile, layout: TreeLayout, trajectory: str, path: str
) -> Iterator[Problem]:
    if markers.is_unfinished(path):
        yield _left_over(path)
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
            yield Problem(f"{path}/{name.replace('.', '/')}", "unreadable", reason(error))


def _left_over(path: str) -> Problem:
    return Problem(path, "unfinished", "left over from a process that died while storing")


def reason(error: Exception) -> str:
    """One line on why something cannot be read."""
    if isinstance(error, PypetError):
        return str(error)
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip() if lines else ''}"
