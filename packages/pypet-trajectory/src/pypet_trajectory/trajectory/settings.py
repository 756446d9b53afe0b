"""The settings of a trajectory: which there are, what they start as, how they are set.

A setting is a property ``v_x`` over an attribute ``_x``; the tree reads the attribute at every
call, so that a change takes effect at once. Switches take anything and keep its truth value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetAttributeError, PypetTypeError

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

#: What the attributes behind the settings start as; classes are added by the trajectory.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "_fast_access": True,
        "_shortcuts": True,
        "_max_depth": None,
        "_with_links": True,
        "_auto_load": False,
        "_iter_recursive": False,
        "_no_clobber": False,
        "_auto_run_prepend": True,
    }
)

#: All attributes behind settings, those that hold classes included.
ATTRIBUTES = (*DEFAULTS, "_standard_parameter", "_standard_result", "_standard_leaf")


def setting(attribute: str, doc: str) -> Any:
    """A property over an attribute that takes any value."""

    def get(self: Any) -> Any:
        return getattr(self, attribute)

    def set_(self: Any, value: Any) -> None:
        object.__setattr__(self, attribute, value)

    return property(get, set_, doc=doc)


def switch(attribute: str, doc: str) -> Any:
    """A property over an attribute that is True or False."""

    def get(self: Any) -> bool:
        return bool(getattr(self, attribute))

    def set_(self: Any, value: object) -> None:
        object.__setattr__(self, attribute, bool(value))

    return property(get, set_, doc=doc)


def set_properties(traj: Trajectory, properties: Mapping[str, Any]) -> None:
    """Set several properties by name, with or without ``v_`` in front.

    Raises
    ------
    PypetAttributeError
        If a name is unknown or read-only; nothing has changed then.
    """
    named = {
        name if name.startswith("v_") else f"v_{name}": value for name, value in properties.items()
    }
    for full_name in named:
        found = getattr(type(traj), full_name, None)
        if not isinstance(found, property):
            raise PypetAttributeError(f"Trajectories have no property `{full_name}`.")
        if found.fset is None:
            raise PypetAttributeError(f"Property `{full_name}` of trajectories is read-only.")
    for full_name, value in named.items():
        setattr(traj, full_name, value)


def checked_imports(dynamic_imports: Any) -> list[Any]:
    """Classes announced for loading, as a list.

    Raises
    ------
    PypetTypeError
        If something is neither a class nor a dotted path.
    """
    if isinstance(dynamic_imports, str | type) or not isinstance(dynamic_imports, Iterable):
        dynamic_imports = [dynamic_imports]
    listed = list(dynamic_imports)
    for item in listed:
        if not isinstance(item, str | type):
            raise PypetTypeError(
                f"A dynamic import is a class or the dotted path to one, not {item!r}."
            )
    return listed
