"""What all suites share: how a service makes stores, and trajectories and classes to try."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.leaves.base import BaseResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.examples import stored_example
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.branch_groups import ResultGroup

#: Gives another service on the same store at each call.
Connect: TypeAlias = Callable[[], StorageService]


class StoreTests(ABC):
    """Base of suites for one kind of storage service; subclasses define :meth:`new_store`."""

    #: Whether the service takes objects of any type, for instance because it pickles them.
    keeps_any_object = False

    @abstractmethod
    def new_store(self) -> Connect:
        """Make an empty store and return a function that gives services on it.

        Each call of that function returns another service object on the same store.
        """

    @pytest.fixture
    def connect(self) -> Connect:
        """Gives services on one empty store."""
        return self.new_store()

    @pytest.fixture
    def traj(self, connect: Connect) -> Trajectory:
        """A small stored trajectory of three runs with comments, annotations and links."""
        return stored_example(connect())


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
