"""What a trajectory asks its storage service about itself: to store it, load it, move it, copy it.

What concerns single nodes is in :mod:`~pypet_trajectory.tree.requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pypet_trajectory import constants
from pypet_trajectory.api.service import transaction
from pypet_trajectory.constants import LOAD_DATA, LOAD_NOTHING, LOAD_SKELETON, OVERWRITE_DATA
from pypet_trajectory.exceptions import (
    PypetValueError,
)
from pypet_trajectory.naming.names import check_trajectory_name
from pypet_trajectory.storage.registry import storage_factory
from pypet_trajectory.tree.nodes import mark_stored, set_root_name
from pypet_trajectory.tree.requests import Request, service_of

if TYPE_CHECKING:
    from pypet_trajectory.api.service import StorageService
    from pypet_trajectory.runs.table import RunTable
    from pypet_trajectory.trajectory import Trajectory

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
