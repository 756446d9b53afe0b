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
from pypet_trajectory.values.comparisons import nested_equal, parameters_equal


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

    @pytest.mark.parametrize("load_data", [1, 2])
    def test_nodes_come_from_the_last_name_to_the_first(
        self, connect: Connect, load_data: int
    ) -> None:
        # What pypet 0.7 has after each of these calls, apart from links: there they come first.
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_parameter("x", 1)
        for name in ("b", "q10", "a.z", "a.x", "a.y", "Q", "q9"):
            traj.f_add_result(name, 1)
        traj.results.f_add_link("k", traj.f_get("q9"))
        traj.results.f_add_link("m", traj.f_get("q10"))
        traj.f_explore({"x": range(12)})
        for idx in (3, 11, 2):
            traj.v_idx = idx
            traj.f_add_result("runs.$.z", idx)
        traj.v_idx = -1
        traj.f_store()
        names = ["runs", "q9", "q10", "b", "a", "Q"]
        runs = ["run_00000011", "run_00000003", "run_00000002"]

        again = loaded(connect(), "t", load_data)
        assert list(again.f_get_children()) == sorted(again.f_get_children())
        results = again.results
        assert list(results.f_get_children()) == [*names, "m", "k"]
        assert list(results.f_get_leaves()) == ["q9", "q10", "b", "Q"]
        assert list(results.a.f_get_children()) == ["z", "y", "x"]
        assert list(results.runs.f_get_children()) == runs
        assert [
            node.v_full_name for node in results.f_iter_nodes(recursive=False, with_links=False)
        ] == [f"results.{name}" for name in ("runs", "a", "q9", "q10", "b", "Q")]
        assert list(again.f_get_from_runs("z")) == runs[::-1]

        some = loaded(connect(), "t", 0)
        some.v_auto_load = True
        assert some.results.q10 == 1
        assert some.results.runs.run_00000002.z == 2
        assert list(some.results.f_get_children()) == ["q10", "runs"]
        some.results.f_load(recursive=True, load_data=load_data)
        assert list(some.results.f_get_children()) == ["q10", "runs", "q9", "b", "a", "Q", "m", "k"]
        assert list(some.results.runs.f_get_children()) == [runs[2], *runs[:2]]

    def test_items_come_in_the_order_in_which_they_were_stored(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_result("r", m=1, a={"z": 1, "b": 2}, k=[1])
        traj.f_store()
        traj.r.f_set(c=3)
        traj.f_store_item("r", store_data=2)
        assert list(loaded(connect(), "t").r.f_to_dict()) == ["m", "a", "k", "c"]
        assert list(loaded(connect(), "t").r.a) == ["z", "b"]

    def test_mode_3_marks_locked_parameters_as_stored(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = Trajectory("example", storage_service=connect())
        size = again.f_add_parameter("cells.size", 99)
        size.f_lock()
        again.f_load(load_data=3)
        assert (size.f_get(), size.v_stored) == (99, True)

    def test_a_range_without_a_default_value_comes_back(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example", load_data=1)
        again.f_load_item("parameters.cells.speed", load_only="explored_data")
        again.f_migrate(new_name="other", in_store=False)
        again.f_store()
        speed = loaded(connect(), "other").f_get("parameters.cells.speed")
        assert speed.f_is_empty()
        assert speed.f_get_range() == [1.5, 2.5, 3.5]
        assert parameters_equal(speed, again.f_get("parameters.cells.speed"))
        assert nested_equal(speed, again.f_get("parameters.cells.speed"))

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
