"""Which parameters of a trajectory are explored, and whose ranges the store lacks in part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Exploration:
    """The explored parameters of one trajectory.

    Parameters
    ----------
    other : Exploration, optional
        What to start with; by default nothing is explored.
    """

    __slots__ = ("outdated", "parameters")

    def __init__(self, other: Exploration | None = None) -> None:
        #: Full name to parameter, or to ``None`` if it is not in memory.
        self.parameters: dict[str, Any] = {} if other is None else dict(other.parameters)
        #: Full names of those whose ranges in the store end too early.
        self.outdated: set[str] = set() if other is None else set(other.outdated)

    def loaded(self) -> Iterator[Any]:
        """Those parameters that are in memory."""
        return (parameter for parameter in self.parameters.values() if parameter is not None)

    def grown(self) -> list[Any]:
        """Those in memory whose ranges in the store end too early."""
        return [parameter for parameter in self.loaded() if parameter.v_full_name in self.outdated]

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
