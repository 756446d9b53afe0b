"""Deleting reaches the store only; memory keeps what it has."""

from __future__ import annotations

import pytest

from pypet_trajectory import constants
from pypet_trajectory.api.service import SupportsDeltas, supports
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class DeletingTests(StoreTests):
    """Tests of deleting."""

    def test_deleted_leaves_are_gone_from_the_store_only(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.f_delete_item("results.noted")
        assert "results.noted" not in loaded(connect(), "example")
        assert traj.results.noted.value == 7
        assert not traj.f_get("results.noted").v_stored
        traj.f_store()
        assert loaded(connect(), "example").results.noted.value == 7

    def test_deleting_a_group_with_children_needs_recursive(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        with pytest.raises(TypeError, match="recursive"):
            traj.f_delete_item("parameters.cells")
        assert "parameters.cells.size" in loaded(connect(), "example")
        traj.f_delete_item("parameters.cells", recursive=True)
        assert "parameters.cells" not in loaded(connect(), "example")

    def test_deleting_what_is_not_there_is_a_storage_error(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        leaf = traj.f_add_result("never.stored", 1)
        with pytest.raises(DataNotInStorageError, match=r"never\.stored"):
            connect().store("DELETE", leaf, trajectory_name="example")

    def test_single_items_can_be_deleted(
        self, connect: Connect, traj: Trajectory, caplog: pytest.LogCaptureFixture
    ) -> None:
        result = traj.f_get("results.noted")
        result.f_set(more=1)
        traj.f_store_item(result)
        traj.f_delete_item(result, delete_only=["value", "absent"], remove_from_item=True)
        assert loaded(connect(), "example").f_get("results.noted").f_to_dict() == {"more": 1}
        assert "value" not in result
        assert "absent" in caplog.text

    def test_delete_only_is_for_leaves(self, connect: Connect, traj: Trajectory) -> None:
        with pytest.raises(ValueError, match="cells"):
            connect().store(
                "DELETE", traj.parameters.cells, trajectory_name="example", delete_only="size"
            )

    def test_runs_are_deleted_except_for_what_was_prepared(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        service = connect()
        if not supports(connect(), SupportsDeltas):
            pytest.skip("the service takes no deltas")
        first, second = traj.f_get_run_names()[:2]
        for run in (first, second):
            traj.f_add_derived_parameter(f"seeds.{run}", 1)
            traj.f_add_result(f"runs.{run}.prepared.z", 2)
            traj.f_add_result(f"runs.{run}.prepared.left", 3)
            traj.f_add_result(f"own.{run}", 4)
        traj.f_store()
        prepared = ("derived_parameters.seeds.$", "results.runs.$.prepared.z")
        service.store(constants.DELETE_RUNS, [second], prepared, trajectory_name="example")
        again = loaded(connect(), "example")
        names = {leaf.v_full_name for leaf in again.f_iter_leaves() if second in leaf.v_full_name}
        assert names == {name.replace("$", second) for name in prepared}
        assert again.f_get(f"results.own.{first}").f_get() == 4
