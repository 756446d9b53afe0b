"""Copies, backups and merges that happen inside the store."""

from __future__ import annotations

import pytest

from pypet_trajectory.storage.copying import copy_trajectory
from pypet_trajectory.storage.memory import InMemoryStorageService
from pypet_trajectory.storage.tree_service import TreeStorageService
from pypet_trajectory.testing.examples import assert_trees_same, loaded, stored_example
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class CopyTests(StoreTests):
    """Tests of copies, backups and merges."""

    def test_a_trajectory_is_copied_to_another_service_by_one_call(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        source, target = connect(), InMemoryStorageService()
        if not isinstance(source, TreeStorageService):
            pytest.skip("the service keeps no trees of records")
        copy_trajectory(source, "example", target, new_name="copied")
        assert_trees_same(loaded(target, "copied"), traj)
        copy_trajectory(target, "copied", source)
        again = loaded(connect(), "copied")
        assert_trees_same(again, traj)
        assert len(again) == 3
        with pytest.raises(ValueError, match="copied"):
            copy_trajectory(target, "copied", source)

    def test_a_trajectory_is_copied_within_its_store(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        source = connect()
        if not isinstance(source, TreeStorageService):
            pytest.skip("the service keeps no trees of records")
        copy_trajectory(source, "example", source, new_name="twin")
        assert_trees_same(loaded(connect(), "twin"), traj)

    def test_a_backup_is_made_once(self, connect: Connect, traj: Trajectory) -> None:
        traj.f_backup()
        with pytest.raises(ValueError, match="example"):
            traj.f_backup()

    def test_results_are_merged_within_the_store(self, connect: Connect, traj: Trajectory) -> None:
        other = stored_example(connect(), name="other", value="from other")
        service = connect()
        service.store(
            "MERGE",
            "FAST MERGE",
            trajectory_name="example",
            other_trajectory_name="other",
            rename_dict={"results.noted": "results.merged.noted"},
        )
        assert loaded(connect(), "example").merged.noted.value == "from other"
        assert loaded(connect(), "other").results.noted.value == "from other"
        assert other.v_stored

    def test_merged_results_can_be_moved_and_the_other_trajectory_deleted(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        stored_example(connect(), name="other", value="moved")
        service = connect()
        service.store(
            "MERGE",
            "FAST MERGE",
            trajectory_name="example",
            other_trajectory_name="other",
            rename_dict={"results.noted": "results.merged.noted"},
            move_nodes=True,
        )
        assert loaded(connect(), "example").merged.noted.value == "moved"
        assert "results.noted" not in loaded(connect(), "other")
        service.store(
            "MERGE",
            "FAST MERGE",
            trajectory_name="example",
            other_trajectory_name="other",
            rename_dict={},
            delete_trajectory=True,
        )
        with pytest.raises(ValueError, match="other"):
            loaded(connect(), "other")

    def test_merging_with_an_absent_trajectory_is_a_value_error(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        with pytest.raises(ValueError, match="nobody"):
            connect().store(
                "MERGE",
                "FAST MERGE",
                trajectory_name="example",
                other_trajectory_name="nobody",
                rename_dict={},
            )

    def test_trajectories_merge(self, connect: Connect, traj: Trajectory) -> None:
        other = stored_example(connect(), name="other")
        other.v_idx = 0
        other.f_start_run()
        other.f_add_result("$.z", 42)
        other.f_store()
        other.f_finalize_run()
        traj.f_merge(other, backup=False)
        again = loaded(connect(), "example")
        assert len(again) == 6
        assert again.f_get("results.run_00000003.z").f_get() == 42
        assert again.f_get("cells.speed").f_get_range() == [1.5, 2.5, 3.5] * 2
