"""What a trajectory asks its storage service: items resolved, messages put together.

Here names become nodes and calls become messages; how data reach a file is the service's
affair. Invariant: everything goes through ``service.store`` and ``service.load``, so a service
that a user wrote sees every request. Nothing here opens files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pypet_trajectory import constants
from pypet_trajectory.api.service import transaction
from pypet_trajectory.constants import LOAD_DATA, LOAD_NOTHING, LOAD_SKELETON, OVERWRITE_DATA
from pypet_trajectory.exceptions import (
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.logger import logger_of
from pypet_trajectory.naming.names import check_trajectory_name
from pypet_trajectory.storage.registry import storage_factory
from pypet_trajectory.tree.nodes import mark_stored, set_root_name
from pypet_trajectory.tree.storage_calls import service_of

if TYPE_CHECKING:
    from pypet_trajectory.api.service import StorageService
    from pypet_trajectory.runs.table import RunTable
    from pypet_trajectory.trajectory import Trajectory
    from pypet_trajectory.tree.groups import NNGroupNode

#: A request: message, item, positional and keyword arguments for the service.
Request = tuple[str, Any, tuple[Any, ...], dict[str, Any]]


# --------------------------------------------------------------- whole trajectories


def store(traj: Trajectory, only_init: bool, store_data: int, max_depth: int | None) -> None:
    """Store a trajectory, or what was added during the current run."""
    if traj.v_runs.inside:
        if traj.v_runs.new_nodes or traj.v_runs.new_links:
            service_of(traj).store(
                constants.SINGLE_RUN,
                traj,
                trajectory_name=traj.v_name,
                recursive=not only_init,
                store_data=store_data,
                max_depth=max_depth,
            )
        return
    service = service_of(traj)
    outdated = _outdated(traj)
    # Ranges and the run table grow together.
    with transaction(service, str(traj.v_name)) if outdated else nullcontext():
        if outdated:
            service.store(constants.LIST, outdated, trajectory_name=traj.v_name)
        service.store(
            constants.TRAJECTORY,
            traj,
            trajectory_name=traj.v_name,
            only_init=only_init,
            store_data=store_data,
            max_depth=max_depth,
        )
    traj.v_exploration.outdated.clear()
    mark_stored(traj, True)
    traj.v_runs.table.mark_stored()


def _outdated(traj: Trajectory) -> list[Request]:
    """Requests to replace parameters in the store whose range grew since they were stored."""
    if not traj.v_stored:
        return []
    return [
        (constants.LEAF, parameter, (), {"store_data": OVERWRITE_DATA})
        for parameter in traj.v_exploration.grown()
    ]


def load(
    traj: Trajectory,
    *,
    name: str | None,
    index: int | None,
    as_new: bool,
    modes: Mapping[str, int],
    load_data: int | None,
    recursive: bool | None,
    max_depth: int | None,
    force: bool,
    dynamic_imports: Any,
    with_run_information: bool,
    with_meta_data: bool,
    storage_service: Any,
    service_arguments: dict[str, Any],
) -> None:
    """Load a trajectory; see :meth:`Trajectory.f_load`."""
    if name is not None and index is not None:
        raise PypetValueError(
            f"Say which trajectory by its name or its index, not by both ({name!r}, {index})."
        )
    modes = _load_modes(as_new, modes, load_data)
    if storage_service is not None or traj.v_storage_service is None or service_arguments:
        service = make_service(traj, storage_service, service_arguments)
    else:
        service = traj.v_storage_service
    if service is not None:
        traj.v_storage_service = service
    if dynamic_imports is not None:
        traj.f_add_to_dynamic_imports(dynamic_imports)
    known_name, known_runs = traj.v_name, traj.v_runs.table if traj.v_stored else None
    service_of(traj).load(
        constants.TRAJECTORY,
        traj,
        trajectory_name=traj.v_name if name is None and index is None else name,
        trajectory_index=index,
        as_new=as_new,
        **modes,
        recursive=recursive,
        max_depth=max_depth,
        with_run_information=with_run_information,
        with_meta_data=with_meta_data,
        force=force,
    )
    if not as_new and traj.v_name == known_name and known_runs is not None:
        _keep_known_runs(traj, known_runs, with_run_information)


def _keep_known_runs(traj: Trajectory, known: RunTable, with_run_information: bool) -> None:
    """Do not forget what is known about runs because it was not loaded.

    These are all runs if the table was not asked for; and runs that were added in memory and not
    stored yet, as long as the ranges in memory have values for them.
    """
    stored_length = len(traj)
    added = len(known) - stored_length
    if added < 0 or (added and not _explores_beyond(traj, stored_length)):
        return
    if not with_run_information:
        traj.v_runs.table = known
    elif added:
        table = traj.v_runs.table.copy()
        table.append_rows(known, range(stored_length, len(known)))
        traj.v_runs.go_on_with(table)


def _explores_beyond(traj: Trajectory, length: int) -> bool:
    return any(
        parameter.f_has_range() and len(parameter) > length
        for parameter in traj.v_exploration.loaded()
    )


def _load_modes(as_new: bool, modes: Mapping[str, int], load_data: int | None) -> Mapping[str, int]:
    if as_new:
        if load_data is not None:
            raise PypetValueError(
                f"`as_new=True` loads parameters with data and nothing else; `load_data="
                f"{load_data}` contradicts that. Leave one of the two out."
            )
        return {name: LOAD_DATA if name == "load_parameters" else LOAD_NOTHING for name in modes}
    if load_data is not None:
        modes = dict.fromkeys(modes, load_data)
    for name, mode in modes.items():
        if mode not in (LOAD_NOTHING, LOAD_SKELETON, LOAD_DATA, OVERWRITE_DATA):
            raise PypetValueError(
                f"`{name}={mode!r}` is no way of loading. Use LOAD_NOTHING (0), LOAD_SKELETON "
                f"(1), LOAD_DATA (2) or OVERWRITE_DATA (3)."
            )
    return modes


def make_service(
    traj: Trajectory, storage_service: Any, arguments: dict[str, Any]
) -> StorageService | None:
    """Create or take over a storage service.

    Raises
    ------
    PypetValueError
        If keyword arguments are left that the service does not know.
    """
    service, unused = storage_factory(storage_service=storage_service, trajectory=traj, **arguments)
    if unused:
        raise PypetValueError(
            f"No storage service understands these keyword arguments: "
            f"{', '.join(f'`{name}`' for name in sorted(unused))}."
        )
    return service  # type: ignore[no-any-return]


def migrate(
    traj: Trajectory,
    new_name: str | None,
    in_store: bool,
    new_storage_service: Any,
    arguments: dict[str, Any],
) -> None:
    """Give a trajectory another name, another place, or both."""
    if new_name is not None:
        check_trajectory_name(new_name)
    service = traj.v_storage_service
    if new_storage_service is not None or arguments:
        service = make_service(traj, new_storage_service, arguments)
    if new_name is not None:
        set_root_name(traj, new_name)
    traj.v_storage_service = service
    mark_stored(traj, bool(in_store))


def backup(traj: Trajectory, options: dict[str, Any]) -> None:
    """Copy the stored trajectory; see :meth:`Trajectory.f_backup`."""
    service_of(traj).store(constants.BACKUP, traj, trajectory_name=traj.v_name, **options)


# ------------------------------------------------------------------------- items


def store_items(
    traj: Trajectory, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
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
    traj: Trajectory, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
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
    traj: Trajectory, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
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
    traj: Trajectory,
    links: Iterable[str | tuple[NNGroupNode, str]],
    remove_from_trajectory: bool,
) -> None:
    """Delete links from the store; see :meth:`Trajectory.f_delete_links`."""
    requests: list[tuple[str, str]] = []
    places: list[tuple[str, str]] = []
    for link in links:
        if isinstance(link, str):
            location, _, name = link.rpartition(".")
        else:
            location, name = link[0].v_full_name, link[1]
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


def remove_items(traj: Trajectory, items: Iterable[Any], recursive: bool) -> None:
    """Remove nodes from memory; see :meth:`Trajectory.f_remove_items`."""
    requests = requests_for(traj, lambda _: "REMOVE", items, (), {})
    if not requests:
        logger_of(traj).warning("None of the items given is there to be removed; nothing was done.")
    for _, node, _, _ in requests:
        remove_node(traj, node, recursive)


def remove_node(traj: Trajectory, node: Any, recursive: bool) -> None:
    """Remove one node from memory."""
    location = node.v_location
    parent = traj.f_get(location, shortcuts=False) if location else traj
    parent.f_remove_child(node.v_name, recursive=recursive)


def _message_by_kind(node: Any) -> str:
    return constants.LEAF if node.v_is_leaf else constants.GROUP


def requests_for(
    traj: Trajectory,
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


def _node(traj: Trajectory, item: Any) -> Any:
    if isinstance(item, str):
        return traj.f_get(item)
    if not hasattr(item, "v_is_leaf"):
        raise PypetTypeError(
            f"An item is a name, a node, or a tuple (message, item[, args[, kwargs]]), not "
            f"{item!r}."
        )
    return item
