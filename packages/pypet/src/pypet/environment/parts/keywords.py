"""Who gets the keywords that are left over: the storage service or the trajectory.

A keyword that is no argument of the environment belongs to the constructor of the storage
service if one is to be constructed, otherwise to the trajectory as one of its properties.
One of them must take it: a misspelled keyword is an error that suggests the right one, and it is
found before anything is created. A service that is there already takes nothing.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pypet.environment.arguments import ROWS
from pypet.environment.arguments.kinds import (
    COUNT,
    SWITCH,
    TEXT,
    EnvironmentArgumentError,
    EnvironmentArgumentTypeError,
    Kind,
    did_you_mean,
    shown,
)
from pypet.environment.parts.services import class_to_construct
from pypet_multiproc.logs.configurations import SIMPLE_KEYWORDS
from pypet_trajectory.files import obstacle
from pypet_trajectory.trajectory import settings
from pypet_trajectory.tree.nodes import NNLeafNode

_DEPTH = Kind("must be a number of levels", COUNT.fits).or_none()
_LEAF_CLASS = Kind(
    "must be a class of parameters or results",
    lambda value: isinstance(value, type) and issubclass(value, NNLeafNode),
)
#: What properties of a trajectory may be, by their names without ``v_``.
PROPERTY_KINDS: Mapping[str, Kind] = {
    "comment": TEXT,
    "full_copy": SWITCH,
    "max_depth": _DEPTH,
    "standard_parameter": _LEAF_CLASS,
    "standard_result": _LEAF_CLASS,
    "standard_leaf": _LEAF_CLASS,
    **dict.fromkeys(settings.SWITCHES, SWITCH),
}


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
        If none takes some of them, a property is given twice, or a file name tells of no
        known storage service or leads through something that is no folder.
    TypeError
        If a property or the file name cannot have this value.
    """
    service_class = None
    if trajectory.v_storage_service is None and kwargs.get("v_storage_service") is None:
        service_class = class_to_construct(storage_service, kwargs)
    named, takes_any = _parameters_of(service_class)
    for_service: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    unknown = []
    for name, value in kwargs.items():
        if name in named:
            for_service[name] = value
        elif _is_settable(trajectory, name):
            _add_property(properties, name, value)
        elif takes_any and not name.startswith("v_"):
            for_service[name] = value
        else:
            unknown.append(name)
    if unknown:
        known = {*ROWS, *SIMPLE_KEYWORDS, "config", *named, *_property_names(trajectory)}
        _refuse(unknown, service_class, known)
    if for_service.get("filename") is not None:
        check_filename(for_service["filename"])
    return Keywords(for_service, properties)


def _refuse(unknown: list[str], service_class: type | None, known: set[str]) -> None:
    taker = "no storage service is constructed"
    if service_class is not None:
        taker = f"the storage service {service_class.__name__} does not take them"
    raise EnvironmentArgumentError(
        f"There is no use for the keyword arguments {', '.join(unknown)}: they are no arguments of "
        f"Environment, no properties of the trajectory that can be set, and {taker}. "
        "Check the spelling." + "".join(did_you_mean(name, known) for name in unknown)
    )


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


def _property_names(trajectory: Any) -> Iterable[str]:
    names = [name for name in dir(type(trajectory)) if name.startswith("v_")]
    names = [name for name in names if _is_settable(trajectory, name)]
    return [*names, *(name.removeprefix("v_") for name in names)]


def _add_property(properties: dict[str, Any], name: str, value: Any) -> None:
    plain = name.removeprefix("v_")
    if plain in properties:
        raise EnvironmentArgumentError(
            f"The property {plain} of the trajectory is given twice, with and without `v_`: as "
            f"{shown(properties[plain])} and as {shown(value)}. Leave out one of the two."
        )
    if plain in PROPERTY_KINDS:
        PROPERTY_KINDS[plain].check(name, value)
    properties[plain] = value


def check_filename(filename: Any) -> None:
    """Refuse a file name whose folder cannot be there.

    Raises
    ------
    EnvironmentArgumentTypeError
        If it is no path.
    EnvironmentArgumentError
        If a part of it is a file where a folder is needed, or nothing may be written there.
    """
    if not isinstance(filename, (str, bytes, os.PathLike)):
        raise EnvironmentArgumentTypeError(f"filename must be a path, but is {shown(filename)}.")
    if os.path.exists(filename):
        # Perhaps only to be read.
        return
    found = obstacle(os.path.dirname(os.path.abspath(os.fsdecode(filename))))
    if found is not None:
        raise EnvironmentArgumentError(
            f"filename is {os.fsdecode(filename)!r}, but {found!r} is no folder that can be "
            "written to. Choose another place for the file."
        )
