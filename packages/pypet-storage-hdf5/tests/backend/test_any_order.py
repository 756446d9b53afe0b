"""Any value, any tree, any order of calls and modes: the file holds what the modes say.

A model in plain dictionaries follows each call on a trajectory; at any time the file is loaded and
compared with it. A few examples run here, hundreds of long ones with ``-m soak``.
"""

from __future__ import annotations

import copy
import os
import tempfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pypet_storage_hdf5 import HDF5StorageService, StorageContextManager, check_hdf5_file
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.trajectory import Trajectory

pd = pytest.importorskip("pandas")
ObjectTable = pytest.importorskip("pypet_trajectory.values.object_table").ObjectTable

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(max_size=9),
    st.binary(max_size=9),
)
basic = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    max_leaves=6,
)
plain_types = st.one_of(
    some.boolean_dtypes(),
    some.integer_dtypes(),
    some.unsigned_integer_dtypes(),
    some.floating_dtypes(),
    some.complex_number_dtypes(),
    some.byte_string_dtypes(min_len=1, max_len=5),
    some.unicode_string_dtypes(min_len=1, max_len=5),
    some.datetime64_dtypes(max_period="D", min_period="ms"),
    some.timedelta64_dtypes(max_period="D", min_period="ms"),
)
array_types = st.one_of(plain_types, some.array_dtypes(plain_types, max_size=3))
arrays = some.arrays(array_types, some.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
tables = st.sampled_from(
    (
        ObjectTable({"n": [1, 2**40], "s": ["a", "ü"], "t": [(1, 2), (3, 4)]}),
        ObjectTable({"mixed": [1, "a", None, 2.5]}),
        pd.DataFrame({"a": [1, 2], "s": ["x", "ü"]}, index=[3, 5]),
        pd.DataFrame({"when": pd.date_range("2020-01-01", periods=3)}),
        pd.Series([1.5, 2.5], name="série"),
    )
)
values = st.one_of(basic, arrays, tables)
comments = st.one_of(st.just(""), st.text(max_size=30))
leaf_names = st.sampled_from(["a.one", "a.two", "a.b.c.three", "four", "runs.run_00000000.z"])
item_names = st.sampled_from(["x", "y", "deep.x", "deep.er.y", "with space", "ö"])
note_names = st.sampled_from(["n", "two words", "ä/b"])


@dataclass
class Leaf:
    """What a leaf consists of, in memory or on disk."""

    comment: str = ""
    items: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    stored: bool = False


class AnyOrder(RuleBasedStateMachine):
    """Calls in any order on one trajectory, and dictionaries that say what they should do."""

    @initialize(pandas_format=st.sampled_from(["fixed", "table"]))
    def begin(self, pandas_format: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "data.hdf5")
        self.traj = Trajectory("traj")
        self.traj.v_storage_service = HDF5StorageService(
            self.path,
            trajectory=self.traj,
            purge_duplicate_comments=False,
            complevel=1,
            pandas_format=pandas_format,
        )
        self.traj.f_store()
        self.memory: dict[str, Leaf] = {}
        self.disk: dict[str, Leaf] = {}
        self.links: dict[str, str] = {}
        self.context: StorageContextManager | None = None

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.close()
            self.folder.cleanup()

    # ------------------------------------------------------------- in memory

    @rule(name=leaf_names, comment=comments)
    def add(self, name: str, comment: str) -> None:
        if name not in self.memory and name not in self.disk:
            self.traj.f_add_result(name, comment=comment)
            self.memory[name] = Leaf(comment)

    @rule(name=leaf_names, item=item_names, value=values)
    def set_item(self, name: str, item: str, value: Any) -> None:
        if name in self.memory:
            self.result(name).f_set_single(item, value)
            self.memory[name].items[item] = value

    @rule(name=leaf_names, item=item_names)
    def forget_item(self, name: str, item: str) -> None:
        if name in self.memory and self.memory[name].items.pop(item, self) is not self:
            self.result(name).f_remove(item)

    @rule(name=leaf_names, note=note_names, value=basic)
    def annotate(self, name: str, note: str, value: Any) -> None:
        if name in self.memory:
            self.result(name).v_annotations[note] = value
            self.memory[name].notes[note] = value

    @rule(link=st.sampled_from(["l1", "l2"]), name=leaf_names)
    def link(self, link: str, name: str) -> None:
        if name in self.memory and link not in self.links:
            self.traj.results.f_add_link(link, self.result(name))
            self.links[link] = name

    # --------------------------------------------------------------- to disk

    @rule(mode=st.integers(1, 3))
    def store_everything(self, mode: int) -> None:
        self.traj.f_store(store_data=mode)
        for name in self.memory:
            self.stored(name, mode)

    @rule(name=leaf_names, mode=st.integers(1, 3))
    def store_one(self, name: str, mode: int) -> None:
        if name in self.memory:
            self.traj.f_store_item(self.result(name), store_data=mode)
            self.stored(name, mode)

    @rule(name=leaf_names, item=item_names)
    def overwrite_one_item(self, name: str, item: str) -> None:
        if name in self.disk and name in self.memory and item in self.memory[name].items:
            self.traj.f_store_item(self.result(name), overwrite=[item])
            was_there = dict(self.disk[name].items)
            self.stored(name, 2)
            if item in was_there:
                self.disk[name].items[item] = copy.deepcopy(self.memory[name].items[item])

    @rule(name=leaf_names)
    def store_a_child(self, name: str) -> None:
        if name in self.memory:
            self.traj.results.f_store_child(name, store_data=2)
            self.stored(name, 2)

    @rule(name=leaf_names)
    def delete(self, name: str) -> None:
        if name in self.disk and name in self.memory and name not in self.links.values():
            self.traj.f_delete_item(self.result(name))
            del self.disk[name]
            self.memory[name].stored = False

    @rule(name=leaf_names, item=item_names)
    def delete_an_item(self, name: str, item: str) -> None:
        if name in self.disk and name in self.memory and item in self.disk[name].items:
            self.traj.f_delete_item(self.result(name), delete_only=item)
            del self.disk[name].items[item]
            self.memory[name].stored = False

    @rule()
    def open(self) -> None:
        if self.context is None:
            self.context = StorageContextManager(self.traj)
            self.context.f_open_store()

    @rule()
    def close(self) -> None:
        if self.context is not None:
            self.context.f_close_store()
            self.context = None

    # ------------------------------------------------------------- from disk

    @rule()
    @precondition(lambda self: self.context is None)
    def go_on_with_what_is_on_disk(self) -> None:
        self.traj.f_store(only_init=True)
        self.compare()
        again = Trajectory("again", storage_service=HDF5StorageService(self.path))
        again.f_load(name="traj", load_data=2)
        self.traj = again
        self.memory = copy.deepcopy(self.disk)
        for leaf in self.memory.values():
            leaf.stored = True
        self.links = {
            link: name
            for link, name in self.links.items()
            if "results" in again and link in again.f_get("results").f_get_links()
        }

    @rule(name=leaf_names)
    def load_again(self, name: str) -> None:
        if name in self.disk and name in self.memory:
            self.traj.f_load_item(self.result(name), load_data=3)
            self.memory[name] = copy.deepcopy(self.disk[name])
            self.memory[name].stored = True

    @rule(name=leaf_names, items=st.sets(item_names, min_size=1, max_size=2))
    def load_a_part(self, name: str, items: set[str]) -> None:
        if name in self.disk and name in self.memory and items <= self.disk[name].items.keys():
            self.traj.f_load_item(self.result(name), load_only=sorted(items))
            on_disk = self.disk[name].items
            self.memory[name].items = {item: copy.deepcopy(on_disk[item]) for item in items}
            self.memory[name].comment = self.memory[name].comment or self.disk[name].comment
            self.memory[name].notes = self.memory[name].notes or dict(self.disk[name].notes)
            self.memory[name].stored = True

    @invariant()
    def compare(self) -> None:
        if not hasattr(self, "folder") or self.context is not None:
            return
        traj = Trajectory("comparing", storage_service=HDF5StorageService(self.path))
        traj.f_load(name="traj", load_data=2)
        found = {}
        if "results" in traj:
            found = {
                leaf.v_full_name.removeprefix("results."): leaf
                for leaf in traj.f_get("results").f_iter_leaves(with_links=False)
            }
        assert set(found) == set(self.disk)
        for name, leaf in self.disk.items():
            assert found[name].v_comment == leaf.comment
            assert_equal(found[name].v_annotations.f_to_dict(), leaf.notes)
            assert_equal(found[name].f_to_dict(), leaf.items)
        assert check_hdf5_file(self.path) == []

    # ----------------------------------------------------------------- model

    def result(self, name: str) -> Any:
        return self.traj.f_get(f"results.{name}", shortcuts=False)

    def stored(self, name: str, mode: int) -> None:
        leaf = self.memory[name]
        if mode == 1 and leaf.stored:
            return
        leaf.stored = True
        new = copy.deepcopy(leaf)
        old = self.disk.setdefault(name, new)
        if old is new:
            return
        if mode == 3:
            old.items |= new.items
            old.notes = new.notes
            old.comment = new.comment or old.comment
        else:
            old.items = new.items | old.items
            old.notes = new.notes | old.notes


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Equal values of equal types under equal names; in what order does not matter."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        if isinstance(value, (pd.DataFrame, pd.Series)):
            assert type(found[name]) is type(value)
            compare = (
                pd.testing.assert_series_equal
                if isinstance(value, pd.Series)
                else pd.testing.assert_frame_equal
            )
            if isinstance(value, ObjectTable):
                assert_same(found[name].to_dict("list"), value.to_dict("list"))
            else:
                compare(found[name], value, check_freq=False)
        elif isinstance(value, np.ndarray) and value.dtype.names is not None:
            assert found[name].dtype == value.dtype
            assert found[name].shape == value.shape
            assert repr(found[name].tolist()) == repr(value.tolist())
        else:
            assert_same(found[name], value)


common = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=6, stateful_step_count=12, **common)


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestAnyOrderForLong(AnyOrder.TestCase):
    settings = settings(
        max_examples=int(os.environ.get("PYPET_TEST_EXAMPLES", "500")),
        stateful_step_count=40,
        **common,
    )
