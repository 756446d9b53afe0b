"""Opening and closing: a store held open belongs to one trajectory, and errors close it."""

from __future__ import annotations

import pytest

from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class SessionTests(StoreTests):
    """Tests of opening and closing."""

    def test_a_store_can_be_held_open(self, connect: Connect, traj: Trajectory) -> None:
        service = traj.v_storage_service
        assert not service.is_open
        service.store("OPEN_FILE", None, trajectory_name="example")
        assert service.is_open
        traj.f_add_result("meanwhile.open", 1)
        traj.f_store()
        service.store("OPEN_FILE", None, trajectory_name="example")
        service.store("FLUSH", None)
        service.store("CLOSE_FILE", None)
        assert not service.is_open
        assert loaded(connect(), "example")["results.meanwhile.open"] == 1

    def test_a_store_held_open_serves_no_other_trajectory(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        service = traj.v_storage_service
        other = Trajectory("other", storage_service=service)
        other.f_store()
        service.store("OPEN_FILE", None, trajectory_name="example")
        try:
            with pytest.raises(ValueError, match="other"):
                other.f_store()
        finally:
            service.store("CLOSE_FILE", None)

    def test_an_error_closes_the_store(self, connect: Connect, traj: Trajectory) -> None:
        service = traj.v_storage_service
        with pytest.raises(NoSuchServiceError):
            service.store("DANCE", traj, trajectory_name="example")
        assert not service.is_open
