"""Deleting from a store: nodes, single items of leaves, links, what earlier tries of runs left.

Only the store changes; nodes in memory stay and are marked as not stored. Invariant: whatever is
refused is refused before anything is gone. Deleting what is not there is an error, so that a
misspelt name does not pass for a successful deletion.

Everything below the name of a run belongs to that run, wherever in the tree the name stands, but
for what was prepared for it before its first try. That is told apart by a *pattern*: the full name
of the node with ``$`` in place of the run's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from pypet_trajectory.api.records import NodeKind
from pypet_trajectory.constants import FORMAT_ZEROS, RUN_NAME, SET_FORMAT_ZEROS, SET_NAME
from pypet_trajectory.exceptions import DataNotInStorageError, PypetTypeError, PypetValueError
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.tree.nodes import mark_stored


def delete(
    backend: TreeBackend,
    node: Any,
    delete_only: str | Iterable[str] | None = None,
    remove_from_item: bool = False,
    recursive: bool = False,
) -> None:
    """Delete a leaf or a group, or only some items of a leaf.

    Parameters
    ----------
    backend : TreeBackend
        Open for writing, with the trajectory selected.
    node : node of a tree
        What to delete; it stays in memory.
    delete_only : str or iterable of str, optional
        Names of items to delete instead of the whole leaf.
    remove_from_item : bool
        Whether these items are to be removed from a result in memory, too.
    recursive : bool
        Whether a group may be deleted with what is below it.

    Raises
    ------
    DataNotInStorageError
        If the node is not in the store.
    TypeError
        If a group has children and `recursive` is false.
    ValueError
        If `node` is the root, or `delete_only` is given for a group.
    """
    full_name = node.v_full_name
    if not full_name:
        raise PypetValueError("The root of a trajectory cannot be deleted from its store.")
    kind = _kind_of(backend, full_name)
    if delete_only is not None:
        _delete_items(backend, node, kind, delete_only, remove_from_item)
    else:
        if (
            kind is NodeKind.GROUP
            and not recursive
            and any(True for _ in backend.children(full_name))
        ):
            raise PypetTypeError(
                f"The group {full_name!r} has children in the store; delete it with recursive=True."
            )
        backend.delete_node(full_name)
        if node.v_is_group:
            for child in node.f_iter_nodes(recursive=True, with_links=False):
                mark_stored(child, False)
    mark_stored(node, False)


def delete_link(backend: TreeBackend, full_name: str) -> None:
    """Delete a link, not what it points to.

    Raises
    ------
    DataNotInStorageError
        If there is nothing of this name in the store.
    ValueError
        If it is no link.
    """
    kind = _kind_of(backend, full_name)
    if kind is not NodeKind.LINK:
        raise PypetValueError(f"{full_name!r} is no link in the store but a {kind.value}.")
    backend.delete_node(full_name)


def _delete_items(
    backend: TreeBackend,
    node: Any,
    kind: NodeKind,
    delete_only: str | Iterable[str],
    remove_from_item: bool,
) -> None:
    if kind is not NodeKind.LEAF:
        raise PypetValueError(
            f"delete_only works for leaves, but {node.v_full_name!r} is a {kind.value}."
        )
    names: Collection[str]
    names = [delete_only] if isinstance(delete_only, str) else list(delete_only)
    backend.delete_items(node.v_full_name, names)
    if remove_from_item and not node.v_is_parameter:
        for name in names:
            if name in node:
                node.f_remove(name)


def _kind_of(backend: TreeBackend, full_name: str) -> NodeKind:
    kind = backend.kind_of(full_name)
    if kind is None:
        raise DataNotInStorageError(f"{full_name!r} is not in the store.")
    return kind


#: Branches to which runs add.
RUN_BRANCHES = ("derived_parameters", "results")

#: Stands for the name of the run in a pattern.
ANY_RUN = "$"

_OF_RUNS = re.compile(rf"runs|{re.escape(SET_NAME)}\d{{{SET_FORMAT_ZEROS},}}")
_STANDARD_NAME = re.compile(rf"{re.escape(RUN_NAME)}\d{{{FORMAT_ZEROS},}}")


def pattern_of(full_name: str, run_name: str) -> str:
    """The full name of a node with ``$`` for the run it belongs to.

    Examples
    --------
    >>> pattern_of("derived_parameters.seeds.run_00000003", "run_00000003")
    'derived_parameters.seeds.$'
    """
    parts = full_name.split(".")
    return ".".join(ANY_RUN if part == run_name else part for part in parts)


def ends_of(node: Any) -> list[Any]:
    """The leaves at and below a node in memory; a group without any stands for itself."""
    if node.v_is_leaf:
        return [node]
    return list(node.f_iter_leaves(with_links=False)) or [node]


def patterns_in_memory(traj: Any, run_name: str) -> set[str]:
    """Patterns of everything that a trajectory has in memory below the name of a run."""
    children = (group.f_get_children(copy=False) for group in traj.v_index.run_parents.values())
    return {
        pattern_of(node.v_full_name, run_name)
        for named in children
        if run_name in named
        for node in ends_of(named[run_name])
    }


def remove_leftovers(
    backend: TreeBackend, run_names: Collection[str], prepared: Collection[str]
) -> None:
    """Remove what is below the names of runs and was not prepared for them.

    Parameters
    ----------
    backend : TreeBackend
        Open for writing, with a trajectory selected.
    run_names : collection of str
        Runs that are executed anew.
    prepared : collection of str
        Patterns of nodes that stay.
    """
    names = frozenset(run_names)
    waiting = [branch for branch in RUN_BRANCHES if backend.kind_of(branch) is NodeKind.GROUP]
    while waiting:
        group = waiting.pop()
        for child, kind in _children(backend, group, names):
            full_name = f"{group}.{child}"
            if child in names:
                _remove(backend, full_name, kind, f"{group}.{ANY_RUN}", prepared)
            elif kind is NodeKind.GROUP and not _STANDARD_NAME.fullmatch(child):
                waiting.append(full_name)


def _children(
    backend: TreeBackend, group: str, names: Collection[str]
) -> list[tuple[str, NodeKind]]:
    """Nodes below a group; of the groups that pypet makes for runs only the runs in question."""
    if not _OF_RUNS.fullmatch(group.rpartition(".")[2]):
        return list(backend.children(group))
    kinds = ((name, backend.kind_of(f"{group}.{name}")) for name in names)
    return [(name, kind) for name, kind in kinds if kind is not None]


def _remove(
    backend: TreeBackend, full_name: str, kind: NodeKind, pattern: str, prepared: Collection[str]
) -> None:
    if pattern in prepared:
        return
    below = f"{pattern}."
    if not any(name.startswith(below) for name in prepared):
        backend.delete_node(full_name)
        return
    if kind is NodeKind.GROUP:
        for child, child_kind in list(backend.children(full_name)):
            _remove(backend, f"{full_name}.{child}", child_kind, below + child, prepared)
