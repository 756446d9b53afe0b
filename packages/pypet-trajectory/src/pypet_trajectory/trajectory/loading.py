"""Trajectories from the store: one by name or index, or the last of every file in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pypet_trajectory.constants import LOAD_DATA, LOAD_SKELETON
from pypet_trajectory.deprecation import kwargs_api_change
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.trajectory import Trajectory


@kwargs_api_change("load_all", "load_data")
@kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
def load_trajectory(
    name: str | None = None,
    index: int | None = None,
    as_new: bool = False,
    load_parameters: int = LOAD_DATA,
    load_derived_parameters: int = LOAD_SKELETON,
    load_results: int = LOAD_SKELETON,
    load_other_data: int = LOAD_SKELETON,
    recursive: bool = True,
    load_data: int | None = None,
    max_depth: int | None = None,
    force: bool = False,
    dynamic_imports: Any = None,
    new_name: str = "my_trajectory",
    add_time: bool = True,
    wildcard_functions: Mapping[Any, Callable[[int], str]] | None = None,
    with_run_information: bool = True,
    storage_service: Any = None,
    **kwargs: Any,
) -> Trajectory:
    """Load a trajectory.

    Parameters
    ----------
    name : str, optional
        Which trajectory.
    index : int, optional
        Which trajectory, counted in alphabetical order; -1 is the last.
    as_new : bool
        Whether to take over parameters and the number of runs only, as the start of a new
        experiment.
    load_parameters, load_derived_parameters, load_results, load_other_data, load_data : int
        What to load, see :meth:`Trajectory.f_load`.
    recursive, max_depth, force, with_run_information
        See :meth:`Trajectory.f_load`.
    dynamic_imports : class, str or list of them, optional
        Leaf and group classes of your own, or dotted paths to them.
    new_name : str
        Name of the new trajectory if `as_new`.
    add_time : bool
        Whether the time is appended to that name.
    wildcard_functions : mapping, optional
        As for :class:`Trajectory`.
    storage_service : StorageService, type or str, optional
        Where to load from. By default the extension of `filename` decides, or, without file
        name, the HDF5 service with its default file.
    **kwargs
        Arguments for the storage service, such as `filename`.

    Returns
    -------
    Trajectory
        Connected to that service.

    Raises
    ------
    ValueError
        If both or neither of `name` and `index` are given, or there is no such trajectory.
    """
    if (name is None) == (index is None):
        raise PypetValueError(
            f"Say which trajectory to load by its name or by its index, not by "
            f"{'neither' if name is None else 'both'}."
        )
    traj = Trajectory(
        name=new_name if as_new or name is None else name,
        add_time=add_time and as_new,
        wildcard_functions=wildcard_functions,
        dynamic_imports=dynamic_imports,
    )
    if storage_service is None and "filename" not in kwargs:
        storage_service = "HDF5StorageService"
    traj.f_load(
        name=name,
        index=index,
        as_new=as_new,
        load_parameters=load_parameters,
        load_derived_parameters=load_derived_parameters,
        load_results=load_results,
        load_other_data=load_other_data,
        recursive=recursive,
        load_data=load_data,
        max_depth=max_depth,
        force=force,
        with_run_information=with_run_information,
        storage_service=storage_service,
        **kwargs,
    )
    return traj


def merge_all_in_folder(
    folder: str | os.PathLike[str],
    ext: str = ".hdf5",
    dynamic_imports: Any = None,
    storage_service: Any = None,
    force: bool = False,
    ignore_data: Iterable[str] = (),
    move_data: bool = False,
    delete_other_files: bool = False,
    keep_info: bool = True,
    keep_other_trajectory_info: bool = True,
    merge_config: bool = True,
    backup: bool = True,
) -> Trajectory:
    """Merge the last trajectory of every file in a folder into that of the first file.

    Parameters
    ----------
    folder : path
        Searched without its sub-folders, in alphabetical order.
    ext : str
        Extension of the files.
    dynamic_imports, storage_service, force
        As for :func:`load_trajectory`.
    ignore_data, move_data, keep_info, keep_other_trajectory_info, merge_config, backup
        As for :meth:`Trajectory.f_merge_many`.
    delete_other_files : bool
        Whether to delete all files but the first once everything is merged.

    Returns
    -------
    Trajectory
        The merged one.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    with os.scandir(folder) as entries:
        files = sorted(
            entry.path
            for entry in entries
            if entry.is_file() and os.path.splitext(entry.name)[1] == ext
        )
    if not files:
        raise PypetValueError(f"There is no file with extension `{ext}` in folder `{folder}`.")
    first, *others = (
        load_trajectory(
            index=-1,
            load_data=LOAD_SKELETON,
            force=force,
            dynamic_imports=dynamic_imports,
            storage_service=storage_service,
            filename=path,
        )
        for path in files
    )
    first.f_merge_many(
        others,
        ignore_data=ignore_data,
        move_data=move_data,
        keep_info=keep_info,
        keep_other_trajectory_info=keep_other_trajectory_info,
        merge_config=merge_config,
        backup=backup,
    )
    if delete_other_files:
        for path in files[1:]:
            os.remove(path)
    return first
