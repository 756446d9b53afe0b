"""What all runs keep under one name, read from the store leaf by leaf and without a tree.

An analysis wants one number of each of a hundred thousand runs; it needs none of their groups in
memory. Invariant: the trajectory stays as it is, for the leaves handed out hang in no tree.
Unlike a lookup in memory a name is a path here, from the group of the run down to the leaf:
stores know no shortcuts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory.api.records import NO_RUN, NodeKind, NodeRecord, RunLeaf
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.naming.names import translate
from pypet_trajectory.storage.backend import children_to_load
from pypet_trajectory.storage.copying import walk

if TYPE_CHECKING:
    from pypet_trajectory.storage.backend import TreeBackend


def run_parents(backend: TreeBackend, traj: Any) -> dict[str, dict[int, str]]:
    """Groups in the store that hold groups of runs.

    Returns
    -------
    dict
        Full name of each such group to its runs: index to full name of the run's group, with
        index -1 for the group of no particular run. That one alone makes no entry. The order is
        that in which a trajectory that is loaded meets the groups.
    """
    find, dummy = traj.v_runs.names.find, traj.f_wildcard("$", NO_RUN)
    parents: dict[str, dict[int, str]] = {}

    def visit(group: str) -> None:
        prefix = f"{group}." if group else ""
        for name, kind in children_to_load(backend, group):
            if kind is NodeKind.LEAF:
                continue
            idx = NO_RUN if name == dummy else find(name)
            if idx is not None:
                parents.setdefault(group, {})[idx] = prefix + name
            elif kind is NodeKind.GROUP:
                visit(prefix + name)

    visit("")
    return {group: runs for group, runs in parents.items() if runs.keys() != {NO_RUN}}


def run_leaves(
    backend: TreeBackend,
    traj: Any,
    name: str,
    runs: Collection[int],
    make_leaf: Callable[[NodeRecord], Any],
) -> Iterator[RunLeaf]:
    """Leaves called `name` of these runs, by ascending index.

    Parameters
    ----------
    backend : TreeBackend
        Open, with the trajectory selected.
    traj : Trajectory
        Knows how runs are called.
    name : str
        A path below the groups of the runs. If a group is there, all leaves below it are meant.
    runs : collection of int
        Indices of runs, -1 for what is kept for no particular run.
    make_leaf : callable
        Gives the leaf for a record.

    Notes
    -----
    If a run has the name in several places, the place found last counts, as it does in memory.
    """
    places: dict[int, list[str]] = {}
    for groups in run_parents(backend, traj).values():
        for idx in groups.keys() & runs:
            places.setdefault(idx, []).append(groups[idx])
    path = _path(traj, name, NO_RUN)
    depends_on_run = path != _path(traj, name, 0)
    for idx in sorted(places):
        if depends_on_run:
            path = _path(traj, name, idx)
        for group in reversed(places[idx]):
            record = _record(backend, group, path)
            if record is None:
                continue
            for relative_name, found in _leaves_at(backend, record):
                yield RunLeaf(idx, relative_name, make_leaf(found))
            break


def _path(traj: Any, name: str, idx: int) -> str:
    return ".".join(translate(part, traj.v_runs.wildcards, idx) for part in name.split("."))


def _record(backend: TreeBackend, group: str, path: str) -> NodeRecord | None:
    """What is at `path` below the group of a run, links followed; ``None`` for nothing."""
    try:
        return _followed(backend, f"{group}.{path}")
    except DataNotInStorageError:
        pass
    if backend.kind_of(group) is not NodeKind.LINK:
        return None
    target = backend.read_node(group, items=False).target
    try:
        return _followed(backend, f"{target}.{path}")
    except DataNotInStorageError:
        return None


def _followed(backend: TreeBackend, full_name: str) -> NodeRecord:
    record = backend.read_node(full_name, items=True)
    if record.kind is NodeKind.LINK:
        record = backend.read_node(record.target, items=True)
    return record


def _leaves_at(backend: TreeBackend, record: NodeRecord) -> Iterator[tuple[str, NodeRecord]]:
    if record.kind is NodeKind.LEAF:
        yield "", record
        return
    start = len(record.full_name) + 1
    for found in walk(backend, record.full_name):
        if found.kind is NodeKind.LEAF:
            yield found.full_name[start:], found
