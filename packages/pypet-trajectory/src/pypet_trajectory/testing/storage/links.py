"""Links come back as links, to targets that come with them."""

from __future__ import annotations

import pytest

from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class LinkTests(StoreTests):
    """Tests of links."""

    def test_links_come_back_as_links(self, connect: Connect, traj: Trajectory) -> None:
        again = loaded(connect(), "example")
        assert again.f_get("results.shortcut") is again.f_get("results.noted")
        assert again.f_get("start") is again.f_get("parameters.cells.size")
        assert list(again.results.f_get_links()) == ["shortcut"]

    def test_a_link_brings_its_target_as_skeleton(self, connect: Connect, traj: Trajectory) -> None:
        again = Trajectory(storage_service=connect())
        again.f_load(
            name="example",
            load_parameters=2,
            load_results=0,
            load_derived_parameters=0,
            load_other_data=0,
        )
        assert "results" not in again.f_get_groups()
        traj.parameters.f_add_link("outcome", traj.f_get("results.noted"))
        traj.f_store()
        again = Trajectory(storage_service=connect())
        again.f_load(
            name="example",
            load_parameters=2,
            load_results=0,
            load_derived_parameters=0,
            load_other_data=0,
        )
        assert again.f_get("parameters.outcome") is again.f_get("results.noted")
        assert again.f_get("results.noted").f_is_empty()

    def test_a_link_stored_before_its_target_stores_the_target(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        target = traj.f_add_result("late", 4)
        traj.parameters.f_add_link("soon", target)
        traj.parameters.f_store(store_data=1)
        assert loaded(connect(), "example").soon == 4
        assert target.v_stored

    def test_a_dangling_link_is_skipped(
        self, connect: Connect, traj: Trajectory, caplog: pytest.LogCaptureFixture
    ) -> None:
        traj.f_delete_item("results.noted")
        again = loaded(connect(), "example")
        assert "shortcut" not in again.results
        assert "shortcut" in caplog.text

    def test_links_can_be_deleted(self, connect: Connect, traj: Trajectory) -> None:
        traj.f_delete_link("results.shortcut")
        again = loaded(connect(), "example")
        assert not again.results.f_has_links()
        assert "results.noted" in again

    def test_deleting_a_link_that_is_not_there_is_a_storage_error(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        with pytest.raises(DataNotInStorageError):
            connect().store("DELETE_LINK", "results.absent", trajectory_name="example")
