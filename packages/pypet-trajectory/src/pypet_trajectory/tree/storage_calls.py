"""What groups say to the storage service of their trajectory.

These are all calls that a service gets from the tree; the trajectory's own are elsewhere.
Invariant: a service is told the trajectory's name with every call, because it may keep several.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pypet_trajectory.api.service import StorageService, SupportsSessions
from pypet_trajectory.constants import GROUP, LEAF, LIST, LOAD_DATA, TREE
from pypet_trajectory.exceptions import PypetAttributeError

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.nodes import NNTreeNode


def service_of(root: Any) -> StorageService:
    """Return the service of a trajectory.

    Raises
    ------
    PypetAttributeError
        If it has none.
    """
    service: StorageService | None = root.v_storage_service
    if service is None:
        raise PypetAttributeError(
            f"Trajectory `{root.v_name}` has no storage service, so nothing can be stored or "
            "loaded. Pass `filename=` or `storage_service=` when creating it, or set "
            "`v_storage_service`."
        )
    return service


@contextmanager
def reading_session(root: Any) -> Iterator[None]:
    """Let loads that follow share one opening of the store, as far as the service can.

    Opening costs time that grows with what is stored; done for every run it would be quadratic.
    """
    service = root.v_storage_service
    with ExitStack() as stack:
        if root.v_stored and isinstance(service, SupportsSessions) and not service.is_open:
            try:
                stack.enter_context(service.opened(root.v_name, writable=False))
            except ValueError:
                pass  # nothing may have to be loaded; if it has, that load says what is missing
        yield


def store_group(
    group: NNGroupNode, recursive: bool, store_data: int, max_depth: int | None
) -> None:
    """Store a group, with everything below if `recursive`."""
    root = group.v_index.root
    service_of(root).store(
        GROUP,
        group,
        trajectory_name=root.v_name,
        recursive=recursive,
        store_data=store_data,
        max_depth=max_depth,
    )


def store_child(
    group: NNGroupNode, path: str, recursive: bool, store_data: int, max_depth: int | None
) -> None:
    """Store the groups along a path and the node at its end."""
    root = group.v_index.root
    service_of(root).store(
        TREE,
        group,
        path,
        trajectory_name=root.v_name,
        recursive=recursive,
        store_data=store_data,
        max_depth=max_depth,
    )


def load_group(group: NNGroupNode, recursive: bool, load_data: int, max_depth: int | None) -> None:
    """Load comment and annotations of a group, and everything below if `recursive`."""
    root = group.v_index.root
    service_of(root).load(
        GROUP,
        group,
        trajectory_name=root.v_name,
        recursive=recursive,
        load_data=load_data,
        max_depth=max_depth,
    )


def load_child(
    group: NNGroupNode,
    path: str,
    recursive: bool = False,
    load_data: int = LOAD_DATA,
    max_depth: int | None = None,
) -> None:
    """Load the groups along a path and the node at its end.

    Raises
    ------
    DataNotInStorageError
        If there is nothing of this path.
    """
    root = group.v_index.root
    service_of(root).load(
        TREE,
        group,
        path,
        trajectory_name=root.v_name,
        recursive=recursive,
        load_data=load_data,
        max_depth=max_depth,
    )


def load_leaf(root: Any, leaf: NNTreeNode) -> None:
    """Load the data of a leaf that is in memory.

    Raises
    ------
    DataNotInStorageError
        If the leaf was never stored.
    """
    service_of(root).load(
        LIST, [(LEAF, leaf, (), {"load_data": LOAD_DATA})], trajectory_name=root.v_name
    )
