"""Classes of nodes that users might write, and what no service can store."""

from __future__ import annotations

from typing import Any

from pypet_trajectory.leaves.base import BaseResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.tree.branch_groups import ResultGroup


class ReadingsGroup(ResultGroup):
    """A group class that services must find again by its name."""


class Readings(Result):
    """A result class that services must find again by its name."""


class Unstorable(BaseResult):
    """A result that fails as soon as a service wants to store it."""

    def f_is_empty(self) -> bool:
        """Never empty, so that it is asked for its data."""
        return False

    def f_empty(self) -> None:
        """Nothing to drop."""

    def _store(self) -> dict[str, Any]:
        raise ValueError("this result cannot be stored")


class Unknown:
    """Data of a type that services do not know."""
