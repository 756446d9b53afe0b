"""Presetting: deciding on the value of a parameter before it is added.

A preset waits under the full name of the parameter, and adding the parameter uses it up
(:mod:`~pypet_trajectory.tree.adding`). Invariant: a preset that was not used is a misspelt name, so
no experiment starts while there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PresettingError, PypetValueError

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


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
