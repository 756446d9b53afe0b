"""A tree stays consistent whatever is done to it, in whatever order."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pypet_trajectory.constants import LOAD_DATA
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.storage.memory import InMemoryStorageService
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.timeout(240)

SHORT = st.sampled_from(["a", "b", "c", "x"])
PATHS = st.lists(st.one_of(SHORT, st.sampled_from(["$", "r_0", "r_1", "r_A", "$set"])),
                 min_size=1, max_size=3).map(".".join)  # fmt: skip
NUMBERS = st.integers(0, 10**6)


def stored_and_loaded(traj: Trajectory) -> Trajectory:
    service = InMemoryStorageService()
    for node in (traj, *traj.f_iter_nodes()):
        node._stored = False  # it was stored elsewhere
    traj.v_storage_service = service
    traj.f_store()
    loaded = Trajectory(traj.v_name, storage_service=service)
    loaded.f_load(load_data=LOAD_DATA)
    return loaded


class Trees(RuleBasedStateMachine):
    """Adds, links, explores, runs, removes, pickles; compares with a plain list of leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.traj = Trajectory("T")
        #: Full name to value of every leaf that should be there.
        self.model: dict[str, Any] = {}
        #: Full names of what was added during the current run.
        self.new: set[str] = set()

    @initialize(number=NUMBERS)
    def begin(self, number: int) -> None:
        self.note(self.traj.f_add_parameter("a", number), number)
        self.note(self.traj.f_add_parameter("b.x", number), number)
        self.note(self.traj.f_add_result("c", number), number)

    def pick(self, number: int, kind: str) -> Any:
        """One of the nodes there are, the root for lack of others."""
        if kind == "groups":
            nodes: list[Any] = [self.traj, *self.traj._all_groups.values()]
        else:
            nodes = [*self.traj._all_groups.values(), *self.traj.f_to_dict().values()]
        return nodes[number % len(nodes)] if nodes else self.traj

    # ------------------------------------------------------------------------------ adding

    def note(self, leaf: Any, value: Any) -> None:
        assert leaf.v_full_name not in self.model
        self.model[leaf.v_full_name] = value
        if self.traj.v_is_run:
            self.new.add(leaf.v_full_name)

    @rule(path=PATHS, number=NUMBERS)
    def add_result(self, path: str, number: int) -> None:
        try:
            leaf = self.traj.f_add_result(path, number)
        except AttributeError:
            return
        self.note(leaf, number)

    @rule(path=PATHS, number=NUMBERS)
    def add_parameter(self, path: str, number: int) -> None:
        try:
            leaf = self.traj.f_add_parameter(path, number)
        except AttributeError:
            return
        except TypeError:
            assert self.traj.v_is_run
            return
        self.note(leaf, number)

    @rule(path=PATHS, number=NUMBERS, value=NUMBERS, group=st.booleans())
    def add_generic(self, path: str, number: int, value: int, group: bool) -> None:
        start = self.pick(number, "groups")
        try:
            if group:
                start.f_add_group(path)
                return
            leaf = start.f_add_leaf(path, value)
        except AttributeError:
            return
        except TypeError:
            assert self.traj.v_is_run
            return
        self.note(leaf, value)

    @rule(name=SHORT, number=NUMBERS, value=NUMBERS)
    def assign_instance(self, name: str, number: int, value: int) -> None:
        start = self.pick(number, "groups")
        cls = Parameter if start.v_branch in ("parameters", "config") else Result
        leaf = cls(name, value)
        try:
            start[name] = leaf
        except (AttributeError, TypeError):
            assert (leaf.v_full_name, leaf.v_depth) == (name, 0)
            return
        self.note(leaf, value)

    @rule(name=PATHS, source=NUMBERS, aim=NUMBERS)
    def add_link(self, name: str, source: int, aim: int) -> None:
        start, node = self.pick(source, "groups"), self.pick(aim, "nodes")
        try:
            assert start.f_add_link(name, node) is node
        except (AttributeError, ValueError, TypeError):
            return
        assert start.f_get(name, shortcuts=False) is node

    # ---------------------------------------------------------------------------- removing

    def forget(self, full_name: str) -> None:
        self.model = {
            name: value
            for name, value in self.model.items()
            if name != full_name and not name.startswith(f"{full_name}.")
        }

    @rule(number=NUMBERS)
    def remove(self, number: int) -> None:
        node = self.pick(number, "nodes")
        if node is not self.traj:
            self.forget(node.v_full_name)
            self.traj.f_remove_item(node, recursive=True)
            assert node not in self.traj

    @rule(number=NUMBERS)
    def remove_link(self, number: int) -> None:
        start = self.pick(number, "groups")
        for name in start.f_get_links():
            start.f_remove_link(name)

    @rule(name=st.sampled_from(["a", "b", "c", "x", None]))
    def remove_by_predicate(self, name: str | None) -> None:
        """Keep what is called `name`; None: nothing."""
        if name is None:
            self.traj.f_remove()
        else:
            self.traj.f_remove(predicate=lambda node: node.v_name != name)
        self.model = {
            full_name: value
            for full_name, value in self.model.items()
            if name in full_name.split(".")
        }

    # ------------------------------------------------------------------------- exploration

    @rule(number=NUMBERS, length=st.integers(1, 4))
    def explore(self, number: int, length: int) -> None:
        explored = self.traj.f_get_explored_parameters()
        free = [node for name, node in self.traj._parameters.items() if name not in explored]
        if free:
            parameter = free[number % len(free)]
            if explored:
                length = len(self.traj)
            try:
                self.traj.f_explore({parameter.v_full_name: list(range(length))})
            except TypeError:
                assert self.traj.v_is_run or self.traj.v_runs.table.column("completed").any()
            else:
                assert len(self.traj) == length

    @precondition(lambda self: not self.traj.v_is_run)
    @rule(length=st.integers(1, 3))
    def expand(self, length: int) -> None:
        explored = self.traj.f_get_explored_parameters()
        # A run may have freed some; one that was removed and added again has no range yet.
        if explored and all(node is not None and node.f_has_range() for node in explored.values()):
            self.traj.f_expand({name: list(range(length)) for name in explored})

    @precondition(lambda self: not self.traj.v_is_run and self.traj.f_get_explored_parameters())
    @rule()
    def shrink(self) -> None:
        self.traj.f_shrink(force=True)
        assert len(self.traj) == 1
        assert not self.traj.f_get_explored_parameters()

    # -------------------------------------------------------------------------------- runs

    @precondition(lambda self: not self.traj.v_is_run)
    @rule(number=NUMBERS)
    def start_run(self, number: int) -> None:
        self.new.clear()
        self.traj.f_start_run(number % len(self.traj))

    @precondition(lambda self: self.traj.v_is_run)
    @rule()
    def finalize_run(self) -> None:
        self.traj.f_finalize_run(store_meta_data=False)
        for name in self.new & self.model.keys():
            del self.model[name]
        self.traj.f_restore_default()
        self.traj.f_get_run_information()

    # ------------------------------------------------------------------------------ copies

    @precondition(lambda self: not self.traj.v_is_run)
    @rule(make=st.sampled_from(["pickle", "copy", "f_copy", "store"]))
    def go_on_with_a_copy(self, make: str) -> None:
        length = len(self.traj)
        self.traj.v_full_copy = True
        if make == "pickle":
            self.traj = pickle.loads(pickle.dumps(self.traj))
        elif make == "copy":
            self.traj = copy.copy(self.traj)
        elif make == "f_copy":
            self.traj = self.traj.f_copy()
        else:
            self.traj = stored_and_loaded(self.traj)
        assert len(self.traj) == length

    # -------------------------------------------------------------------------- what holds

    @rule(name=PATHS, number=NUMBERS)
    def ask(self, name: str, number: int) -> None:
        start = self.pick(number, "groups")
        try:
            node = start.f_get(name)
        except AttributeError:
            assert name not in start
        else:
            assert name in start
            assert self.traj.f_get(node.v_full_name, shortcuts=False) is node

    @invariant()
    def registers_agree(self) -> None:
        assert_invariants(self.traj.v_index)

    @invariant()
    def leaves_are_those_of_the_model(self) -> None:
        leaves = self.traj.f_to_dict()
        values = {
            name: leaf._default if leaf.v_is_parameter else leaf.f_get()
            for name, leaf in leaves.items()
        }
        assert values == self.model

    @invariant()
    def explored_parameters_are_at_the_current_run(self) -> None:
        idx = self.traj.v_idx
        for parameter in self.traj.f_get_explored_parameters().values():
            if idx >= 0 and parameter is not None and parameter.f_has_range():
                assert parameter._data == parameter.f_get_range()[idx]


TestTrees = Trees.TestCase
TestTrees.settings = settings(max_examples=40, stateful_step_count=40)


@pytest.mark.soak
@pytest.mark.timeout(3600)
class TestTreesForLong(Trees.TestCase):
    """The same with many more and longer histories."""

    settings = settings(max_examples=2000, stateful_step_count=80)
