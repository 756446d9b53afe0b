"""Loggers that cost an instance nothing, survive pickling and all hang below ``pypet``.

Logging is configured by names of loggers, and names outlive modules. Whichever distribution a
module is in, its records come from the logger ``pypet`` or one below it, and classes log under the
names they have had since pypet 0.7, such as ``pypet.trajectory.Trajectory``. So one setting for
``pypet`` governs everything, and logging configurations need not know how the code is arranged.
Classes of users log as ``<module>.<Class>``.

The logger of an object is looked up when something is logged; only an object with a logger of its
own carries one, and when pickled carries its name instead.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pypet_trajectory.slots import HasSlots

#: Modules, or packages with all below them, and what their classes have always been logged under.
_KNOWN_AS: Mapping[str, str] = MappingProxyType(
    {
        "pypet_multiproc": "pypet.utils.mpwrappers",
        "pypet_multiproc.engine.context": "pypet.environment",
        "pypet_multiproc.logs": "pypet.pypetlogging",
        "pypet_net": "pypet.utils.mpwrappers",
        "pypet_storage_hdf5": "pypet.storageservice.HDF5StorageService",
        "pypet_storage_hdf5.shared": "pypet.shareddata",
        "pypet_trajectory.annotations": "pypet.annotations",
        "pypet_trajectory.leaves": "pypet.parameter",
        "pypet_trajectory.storage": "pypet.storageservice",
        "pypet_trajectory.trajectory": "pypet.trajectory",
        "pypet_trajectory.tree": "pypet.naturalnaming",
    }
)
_DISTRIBUTION = "pypet_"


@functools.lru_cache(1024)
def logger_name(module: str, class_name: str | None = None) -> str:
    """Name of the logger of a module or of a class in it.

    Parameters
    ----------
    module : str
        Its ``__name__``, or the ``__module__`` of the class.
    class_name : str, optional
        Name of the class.

    Examples
    --------
    >>> logger_name("pypet_trajectory.leaves.result", "Result")
    'pypet.parameter.Result'
    >>> logger_name("pypet_trajectory.exploration.kinds")
    'pypet.trajectory.exploration.kinds'
    >>> logger_name("mymodel", "MyParameter")
    'mymodel.MyParameter'
    """
    if module.startswith(_DISTRIBUTION):
        module = _below_pypet(module, with_rest=class_name is None)
    # A package may be known by the name of its only class.
    return module if class_name in (None, module.rpartition(".")[2]) else f"{module}.{class_name}"


def class_text(cls: type) -> str:
    """What ``str(cls)`` would be if the class were defined at its public place.

    Examples
    --------
    >>> from pypet_trajectory import Result
    >>> class_text(Result)
    "<class 'pypet.parameter.Result'>"
    """
    return f"<class '{logger_name(cls.__module__, cls.__qualname__)}'>"


def module_logger(module: str) -> logging.Logger:
    """The logger of a module; called with its ``__name__``."""
    return logging.getLogger(logger_name(module))


def logger_of(instance: object) -> logging.Logger:
    """The logger of an instance of `HasLogger`: its own, or that of its class."""
    try:
        return object.__getattribute__(instance, "_own_logger")  # type: ignore[no-any-return]
    except AttributeError:
        cls = type(instance)
        return logging.getLogger(logger_name(cls.__module__, cls.__name__))


def _below_pypet(module: str, with_rest: bool) -> str:
    known, rest = module, ""
    while known:
        if known in _KNOWN_AS:
            return _KNOWN_AS[known] + (rest if with_rest else "")
        known, _, last = known.rpartition(".")
        rest = f".{last}{rest}"
    return f"pypet.{module.removeprefix(_DISTRIBUTION)}"


class HasLogger(HasSlots):
    """Base of classes that write to a log through ``self._logger``."""

    __slots__ = ("_own_logger",)

    _own_logger: logging.Logger

    @property
    def _logger(self) -> logging.Logger:
        return logger_of(self)

    @_logger.setter
    def _logger(self, logger: logging.Logger) -> None:
        object.__setattr__(self, "_own_logger", logger)

    def _set_logger(self, name: str | None = None) -> None:
        """Log as `name` from now on; None stands for the name of the class."""
        if name is not None:
            self._logger = logging.getLogger(name)
        elif hasattr(self, "_own_logger"):
            object.__delattr__(self, "_own_logger")

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        logger = state.get("_own_logger")
        if isinstance(logger, logging.Logger):
            state["_own_logger"] = logger.name
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        name = state.get("_own_logger")
        if isinstance(name, str):
            state = {**state, "_own_logger": logging.getLogger(name)}
        super().__setstate__(state)
