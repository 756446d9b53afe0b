"""What trajectories and groups ask the storage service about nodes.

Here names become nodes and calls become messages; how data reach a file is the service's affair.
What concerns whole trajectories is in :mod:`~pypet_trajectory.trajectory.persistence`. Invariant:
everything goes through ``service.store`` and ``service.load``, so a service that a user wrote sees
every request, and it is told the trajectory's name with each, because it may keep several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pypet_trajectory import constants
from pypet_trajectory.api.service import StorageService, SupportsSessions, supports
from pypet_trajectory.constants import LOAD_DATA, OVERWRITE_DATA
from pypet_trajectory.exceptions import PypetAttributeError, PypetTypeError, PypetValueError
from pypet_trajectory.logger import logger_of
from pypet_trajectory.naming import names
from pypet_trajectory.tree.nodes import mark_stored

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.nodes import NNTreeNode

#: A request: message, item, positional and keyword arguments for the service.
Request = tuple[str, Any, tuple[Any, ...], dict[str, Any]]


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
        if root.v_stored and supports(service, SupportsSessions) and not service.is_open:
            try:
                stack.enter_context(service.opened(root.v_name, writable=False))
            except ValueError:
                pass  # nothing may have to be loaded; if it has, that load says what is missing
        yield


def store_group(
    group: NNGroupNode,
    recursive: bool,
    store_data: int,
    max_depth: int | None,
    path: str | None = None,
) -> None:
    """Store a group, or the groups along a path from it and the node at its end."""
    root = group.v_index.root
    service_of(root).store(
        *_whole_or_child(group, path),
        trajectory_name=root.v_name,
        recursive=recursive,
        store_data=store_data,
        max_depth=max_depth,
    )


def load_group(
    group: NNGroupNode,
    recursive: bool = False,
    load_data: int = LOAD_DATA,
    max_depth: int | None = None,
    path: str | None = None,
) -> None:
    """Load a group, or the groups along a path from it and the node at its end.

    Raises
    ------
    DataNotInStorageError
        If there is nothing of this path.
    """
    root = group.v_index.root
    service_of(root).load(
        *_whole_or_child(group, path),
        trajectory_name=root.v_name,
        recursive=recursive,
        load_data=load_data,
        max_depth=max_depth,
    )


def _whole_or_child(group: NNGroupNode, path: str | None) -> tuple[Any, ...]:
    return (constants.GROUP, group) if path is None else (constants.TREE, group, path)


def load_leaf(root: Any, leaf: NNTreeNode) -> None:
    """Load the data of a leaf that is in memory.

    Raises
    ------
    DataNotInStorageError
        If the leaf was never stored.
    """
    service_of(root).load(
        constants.LIST,
        [(constants.LEAF, leaf, (), {"load_data": LOAD_DATA})],
        trajectory_name=root.v_name,
    )


# ------------------------------------------------------------------------- items


def store_items(
    traj: Any, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Store single nodes; see :meth:`Trajectory.f_store_items`."""
    if not traj.v_stored:
        raise PypetTypeError(
            f"Trajectory `{traj.v_name}` was never stored, so single items have no place to go. "
            f"Call `f_store(only_init=True)` first."
        )
    requests = requests_for(traj, _message_by_kind, items, args, kwargs)
    if not requests:
        raise PypetValueError("None of the items given can be stored; nothing was done.")
    for _, node, _, options in requests:
        if node.v_full_name in traj.v_exploration.outdated:
            options.setdefault("store_data", OVERWRITE_DATA)
    service_of(traj).store(constants.LIST, requests, trajectory_name=traj.v_name)
    traj.v_exploration.outdated.difference_update(node.v_full_name for _, node, _, _ in requests)


