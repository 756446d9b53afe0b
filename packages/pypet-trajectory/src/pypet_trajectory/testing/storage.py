"""The suite that every storage service passes: subclass it, say how to make a store, run pytest.

::

    class TestMyService(StorageServiceConformance):
        def new_store(self):
            path = tempfile.mkdtemp() + '/store.mine'
            return lambda: MyService(path)

Invariant: the suite looks at services through trajectories and messages only, never at files. So
it says nothing about formats, and everything about what users of any service can rely on.
"""

from __future__ import annotations

import pickle
from typing import Any, TypeAlias

import numpy as np
import pytest

from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    NoSuchServiceError,
    ParameterLockedException,
)
from pypet_trajectory.leaves.base import BaseResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.storage.copying import copy_trajectory
from pypet_trajectory.storage.delta import delta_from_message
from pypet_trajectory.storage.memory import InMemoryStorageService
from pypet_trajectory.storage.records import RunFailure, RunRows
from pypet_trajectory.storage.service import SupportsDeltas
from pypet_trajectory.storage.tree_service import TreeStorageService
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import assert_trees_same, loaded, stored_example
from pypet_trajectory.testing.storage_properties import Connect, StorageServiceProperties
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.branch_groups import ResultGroup

Log: TypeAlias = pytest.LogCaptureFixture


class ReadingsGroup(ResultGroup):
    """A group class that services must find again by its name."""


class Readings(Result):
    """A result class that services must find again by its name."""


class Unstorable(BaseResult):
    """A result that fails as soon as somebody wants to store it."""

    def f_is_empty(self) -> bool:
        """Never empty, so that it is asked for its data."""
        return False

    def f_empty(self) -> None:
        """Nothing to drop."""

    def _store(self) -> dict[str, Any]:
        raise ValueError("this result cannot be stored")


