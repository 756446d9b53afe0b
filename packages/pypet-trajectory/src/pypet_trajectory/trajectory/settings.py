"""The settings of a trajectory, and values of parameters that are still to come.

A setting is a property ``v_x`` over a field of the settings of the tree, which reads them at every
call, so that a change takes effect at once. Switches take anything and keep its truth value.
A preset waits under the full name of the parameter, and adding the parameter uses it up; one that
was not used is a misspelt name, so no experiment starts while there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import (
    PresettingError,
    PypetAttributeError,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.tree.root import TreeSettings

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


#: Settings of a tree that are on or off.
SWITCHES = tuple(entry.name for entry in fields(TreeSettings) if isinstance(entry.default, bool))


def setting(name: str, doc: str) -> Any:
    """A property of a trajectory over a setting of its tree that takes any value."""
    return property(
        lambda self: getattr(self.v_index.settings, name),
        lambda self, value: setattr(self.v_index.settings, name, value),
        doc=doc,
    )


def switch(name: str, doc: str) -> Any:
    """A property of a trajectory over a setting of its tree that is True or False."""
    return property(
        lambda self: getattr(self.v_index.settings, name),
        lambda self, value: setattr(self.v_index.settings, name, bool(value)),
        doc=doc,
    )


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


def preset(
    traj: Trajectory, branch: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Keep arguments for the ``f_set`` of a parameter; see :meth:`Trajectory.f_preset_parameter`.

    Raises
    ------
    PypetValueError
        If there is such a node already.
    """
    full_name = name if name.startswith(f"{branch}.") else f"{branch}.{name}"
    if traj.v_index.node(full_name) is not None:
        raise PypetValueError(
            f"`{full_name}` is in trajectory `{traj.v_name}` already, presetting comes too late. "
            f"Set its value instead."
        )
    traj.v_index.presets[full_name] = (args, kwargs)


def check_none_left(traj: Trajectory) -> None:
    """Make sure that everything that was preset has been added.

    Raises
    ------
    PresettingError
        If something was not.
    """
    if traj.v_index.presets:
        names = ", ".join(f"`{name}`" for name in traj.v_index.presets)
        raise PresettingError(
            f"These were preset, but never added to trajectory `{traj.v_name}`: {names}. Check "
            f"the spelling, or add them."
        )
