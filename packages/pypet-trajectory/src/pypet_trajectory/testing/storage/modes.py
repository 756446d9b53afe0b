"""What the store modes and `overwrite` change in leaves that are stored already, and what not.

Invariant: a store that fails leaves everything as it was.
"""

from __future__ import annotations

from typing import Any

import pytest

from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import assert_trees_same, loaded
from pypet_trajectory.testing.storage.store import (
    Connect,
    Readings,
    StoreTests,
    Unknown,
    Unstorable,
)
from pypet_trajectory.trajectory import Trajectory


class StoreModeTests(StoreTests):
    """Tests of storing over what is there."""

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
        self, connect: Connect, traj: Trajectory, caplog: pytest.LogCaptureFixture
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
        self, connect: Connect, traj: Trajectory, caplog: pytest.LogCaptureFixture
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
            return {"value": 7, "bad": Unknown()}

        class Changing(Readings):
            def _store(self) -> dict[str, Any]:
                return store()

        result = Changing("results.noted", comment="a number", value=7)
        if self.keeps_any_object:
            pytest.skip("the service keeps any object")
        with pytest.raises((TypeError, NoSuchServiceError)):
            connect().store("LEAF", result, trajectory_name="example")
        assert loaded(connect(), "example").results.noted.value == 7