class StorageServiceConformance(StorageServiceProperties):
    """Tests of one kind of storage service; subclasses define :meth:`new_store`."""

    #: Whether the service takes objects of any type, for instance because it pickles them.
    keeps_any_object = False

    @pytest.fixture
    def connect(self) -> Connect:
        """Gives services on one empty store."""
        return self.new_store()

    @pytest.fixture
    def traj(self, connect: Connect) -> Trajectory:
        """A small stored trajectory of three runs with comments, annotations and links."""
        return stored_example(connect())

    # ------------------------------------------------------- whole trajectories

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
        traj._run_table.set(1, completed=1, timestamp=5.0, finish_timestamp=7.5)
        traj.f_store()
        again = loaded(connect(), "example", load_data=0)
        for idx in range(3):
            assert again._run_table.row(idx) == traj._run_table.row(idx)
        assert again.f_is_completed(1)
        assert not again.f_is_completed(2)

    def test_storing_a_loaded_trajectory_keeps_rows_nobody_changed(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj._run_table.set(0, completed=1)
        traj.f_store()
        again = Trajectory(storage_service=connect())
        again.f_load(name="example", load_data=1, with_run_information=False)
        again.f_store()
        assert loaded(connect(), "example", load_data=0).f_is_completed(0)

    def test_an_expanded_trajectory_appends_its_new_runs(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj._run_table.set(0, completed=1)
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
        traj._version, traj._python = "99.0", "2.7.18"
        traj.f_store()
        again = loaded(connect(), "t")
        assert (again.v_version, again.v_python) == ("99.0", "2.7.18")

    # -------------------------------------------------------------- store modes

    def test_mode_1_leaves_stored_leaves_alone(self, connect: Connect, traj: Trajectory) -> None:
        traj.f_get("results.noted").f_set(more=1)
        traj.f_add_result("fresh", 2)
        traj.f_store(store_data=1)
        again = loaded(connect(), "example")
        assert "more" not in again.f_get("results.noted")
        assert again.fresh == 2

    def test_mode_2_adds_items_and_never_changes_those_that_are_there(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        result = traj.f_get("results.noted")
        result.f_set(value=-1, more=[1, 2])
        result.v_comment = "changed"
        result.v_annotations.who = "Bob"
        result.v_annotations.when = "today"
        traj.f_store()
        again = loaded(connect(), "example").f_get("results.noted")
        assert_same(again.f_to_dict(), {"value": 7, "more": [1, 2]})
        assert again.v_comment == "a number"
        assert again.v_annotations.f_to_dict() == {"who": "Ada", "when": "today"}

    def test_mode_3_replaces_items_and_keeps_those_only_the_store_has(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        result = traj.f_get("results.noted")
        result.f_set(kept="k")
        traj.f_store()
        result.f_remove("kept")
        result.f_set(value="other")
        result.v_comment = "changed"
        result.v_annotations.f_empty()
        result.v_annotations.when = "today"
        traj.f_store(store_data=3)
        again = loaded(connect(), "example").f_get("results.noted")
        assert again.f_to_dict() == {"value": "other", "kept": "k"}
        assert again.v_comment == "changed"
        assert again.v_annotations.f_to_dict() == {"when": "today"}

    def test_mode_0_stores_nothing_but_meta_data(self, connect: Connect) -> None:
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_result("x", 1)
        traj.f_store(store_data=0)
        assert traj.v_stored
        assert "x" not in loaded(connect(), "t")

    def test_overwrite_replaces_the_named_items_only(
        self, connect: Connect, traj: Trajectory, caplog: Log
    ) -> None:
        result = traj.f_get("results.noted")
        result.f_set(second=2)
        traj.f_store_item(result)
        result.f_set(value=8, second=3)
        traj.f_store_item(result, overwrite=["value", "absent"])
        again = loaded(connect(), "example").f_get("results.noted")
        assert_same(again.f_to_dict(), {"value": 8, "second": 2})
        assert "absent" in caplog.text

    def test_overwrite_true_replaces_all_items(self, connect: Connect, traj: Trajectory) -> None:
        traj.f_get("results.noted").f_set(value=8.5)
        traj.f_store_item("results.noted", overwrite=True)
        assert_same(loaded(connect(), "example").results.noted.value, 8.5)

    def test_overwrite_of_another_type_is_a_value_error_and_changes_nothing(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        traj.f_get("results.noted").f_set(value=8)
        with pytest.raises(ValueError, match="overwrite"):
            traj.f_store_item("results.noted", overwrite=5)
        assert loaded(connect(), "example").results.noted.value == 7

    def test_a_failed_store_leaves_everything_as_it_was(
        self, connect: Connect, traj: Trajectory, caplog: Log
    ) -> None:
        traj.f_add_result(Unstorable, "broken")
        with pytest.raises(ValueError, match="cannot be stored"):
            traj.f_store()
        assert "broken" in caplog.text or "example" in caplog.text
        traj.f_remove_item("broken")
        assert_trees_same(loaded(connect(), "example"), traj)

    def test_a_new_item_that_fails_does_not_harm_the_leaf(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        def store() -> dict[str, Any]:
            return {"value": 7, "bad": _Unknown()}

        class Changing(Readings):
            def _store(self) -> dict[str, Any]:
                return store()

        result = Changing("results.noted", comment="a number", value=7)
        if self.keeps_any_object:
            pytest.skip("the service keeps any object")
        with pytest.raises((TypeError, NoSuchServiceError)):
            connect().store("LEAF", result, trajectory_name="example")
        assert loaded(connect(), "example").results.noted.value == 7

    # ------------------------------------------------------------- single nodes

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

    # -------------------------------------------------------------------- links

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
        self, connect: Connect, traj: Trajectory, caplog: Log
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

    # ----------------------------------------------------------------- deleting

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
        self, connect: Connect, traj: Trajectory, caplog: Log
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

    # ------------------------------------------------------------------ loading

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
        traj._run_table.set(0, completed=1)
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
        self, connect: Connect, traj: Trajectory, caplog: Log
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

    # ----------------------------------------------------------- open and close

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

    # ------------------------------------------------------------ runs, deltas

    def test_a_run_stores_only_what_it_added(self, connect: Connect, traj: Trajectory) -> None:
        before = loaded(connect(), "example")
        traj.f_get("results.noted").f_set(more=1)
        traj.v_idx = 1
        traj.f_start_run()
        traj.f_add_result("runs.$.z", 5)
        traj.f_add_link("last", traj.f_get("results.runs.$.z"))
        traj.f_store()
        traj.f_finalize_run()
        again = loaded(connect(), "example")
        assert again.results.runs.run_00000001.z == 5
        assert again.f_get("last") is again.f_get("results.runs.run_00000001.z")
        assert_same(
            again.f_get("results.noted").f_to_dict(), before.f_get("results.noted").f_to_dict()
        )

    def test_a_delta_brings_the_same_nodes_as_a_store_call(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        service = connect()
        if not isinstance(service, SupportsDeltas):
            pytest.skip("the service takes no deltas")
        traj.v_idx = 2
        traj.f_start_run()
        result = traj.f_add_result("$.deep.z", np.arange(4), comment="by delta")
        traj.results.f_add_link("$.same", result)
        delta = delta_from_message("SINGLE_RUN", traj, (), {"trajectory_name": "example"})
        assert result.v_stored
        traj.f_finalize_run()
        service.store_delta(pickle.loads(pickle.dumps(delta)))
        again = loaded(connect(), "example")
        stored = again.f_get("results.run_00000002.deep.z")
        assert_same(stored.f_get(), np.arange(4))
        assert stored.v_comment == "by delta"
        assert again.f_get("results.run_00000002.same") is stored

    def test_rows_of_runs_can_be_rewritten_alone(self, connect: Connect, traj: Trajectory) -> None:
        service = connect()
        if not isinstance(service, SupportsDeltas):
            pytest.skip("the service takes no deltas")
        table = traj._run_table
        table.set(1, completed=1, timestamp=3.0, finish_timestamp=4.0)
        failure = RunFailure("failed", "ValueError", "no", "Traceback ...", attempts=2)
        rows = {idx: {**table.row(idx), "name": f"run_{idx:08d}"} for idx in (1, 2)}
        service.store_run_rows(RunRows("example", rows, {2: failure}))
        again = loaded(connect(), "example", load_data=0)
        assert again._run_table.row(1) == table.row(1)
        assert again._run_table.failures == {2: failure}

    # ---------------------------------------------------------- copies, merges

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


class _Unknown:
    """Something no store has a form for."""
