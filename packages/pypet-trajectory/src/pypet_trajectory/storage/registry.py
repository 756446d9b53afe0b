"""Which storage service serves which file: by file extension, class name or dotted path.

Distributions announce services by entry points of the group ``pypet.storage_services``, whose
names are file extensions. Invariant: nothing is imported before it is needed, and a plug-in that
cannot be loaded is reported and left out; it never keeps another service from working. One might
expect this distribution to know HDF5. It does not: without ``pypet-storage-hdf5`` all it can
say is what to install.
"""

from __future__ import annotations

import importlib
import inspect
import os
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import (
    MissingPackageError,
    PypetTypeError,
    PypetValueError,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Entry point group in which distributions announce services by file extension.
GROUP = "pypet.storage_services"

#: Services of this distribution by file extension.
BUILT_IN_EXTENSIONS = {".traj": "pypet_trajectory.storage.archive.service:ArchiveStorageService"}

#: Services of this distribution by class name.
BUILT_IN_CLASSES = {
    "ArchiveStorageService": "pypet_trajectory.storage.archive.service:ArchiveStorageService",
    "InMemoryStorageService": "pypet_trajectory.storage.memory:InMemoryStorageService",
    "LazyStorageService": "pypet_trajectory.storage.memory:LazyStorageService",
    "StorageService": "pypet_trajectory.api.service:StorageService",
}

#: Extensions pypet has always used for HDF5 files.
HDF5_EXTENSIONS = (".hdf", ".h4", ".hdf4", ".he2", ".h5", ".hdf5", ".he5")

#: Announced services found before, by extension: looking through all installed distributions
#: takes longer than loading a small trajectory.
_found: dict[str, type] = {}

_HDF5_MISSING = (
    "{what} needs the HDF5 storage service, which is not installed. Install it with: "
    'pip install "pypet-trajectory[hdf5]"'
)


def storage_factory(
    storage_service: Any, trajectory: Any = None, **kwargs: Any
) -> tuple[Any, set[str]]:
    """Find or make a storage service.

    Parameters
    ----------
    storage_service : StorageService, type, str or None
        An instance (returned as it is), a class, the name or dotted path of a class, or
        ``None``. With ``None`` and a ``filename`` the file's extension decides; with ``None``
        alone there is no service.
    trajectory : Trajectory, optional
        Handed to services whose constructor asks for it.
    **kwargs
        Arguments for the constructor.

    Returns
    -------
    service, unused : StorageService or None, set of str
        The service and the names of those `kwargs` that its constructor does not take.

    Raises
    ------
    ValueError
        If there is no service for the file's extension, or an undotted name is unknown.
    ImportError
        If a dotted path leads nowhere, or the service is in a distribution that is missing.

    Examples
    --------
    >>> service, unused = storage_factory('LazyStorageService', filename='x.traj')
    >>> type(service).__name__, unused
    ('LazyStorageService', set())
    """
    if storage_service is None and kwargs.get("filename") is not None:
        storage_service = service_for_file(kwargs["filename"])
    elif isinstance(storage_service, str):
        storage_service = service_by_name(storage_service)
    if not inspect.isclass(storage_service):
        return storage_service, set(kwargs)
    accepted = get_matching_kwargs(storage_service, {**kwargs, "trajectory": trajectory})
    return storage_service(**accepted), set(kwargs).difference(accepted)


def service_for_file(filename: str | os.PathLike[str]) -> type:
    """The class that keeps files with this extension.

    Raises
    ------
    ValueError
        If no class does.
    ImportError
        If the distribution that does is not installed.
    """
    extension = os.path.splitext(os.fspath(filename))[1].lower()
    if extension in BUILT_IN_EXTENSIONS:
        return _imported(BUILT_IN_EXTENSIONS[extension])
    if extension in _found:
        return _found[extension]
    for entry_point in _announced():
        if entry_point.name.lower() == extension:
            cls = _loaded(entry_point)
            if cls is not None:
                _found[extension] = cls
                return cls
    if extension in HDF5_EXTENSIONS:
        raise MissingPackageError(_HDF5_MISSING.format(what=f"The file {os.fspath(filename)!r}"))
    raise PypetValueError(
        f"No storage service keeps files like {os.fspath(filename)!r}: the extension must be one "
        f"of {', '.join(known_extensions())}. Or give a storage_service explicitly."
    )


def service_by_name(name: str) -> type:
    """The class of this name, or at this dotted path.

    Raises
    ------
    ValueError
        If an undotted name is unknown.
    ImportError
        If a dotted path leads nowhere, or the distribution of the service is missing.
    """
    module_name, _, class_name = name.rpartition(".")
    if class_name in BUILT_IN_CLASSES:
        return _imported(BUILT_IN_CLASSES[class_name])
    for entry_point in _announced():
        if entry_point.attr == class_name:
            cls = _loaded(entry_point)
            if cls is not None:
                return cls
    if class_name == "HDF5StorageService":
        raise MissingPackageError(_HDF5_MISSING.format(what=f"{name!r}"))
    if not module_name:
        raise PypetValueError(
            f"There is no storage service {name!r}. Known are "
            f"{', '.join([*BUILT_IN_CLASSES, *_announced_names()])}; others need the dotted path "
            "of their class."
        )
    return _imported(f"{module_name}:{class_name}")


def known_extensions() -> list[str]:
    """File extensions that some service keeps, sorted; HDF5's are always among them."""
    announced = (entry_point.name.lower() for entry_point in _announced())
    return sorted({*BUILT_IN_EXTENSIONS, *HDF5_EXTENSIONS, *announced})


def _announced() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # half as slow as numpy

    return list(entry_points(group=GROUP))


def _announced_names() -> list[str]:
    return sorted({entry_point.attr for entry_point in _announced()})


def _loaded(entry_point: EntryPoint) -> type | None:
    """The class an entry point names, ``None`` with a warning if it cannot be loaded."""
    try:
        cls = entry_point.load()
    except Exception as error:
        warnings.warn(
            f"The storage service {entry_point.value!r} for {entry_point.name} files cannot be "
            f"loaded and is left out: {error!r}",
            RuntimeWarning,
            stacklevel=4,
        )
        return None
    if not inspect.isclass(cls):
        warnings.warn(
            f"The storage service {entry_point.value!r} for {entry_point.name} files is no class "
            "and is left out.",
            RuntimeWarning,
            stacklevel=4,
        )
        return None
    return cls


def _imported(path: str) -> type:
    module_name, _, class_name = path.partition(":")
    module = importlib.import_module(module_name)
    cls = getattr(module, class_name, None)
    if cls is None:
        raise MissingPackageError(f"The module {module_name!r} has no class {class_name!r}.")
    if not inspect.isclass(cls):
        raise PypetTypeError(f"{module_name}.{class_name} is no class and so no storage service.")
    return cls


def get_matching_kwargs(
    func: Callable[..., Any] | type, kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those keywords that a function, or the constructor of a class, accepts.

    Everything is accepted by a signature with ``**kwargs``, nothing by a class without an
    ``__init__`` written in Python.

    Examples
    --------
    >>> def area(width, height): ...
    >>> get_matching_kwargs(area, {'width': 1, 'colour': 'red'})
    {'width': 1}
    """
    if inspect.isclass(func):
        func = func.__init__
        if not inspect.isfunction(func):
            return {}
    parameters = inspect.signature(func).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(kwargs)
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in kwargs.items() if name in named}
