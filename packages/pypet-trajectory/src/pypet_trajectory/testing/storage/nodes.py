"""Storing single nodes by message: each with the groups on its path and nothing else."""

from __future__ import annotations

import pytest

from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class SingleNodeTests(StoreTests):
    """Tests of storing single nodes."""

    def test_parts_of_a_trajectory_need_the_trajectory(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        leaf = Result("results.x", 1)
        with pytest.raises(ValueError, match="nobody"):
            connect().store("LEAF", leaf, trajectory_name="nobody")

    def test_storing_one_item_stores_nothing_else(self, connect: Connect, traj: Trajectory) -> None:
        traj.f_add_result("one.deep", 1)
        traj.f_add_result("two", 2)
        traj.f_store_item("results.one.deep")
        again = loaded(connect(), "example")
        assert again.results.one.deep == 1
        assert "two" not in again

    def test_storing_a_child_stores_the_groups_on_its_path(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.f_add_result_group("way", comment="on the way")
        traj.f_add_result("way.there.end", 5)
        traj.results.f_store_child("way.there.end")
        again = loaded(connect(), "example")
        assert again.f_get("results.way").v_comment == "on the way"
        assert again.way.there.end == 5
        assert traj.f_get("results.way").v_stored

    def test_storing_a_child_that_is_not_there_is_a_value_error(self, traj: Trajectory) -> None:
        with pytest.raises(ValueError, match="absent"):
            traj.results.f_store_child("absent")

    def test_storing_a_group_with_depth_0_stores_the_group_only(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.f_add_result("box.x", 1)
        traj.results.box.v_comment = "a box"
        traj.results.box.f_store(max_depth=0)
        again = loaded(connect(), "example")
        assert again.f_get("results.box").v_comment == "a box"
        assert "x" not in again.results.box

    def test_a_group_stored_on_the_way_gets_its_comment_later(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.f_add_result("box.x", 1)
        traj.f_store_item("results.box.x")
        traj.results.box.v_comment = "a box"
        traj.f_store()
        assert loaded(connect(), "example").f_get("results.box").v_comment == "a box"

    def test_list_entries_do_not_inherit_arguments(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        first, second = traj.f_add_result("first", 1), traj.f_add_result("second", 2)
        traj.f_store_items([first, second])
        for result in (first, second):
            result.f_set(**{result.v_name: 10})
        connect().store(
            "LIST",
            [("LEAF", first, (), {"store_data": 3}), ("LEAF", second)],
            trajectory_name="example",
        )
        again = loaded(connect(), "example")
        assert (again.first, again.second) == (10, 2)

    def test_list_entries_of_five_parts_are_refused(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        with pytest.raises(RuntimeError, match="5"):
            connect().store(
                "LIST",
                [("LEAF", traj.f_get("results.noted"), (), {}, 0)],
                trajectory_name="example",
            )

    def test_unknown_messages_are_refused(self, connect: Connect, traj: Trajectory) -> None:
        for message in ("LEA", "EAF", "", "DANCE"):
            with pytest.raises(NoSuchServiceError):
                connect().store(message, traj, trajectory_name="example")
            with pytest.raises(NoSuchServiceError):
                connect().load(message, traj, trajectory_name="example")

    def test_a_closed_store_needs_to_know_the_trajectory(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        for message in ("LEAF", "FLUSH", "CLOSE_FILE"):
            with pytest.raises(ValueError):
                connect().store(message, None)
        with pytest.raises(ValueError):
            connect().load("LEAF", None)
        with pytest.raises(ValueError, match="both"):
            connect().load("LEAF", None, trajectory_name="example", trajectory_index=0)
