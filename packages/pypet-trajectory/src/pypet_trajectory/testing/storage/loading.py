"""Loading: modes, depth, single items, on demand.

Invariant: a locked parameter never changes.
"""

from __future__ import annotations

import pytest

from pypet_trajectory.exceptions import DataNotInStorageError, ParameterLockedException
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class LoadingTests(StoreTests):
    """Tests of loading."""

    def test_mode_1_loads_no_data(self, connect: Connect, traj: Trajectory) -> None:
        again = loaded(connect(), "example", load_data=1)
        assert all(leaf.f_is_empty() for leaf in again.f_iter_leaves())
        assert again.f_get("parameters.cells.speed").v_explored

    def test_mode_2_fills_empty_leaves_and_leaves_others_alone(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", load_data=1)
        again.f_get("results.noted").f_set(value="mine")
        again.f_load(load_data=2)
        assert again.results.noted.value == "mine"
        assert again.f_get("parameters.cells.size").f_get() == 12

    def test_mode_3_reloads_all_but_locked_parameters(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example")
        result = again.f_get("results.noted")
        result.f_set(value="mine", extra=1)
        result.v_comment = "mine"
        size = again.f_get("parameters.cells.size")
        size.f_unlock()
        size.f_set(99)
        size.f_lock()
        again.f_get("free.thing").v_annotations.mine = 1
        again.f_load(load_data=3)
        assert result.f_to_dict() == {"value": 7}
        assert again.f_get("free.thing").v_annotations.f_is_empty()
        assert result.v_comment == "a number"
        assert size.f_get() == 99

    def test_unknown_modes_are_value_errors(self, connect: Connect, traj: Trajectory) -> None:
        with pytest.raises(ValueError):
            loaded(connect(), "example", load_data=7)
        with pytest.raises(ValueError):
            connect().store(
                "LEAF", traj.f_get("results.noted"), trajectory_name="example", store_data=9
            )

    def test_modes_belong_to_branches(self, connect: Connect, traj: Trajectory) -> None:
        again = Trajectory(storage_service=connect())
        again.f_load(
            name="example",
            load_parameters=0,
            load_derived_parameters=0,
            load_results=2,
            load_other_data=1,
        )
        assert "parameters.cells.speed" not in again
        assert again.results.noted.value == 7
        assert again.f_get("free.thing").f_is_empty()

    def test_max_depth_limits_loading(self, connect: Connect, traj: Trajectory) -> None:
        again = loaded(connect(), "example", max_depth=2)
        assert "parameters.cells" in again
        assert "parameters.cells.speed" not in again
        assert not list(loaded(connect(), "example", max_depth=0).f_iter_nodes())

    def test_without_recursive_only_branches_are_loaded(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", recursive=False)
        assert "results" in again
        assert "results.noted" not in again

    def test_as_new_gives_parameters_of_a_new_trajectory(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.v_runs.table.set(0, completed=1)
        traj.f_store()
        new = Trajectory("new", storage_service=connect())
        new.f_load(name="example", as_new=True)
        assert new.v_name == "new"
        assert not new.v_stored
        assert not any(node.v_stored for node in new.f_iter_nodes())
        assert "noted" not in new
        assert not new.f_get("parameters.cells.size").v_locked
        assert new.f_get("parameters.cells.speed").f_get_range() == [1.5, 2.5, 3.5]
        assert len(new) == 3
        assert not new.f_is_completed(0)

    def test_items_can_be_loaded_one_by_one(self, connect: Connect, traj: Trajectory) -> None:
        result = traj.f_add_result("many", a=1, b=[2], c="3")
        traj.f_store_item(result)
        again = loaded(connect(), "example", load_data=1)
        only, wanted = again.f_get("results.many"), ["a", "c"]
        again.f_load_item(only, load_only=wanted)
        assert_same(only.f_to_dict(), {"a": 1, "c": "3"})
        again.f_load_item(only, load_except="a")
        assert_same(only.f_to_dict(), {"b": [2], "c": "3"})
        assert wanted == ["a", "c"]

    def test_unknown_items_are_reported_and_ignored(
        self, connect: Connect, traj: Trajectory, caplog: pytest.LogCaptureFixture
    ) -> None:
        again = loaded(connect(), "example", load_data=1)
        again.f_load_item("results.noted", load_only=["value", "absent"])
        assert again.results.noted.value == 7
        assert "absent" in caplog.text

    def test_load_only_and_load_except_exclude_each_other(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", load_data=1)
        with pytest.raises(ValueError, match="both"):
            again.f_load_item("results.noted", load_only="value", load_except="value")

    def test_parts_of_a_locked_parameter_cannot_be_loaded(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example")
        with pytest.raises(ParameterLockedException):
            again.f_load_item("parameters.cells.size", load_only="data")

    def test_a_locked_empty_parameter_cannot_be_loaded(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", load_data=1)
        again.f_get("parameters.cells.size").f_lock()
        with pytest.raises(ParameterLockedException):
            again.f_load_item("parameters.cells.size")

    def test_loading_what_was_never_stored_is_a_storage_error(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.f_add_result("never", 1)
        with pytest.raises(DataNotInStorageError, match="never"):
            traj.f_load_item("results.never")
        with pytest.raises(DataNotInStorageError, match="absent"):
            traj.results.f_load_child("absent")

    def test_a_child_is_loaded_with_the_groups_on_its_path(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", load_data=0)
        child = again.f_load_child("parameters.cells.size")
        assert child.f_get() == 12
        assert again.f_get("parameters.cells").v_comment == "what cells are like"
        assert "speed" not in again.parameters.cells

    def test_a_group_loads_all_that_is_below(self, connect: Connect, traj: Trajectory) -> None:
        again = loaded(connect(), "example", load_data=0)
        again.f_load_child("parameters")
        again.parameters.f_load()
        assert again.cells.size == 12
        assert "results" not in again.f_get_groups()

    def test_missing_data_is_loaded_when_it_is_asked_for(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", load_data=0)
        again.v_auto_load = True
        assert again.parameters.cells.size == 12
        assert again.results.noted.value == 7
