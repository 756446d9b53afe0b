"""The storage service of a trajectory: which one, made when, let go when.

A service that the trajectory has comes first, then one that is passed readily made; only
otherwise a class is constructed, which may be the first thing that changes a file. If nothing is
said about the service it is that of HDF5 files, whatever the file is called, unless another
service keeps files with this extension.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.arguments.table import DEFAULT_SERVICE
from pypet_trajectory.exceptions import MissingPackageError
from pypet_trajectory.storage.memory import LazyStorageService
from pypet_trajectory.storage.registry import (
    HDF5_EXTENSIONS,
    known_extensions,
    service_by_name,
    service_for_file,
    storage_factory,
)

logger = logging.getLogger("pypet.environment.Environment")


def chosen_service(storage_service: Any, filename: Any = None) -> Any:
    """What was passed, with the class of HDF5 files in place of the words for it.

    ``None``, so that the name of the file decides, if nothing was said about the service and
    the file is one of another.
    """
    if storage_service == DEFAULT_SERVICE and _is_of_another_service(filename):
        return None
    if storage_service is True or storage_service == DEFAULT_SERVICE:
        from pypet_storage_hdf5.service import HDF5StorageService

        return HDF5StorageService
    return None if storage_service is False else storage_service


def _is_of_another_service(filename: Any) -> bool:
    if not isinstance(filename, (str, os.PathLike)):
        return False
    extension = os.path.splitext(os.fspath(filename))[1].lower()
    return bool(extension) and extension not in HDF5_EXTENSIONS and extension in known_extensions()


def class_to_construct(storage_service: Any, kwargs: Mapping[str, Any]) -> type | None:
    """The class of the service that will be made, ``None`` if none will be.

    Parameters
    ----------
    storage_service : object
        As passed to the environment.
    kwargs : mapping
        Further keywords; without a service, a file name among them tells which one.

    Raises
    ------
    ValueError
        If there is no service of this name, or none that keeps such files.
    ImportError
        If a dotted path leads nowhere, or the distribution of the service is missing.
    TypeError
        If what is at the path is no class.
    """
    chosen = chosen_service(storage_service, kwargs.get("filename"))
    if chosen is None and isinstance(kwargs.get("filename"), (str, os.PathLike)):
        return service_for_file(kwargs["filename"])
    if isinstance(chosen, str):
        try:
            return service_by_name(chosen)
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                f"storage_service is {chosen!r}, but {error}. Check the spelling."
            ) from error
    return chosen if isinstance(chosen, type) else None


def is_debug() -> bool:
    """Whether the debugger pydevd (PyCharm, PyDev, VS Code) is loaded."""
    return "pydevd" in sys.modules


def attach(trajectory: Any, arguments: EnvironmentArguments, kwargs: Mapping[str, Any]) -> None:
    """Give the trajectory its storage service; may delete a file that is to be overwritten.

    Parameters
    ----------
    trajectory : Trajectory
        Keeps a service that it has.
    arguments : EnvironmentArguments
        Say which service, and whether nothing is stored while debugging.
    kwargs : mapping
        For the constructor of the service.
    """
    if arguments.lazy_debug and is_debug():
        trajectory.v_storage_service = LazyStorageService()
        return
    if trajectory.v_storage_service is not None:
        return
    chosen = chosen_service(arguments.storage_service, kwargs.get("filename"))
    trajectory.v_storage_service, _ = storage_factory(chosen, trajectory, **kwargs)


def log_choice(trajectory: Any) -> None:
    """Say in the log what stores the trajectory, loudly if nothing does."""
    service = trajectory.v_storage_service
    if isinstance(service, LazyStorageService):
        logger.warning("Trajectory `%s` has a lazy storage service: nothing will be stored.",
                       trajectory.v_name)  # fmt: skip
    else:
        logger.info("Trajectory `%s` is stored by %r.", trajectory.v_name, service)


def finalize(trajectory: Any) -> None:
    """Let a storage service that wants to know so know that an experiment is over."""
    end = getattr(trajectory.v_storage_service, "finalize", None)
    if callable(end):
        end()