def load_items(
    traj: Any, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Load single nodes; see :meth:`Trajectory.f_load_items`."""
    if not traj.v_stored:
        raise PypetTypeError(
            f"Trajectory `{traj.v_name}` was never stored, so there is nothing to load."
        )
    requests = requests_for(traj, _message_by_kind, items, args, kwargs)
    if not requests:
        logger_of(traj).warning("None of the items given needs loading; nothing was done.")
        return
    service_of(traj).load(constants.LIST, requests, trajectory_name=traj.v_name)


def delete_items(
    traj: Any, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Delete nodes from the store; see :meth:`Trajectory.f_delete_items`."""
    kwargs = dict(kwargs)
    remove_from_trajectory = kwargs.pop("remove_from_trajectory", False)
    requests = requests_for(traj, lambda _: constants.DELETE, items, args, kwargs)
    if not requests:
        logger_of(traj).warning("None of the items given is there to be deleted; nothing was done.")
        return
    service_of(traj).store(constants.LIST, requests, trajectory_name=traj.v_name)
    for _, node, _, options in requests:
        if not options.get("delete_only"):
            _mark_deleted(node, bool(options.get("recursive")))
            traj.v_exploration.outdated.discard(node.v_full_name)
        if remove_from_trajectory:
            remove_node(traj, node, recursive=bool(options.get("recursive")))


def _mark_deleted(node: Any, recursive: bool) -> None:
    mark_stored(node, False)
    if recursive and node.v_is_group:
        for child in node.f_iter_nodes(recursive=True, with_links=False):
            mark_stored(child, False)


def delete_links(
    traj: Any,
    links: Iterable[str | tuple[NNGroupNode, str]],
    remove_from_trajectory: bool,
) -> None:
    """Delete links from the store; see :meth:`Trajectory.f_delete_links`."""
    requests: list[tuple[str, str]] = []
    places: list[tuple[str, str]] = []
    for link in links:
        if isinstance(link, str):
            location, _, name = _translated(traj, link).rpartition(".")
        else:
            location, name = link[0].v_full_name, _translated(traj, link[1])
        places.append((location, name))
        requests.append((constants.DELETE_LINK, f"{location}.{name}" if location else name))
    if not requests:
        logger_of(traj).warning("No links given to be deleted; nothing was done.")
        return
    service_of(traj).store(constants.LIST, requests, trajectory_name=traj.v_name)
    if remove_from_trajectory:
        for location, name in places:
            parent = traj.f_get(location, shortcuts=False) if location else traj
            parent.f_remove_link(name)


def _translated(traj: Any, full_name: str) -> str:
    """A full name with abbreviations and wildcards written out."""
    runs = traj.v_runs
    return ".".join(
        names.translate(part, runs.wildcards, runs.idx) for part in full_name.split(".")
    )


def remove_items(traj: Any, items: Iterable[Any], recursive: bool) -> None:
    """Remove nodes from memory; see :meth:`Trajectory.f_remove_items`."""
    requests = requests_for(traj, lambda _: "REMOVE", items, (), {})
    if not requests:
        logger_of(traj).warning("None of the items given is there to be removed; nothing was done.")
    for _, node, _, _ in requests:
        remove_node(traj, node, recursive)


def remove_node(traj: Any, node: Any, recursive: bool) -> None:
    """Remove one node from memory."""
    location = node.v_location
    parent = traj.f_get(location, shortcuts=False) if location else traj
    parent.f_remove_child(node.v_name, recursive=recursive)


def _message_by_kind(node: Any) -> str:
    return constants.LEAF if node.v_is_leaf else constants.GROUP


def requests_for(
    traj: Any,
    message: Callable[[Any], str],
    items: Iterable[Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> list[Request]:
    """Turn names, nodes and tuples into requests.

    Parameters
    ----------
    traj : Trajectory
        Where names are looked up.
    message : callable
        Gives the message for a node that came without one.
    items : iterable
        Names, nodes, or tuples ``(message, item[, args[, kwargs]])``.
    args, kwargs
        For the service. ``only_empties=True`` leaves out leaves that hold data,
        ``non_empties=True`` those that hold none.

    Raises
    ------
    PypetValueError
        If a tuple is too short or too long.
    AttributeError
        If a name is not in the tree.
    """
    options = dict(kwargs)
    only_empties = options.pop("only_empties", False)
    non_empties = options.pop("non_empties", False)
    requests: list[Request] = []
    for entry in items:
        own_args, own_kwargs = args, options
        if isinstance(entry, tuple):
            if not 2 <= len(entry) <= 4:
                raise PypetValueError(
                    f"A tuple must be (message, item[, args[, kwargs]]), but {entry!r} has "
                    f"{len(entry)} entries."
                )
            msg, item = entry[:2]
            own_args = tuple(entry[2]) if len(entry) > 2 else args
            own_kwargs = entry[3] if len(entry) > 3 else options
            node = _node(traj, item)
        else:
            node = _node(traj, entry)
            msg = message(node)
        if node.v_is_leaf:
            if only_empties and not node.f_is_empty():
                continue
            if non_empties and node.f_is_empty():
                continue
        requests.append((msg, node, own_args, dict(own_kwargs)))
    return requests


def _node(traj: Any, item: Any) -> Any:
    if isinstance(item, str):
        return traj.f_get(item)
    if not hasattr(item, "v_is_leaf"):
        raise PypetTypeError(
            f"An item is a name, a node, or a tuple (message, item[, args[, kwargs]]), not "
            f"{item!r}."
        )
    return item
