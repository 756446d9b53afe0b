"""Whole trajectories: what comes back, under which name, and what is refused."""

from __future__ import annotations

import pytest

from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import assert_trees_same, loaded
from pypet_trajectory.testing.storage.store import (
    Connect,
    Readings,
    ReadingsGroup,
    StoreTests,
    Unstorable,
)
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.root import set_origin


class WholeTrajectoryTests(StoreTests):
    """Tests of whole trajectories."""

    def test_a_stored_trajectory_loads_with_equal_values_and_types(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example")
        assert_trees_same(again, traj)
        assert again.v_comment == "an example"
        assert (again.v_timestamp, again.v_time) == (traj.v_timestamp, traj.v_time)
        assert again.v_stored

    def test_storing_marks_every_node_stored(self, traj: Trajectory) -> None:
        assert traj.v_stored
        assert all(node.v_stored for node in traj.f_iter_nodes())

    def test_stored_parameters_are_locked_and_so_are_loaded_ones(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        assert traj.f_get("parameters.cells.size").v_locked
        assert loaded(connect(), "example").f_get("parameters.cells.size").v_locked

    def test_comments_and_annotations_come_back(self, connect: Connect, traj: Trajectory) -> None:
        again = loaded(connect(), "example", load_data=1)
        assert again.f_get("parameters.cells.size").v_comment == "in micrometres"
        assert again.f_get("parameters.cells").v_comment == "what cells are like"
        assert again.results.noted.v_annotations.who == "Ada"
        assert again.f_get("results.noted").f_is_empty()
        assert_same(again.v_annotations.f_to_dict(), {"room": "B12"})

    def test_an_empty_leaf_comes_back_empty(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_parameter("nothing", comment="yet")
        traj.f_add_result("no.items")
        traj.f_store()
        again = loaded(connect(), "t")
        assert again.f_get("nothing").f_is_empty()
        assert again.f_get("nothing").v_comment == "yet"
        assert again.f_get("no.items").f_is_empty()

    def test_a_new_trajectory_never_replaces_a_stored_one_of_its_name(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        other = Trajectory("example", storage_service=connect())
        other.f_add_result("intruder", 1)
        with pytest.raises(RuntimeError, match="example"):
            other.f_store()
        assert "intruder" not in loaded(connect(), "example")

    def test_a_trajectory_marked_stored_is_created_where_it_is_missing(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        elsewhere = self.new_store()
        traj.f_migrate(new_storage_service=elsewhere(), in_store=True)
        traj.f_store()
        assert_trees_same(loaded(elsewhere(), "example"), traj)

    def test_only_init_stores_meta_data_only(self, connect: Connect) -> None:
        traj = Trajectory("t", comment="early", storage_service=connect())
        traj.f_add_parameter("x", 1)
        traj.f_store(only_init=True)
        again = loaded(connect(), "t")
        assert again.v_comment == "early"
        assert "x" not in again
        assert not traj.f_get("x").v_stored

    def test_a_trajectory_that_failed_to_store_can_be_stored_again(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_result(Unstorable, "broken")
        with pytest.raises(ValueError, match="cannot be stored"):
            traj.f_store()
        traj.f_remove_item("broken")
        traj.f_add_result("fine", 1)
        traj.f_store()
        assert loaded(connect(), "t").fine == 1

    def test_several_trajectories_live_in_one_store_and_are_indexed_by_name(
        self, connect: Connect
    ) -> None:
        service = connect()
        for name in ("zeta", "alpha"):
            traj = Trajectory(name, storage_service=service)
            traj.f_add_result("who", name)
            traj.f_store()
        for index, name in ((0, "alpha"), (-1, "zeta"), (1, "zeta"), (-2, "alpha")):
            again = Trajectory(storage_service=connect())
            again.f_load(index=index, load_data=2)
            assert (again.v_name, again.who) == (name, name)

    @pytest.mark.parametrize("index", [2, -3])
    def test_an_index_out_of_range_is_a_value_error(
        self, connect: Connect, traj: Trajectory, index: int
    ) -> None:
        with pytest.raises(ValueError, match="index"):
            Trajectory(storage_service=connect()).f_load(index=index)

    def test_an_unknown_name_is_a_value_error(self, connect: Connect, traj: Trajectory) -> None:
        with pytest.raises(ValueError, match="nobody"):
            Trajectory(storage_service=connect()).f_load(name="nobody")

    def test_max_depth_limits_storing(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_result("shallow", 1)
        traj.f_add_result("quite.deep", 2)
        traj.f_store(max_depth=2)
        again = loaded(connect(), "t")
        assert "results.shallow" in again
        assert "results.quite" in again
        assert "results.quite.deep" not in again

    def test_explored_parameters_come_back_with_their_range(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        again = loaded(connect(), "example")
        parameter = again.f_get("parameters.cells.speed")
        assert parameter.f_get_range() == [1.5, 2.5, 3.5]
        assert again.f_get_explored_parameters() == {"parameters.cells.speed": parameter}
        assert len(again) == 3

    def test_the_run_table_comes_back(self, connect: Connect, traj: Trajectory) -> None:
        traj.v_runs.table.set(1, completed=1, timestamp=5.0, finish_timestamp=7.5)
        traj.f_store()
        again = loaded(connect(), "example", load_data=0)
        for idx in range(3):
            assert again.v_runs.table.row(idx) == traj.v_runs.table.row(idx)
        assert again.f_is_completed(1)
        assert not again.f_is_completed(2)

    def test_storing_a_loaded_trajectory_keeps_rows_nobody_changed(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.v_runs.table.set(0, completed=1)
        traj.f_store()
        again = Trajectory(storage_service=connect())
        again.f_load(name="example", load_data=1, with_run_information=False)
        again.f_store()
        assert loaded(connect(), "example", load_data=0).f_is_completed(0)

    def test_an_expanded_trajectory_appends_its_new_runs(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.v_runs.table.set(0, completed=1)
        traj.f_store()
        traj.f_expand({"cells.speed": [4.5]})
        traj.f_store()
        again = loaded(connect(), "example")
        assert len(again) == 4
        assert again.f_is_completed(0)
        assert again.f_get("cells.speed").f_get_range() == [1.5, 2.5, 3.5, 4.5]

    def test_classes_are_found_again_by_name(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        group = traj.f_add_result_group(ReadingsGroup, "lab", comment="upstairs")
        group.f_add_result(Readings, "first", 3.5)
        traj.f_store()
        again = Trajectory(storage_service=connect(), dynamic_imports=[ReadingsGroup, Readings])
        again.f_load(name="t", load_data=2)
        assert type(again.f_get("lab")) is ReadingsGroup
        assert type(again.f_get("lab.first")) is Readings
        assert again.lab.first == 3.5

    def test_an_unknown_class_is_an_import_error_that_names_the_node(
        self, connect: Connect
    ) -> None:
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_result(Readings, "lab.first", 3.5)
        traj.f_store()
        with pytest.raises(ImportError, match=r"results\.lab\.first"):
            loaded(connect(), "t")

    def test_versions_never_keep_a_trajectory_from_loading(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        set_origin(traj, version="99.0", python="2.7.18")
        traj.f_store()
        again = loaded(connect(), "t")
        assert (again.v_version, again.v_python) == ("99.0", "2.7.18")
