"""Deleting from a store: whole nodes, single items of leaves, links.

Only the store changes; nodes in memory stay and are marked as not stored. Invariant: whatever is
refused is refused before anything is gone. Deleting what is not there is an error, so that a
misspelt name does not pass for a successful deletion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from pypet_trajectory.api.records import NodeKind
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
