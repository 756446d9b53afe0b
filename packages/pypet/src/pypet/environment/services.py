"""The storage service of a trajectory, and who gets the keywords that are left over.

A keyword that is no argument of the environment belongs to the constructor of the storage
service if one is to be constructed, otherwise to the trajectory as one of its properties.
Somebody must take it: a misspelled keyword is an error, and it is found before anything is
created. A service that the trajectory has, or that is passed readily made, takes nothing.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.debugging import is_debug
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.storage.lazy import LazyStorageService
from pypet_trajectory.storage.registry import (
    service_by_name,
    service_for_file,
    storage_factory,
)

#: What stores a trajectory if nothing is said: a name, for PyTables takes time to import.
DEFAULT_SERVICE = "pypet.HDF5StorageService"

logger = logging.getLogger("pypet.environment.Environment")


@dataclass(frozen=True)
class Keywords:
    """Left-over keywords by receiver."""

    #: For the constructor of the storage service.
    service: dict[str, Any] = field(default_factory=dict)
    #: Properties of the trajectory, names without prefix.
    properties: dict[str, Any] = field(default_factory=dict)


def distribute(storage_service: Any, trajectory: Any, kwargs: Mapping[str, Any]) -> Keywords:
    """Decide who gets which left-over keyword, without creating anything.

    Parameters
    ----------
    storage_service : object
        As passed to the environment.
    trajectory : Trajectory
        Its own storage service comes first.
    kwargs : mapping
        The left-over keywords.

    Raises
    ------
    ValueError
        If nobody takes some of them, or a file name tells of no known storage service.
    """
    storage_service = chosen_service(storage_service)
    service_class = None
    if trajectory.v_storage_service is None:
        service_class = _class_to_construct(storage_service, kwargs)
    named, takes_any = _parameters_of(service_class)
    for_service, properties, unknown = {}, {}, []
    for name, value in kwargs.items():
        if name in named:
            for_service[name] = value
        elif _is_settable(trajectory, name):
            properties[name] = value
        elif takes_any and not name.startswith("v_"):
            for_service[name] = value
        else:
            unknown.append(name)
    if unknown:
        taker = "no storage service is constructed"
        if service_class is not None:
            taker = f"the storage service {service_class.__name__} does not take them"
        raise PypetValueError(
            f"Nobody takes the keyword arguments {', '.join(unknown)}: they are no arguments of "
            f"Environment, no properties of the trajectory that can be set, and {taker}. "
            "Check the spelling."
        )
    return Keywords(for_service, properties)


def chosen_service(storage_service: Any) -> Any:
    """What was passed, with the class of HDF5 files in place of the words for it."""
    if storage_service is True or storage_service == DEFAULT_SERVICE:
        from pypet_storage_hdf5.service import HDF5StorageService

        return HDF5StorageService
    return None if storage_service is False else storage_service


def _class_to_construct(storage_service: Any, kwargs: Mapping[str, Any]) -> type | None:
    """The class of the service that will be made, ``None`` if none will be."""
    if storage_service is None and kwargs.get("filename") is not None:
        return service_for_file(kwargs["filename"])
    if isinstance(storage_service, str):
        return service_by_name(storage_service)
    return storage_service if isinstance(storage_service, type) else None


def _parameters_of(service_class: type | None) -> tuple[set[str], bool]:
    """Names a constructor has parameters for, and whether it takes any others."""
    if service_class is None:
        return set(), False
    parameters = inspect.signature(service_class).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return named - {"trajectory"}, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _is_settable(trajectory: Any, name: str) -> bool:
    """Whether a trajectory has a property of this name, with or without ``v_``, to be set."""
    known = getattr(type(trajectory), f"v_{name.removeprefix('v_')}", None)
    return isinstance(known, property) and known.fset is not None


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
    chosen = chosen_service(arguments.storage_service)
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
