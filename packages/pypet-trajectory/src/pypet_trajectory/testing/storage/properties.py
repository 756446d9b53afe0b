"""What must hold for any value, any tree and any order of modes: values are drawn by hypothesis.

Every example gets a store of its own, so examples cannot help each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypet_trajectory.testing import strategies
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import assert_trees_same, loaded, stored_example
from pypet_trajectory.testing.storage.store import StoreTests
from pypet_trajectory.trajectory import Trajectory

_drawn = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)


class PropertyTests(StoreTests):
    """Tests with drawn values."""

    #: What the drawn tests store; narrow it only if the service documents what it cannot keep.
    item_values = strategies.item_values()
    parameter_values = strategies.parameter_values()

    @given(data=st.data())
    @_drawn
    def test_any_supported_value_comes_back_the_same(self, data: st.DataObject) -> None:
        connect = self.new_store()
        items = data.draw(
            st.dictionaries(strategies.node_names(), self.item_values, min_size=1, max_size=3)
        )
        value = data.draw(self.parameter_values)
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_result("drawn", **items)
        traj.f_add_parameter("drawn", value)
        traj.f_store()
        again = loaded(connect(), "t")
        found = again.f_get("results.drawn").f_to_dict()
        assert_same({name: found[name] for name in items}, items)
        assert_same(again.f_get("parameters.drawn").f_get(), value)

    @given(values=strategies.explored_values())
    @_drawn
    def test_any_range_comes_back_the_same(self, values: list[Any]) -> None:
        connect = self.new_store()
        traj = Trajectory("t", storage_service=connect())
        traj.f_add_parameter("x", values[0])
        traj.f_explore({"x": values})
        traj.f_store()
        assert_same(loaded(connect(), "t").f_get("x").f_get_range(), values)

    @given(tree=strategies.trees(), mode=st.integers(1, 3))
    @_drawn
    def test_any_tree_comes_back_the_same(self, tree: Mapping[str, Any], mode: int) -> None:
        connect = self.new_store()
        traj = Trajectory("t", storage_service=connect())
        _grow(traj, tree)
        traj.f_store(store_data=mode)
        assert_trees_same(loaded(connect(), "t"), traj)

    @given(
        steps=st.lists(
            st.tuples(
                strategies.store_modes(),
                st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), max_size=3),
            ),
            max_size=6,
        )
    )
    @_drawn
    def test_store_modes_in_any_order_do_what_they_say(
        self, steps: list[tuple[int, dict[str, int]]]
    ) -> None:
        connect = self.new_store()
        traj = Trajectory("t", storage_service=connect())
        traj.f_store()
        result = traj.f_add_result("r")
        kept: dict[str, int] | None = None
        for mode, changes in steps:
            result.f_set(**changes)
            present = result.f_to_dict()
            was_stored = result.v_stored
            traj.f_store(store_data=mode)
            if mode == 0 or (mode == 1 and was_stored):
                continue
            kept = {**(kept or {}), **present} if mode == 3 else {**present, **(kept or {})}
        again = loaded(connect(), "t")
        if kept is None:
            assert "r" not in again
        else:
            assert again.f_get("results.r").f_to_dict() == kept

    @given(first=st.integers(0, 3), second=st.integers(0, 3))
    @_drawn
    def test_load_modes_in_any_order_end_with_all_that_was_asked_for(
        self, first: int, second: int
    ) -> None:
        connect = self.new_store()
        traj = stored_example(connect())
        again = Trajectory(storage_service=connect())
        again.f_load(name="example", load_data=first)
        again.f_load(load_data=second)
        highest = max(first, second)
        if highest == 0:
            assert not list(again.f_iter_nodes())
        elif highest == 1:
            assert all(leaf.f_is_empty() for leaf in again.f_iter_leaves())
        else:
            assert_trees_same(again, traj)


def _grow(traj: Trajectory, tree: Any, prefix: str = "") -> None:
    for name, content in tree.items():
        if isinstance(content, tuple):
            traj.f_add_result(f"{prefix}{name}", drawn=content[0])
        else:
            traj.f_add_result_group(f"{prefix}{name}")
            _grow(traj, content, f"{prefix}{name}.")
