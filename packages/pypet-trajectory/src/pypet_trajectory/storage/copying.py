"""Moving records between places: under new names, and whole trajectories between services.

Nodes are copied as records, so nothing is interpreted on the way: no classes are looked up and
no leaf is created. A copy that fails is removed again; the original is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pypet_trajectory.api.records import NodeKind, NodeRecord, WriteRequest
from pypet_trajectory.constants import STORE_DATA
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.storage.backend import TreeBackend

if TYPE_CHECKING:
    from pypet_trajectory.storage.tree_service import TreeStorageService


def renamed(record: NodeRecord, full_name: str) -> NodeRecord:
    """The same node under another full name."""
    return replace(record, full_name=full_name)


def walk(backend: TreeBackend, full_name: str = "") -> Iterator[NodeRecord]:
    """A node and all below it with their data, parents first and links last."""
    links = []
    waiting = [full_name]
    while waiting:
        name = waiting.pop()
        kind = backend.kind_of(name)
        if kind is NodeKind.LINK:
            links.append(name)
            continue
        yield backend.read_node(name, items=True)
        if kind is not NodeKind.LEAF:
            prefix = f"{name}." if name else ""
            waiting.extend(reversed([prefix + child for child, _ in backend.children(name)]))
    for name in links:
        yield backend.read_node(name, items=False)


def copy_trajectory(
    source: TreeStorageService,
    name: str,
    target: TreeStorageService,
    new_name: str | None = None,
) -> None:
    """Copy a trajectory from one service to another, or under another name within one.

    Parameters
    ----------
    source, target : TreeStorageService
        Services of any two kinds, for instance HDF5 and archive.
    name : str
        Name of the trajectory in `source`.
    new_name : str, optional
        Name of the copy; by default the same.

    Raises
    ------
    ValueError
        If `source` has no such trajectory, or `target` has one already.
    TypeError
        If one of the services keeps no trees of records; then load with the one and store with
        the other.

    Examples
    --------
    >>> from pypet_trajectory.storage.memory import InMemoryStorageService
    >>> from pypet_trajectory.trajectory import Trajectory
    >>> here, there = InMemoryStorageService(), InMemoryStorageService()
    >>> traj = Trajectory('fitting', storage_service=here)
    >>> traj.f_store()
    >>> copy_trajectory(here, 'fitting', there, new_name='fitting_copy')
    >>> there.trajectory_names()
    ['fitting_copy']
    """
    from pypet_trajectory.storage.tree_service import TreeStorageService

    for service in (source, target):
        if not isinstance(service, TreeStorageService):
            raise PypetTypeError(
                f"{service!r} keeps no trees of records, so nothing can be copied without loading "
                "it. Load the trajectory and store it with the other service."
            )
    new_name = new_name or name
    if source is target:
        with source.opened(name, writable=True) as backend:
            copy_to_backend(backend, backend.view(), new_name)
        return
    with (
        source.opened(name, writable=False) as origin,
        target.opened(None, writable=True) as destination,
    ):
        copy_to_backend(origin, destination, new_name)


def copy_to_backend(source: TreeBackend, target: TreeBackend, new_name: str) -> None:
    """Copy the trajectory selected in `source` into `target`, which is open for writing.

    A copy that fails is removed again.

    Raises
    ------
    ValueError
        If `target` has a trajectory of that name.
    """
    if new_name in target.trajectory_names():
        raise PypetValueError(
            f"Cannot copy to {new_name!r}: there is a trajectory of that name already. Choose "
            "another name, or remove it first."
        )
    meta, runs = source.read_meta(), source.read_runs()
    target.select(new_name, create=True)
    try:
        target.write_meta(replace(meta, name=new_name))
        target.write_runs(runs)
        for record in walk(source):
            target.write_node(WriteRequest(record, STORE_DATA))
    except BaseException:
        target.remove_trajectory(new_name)
        raise
