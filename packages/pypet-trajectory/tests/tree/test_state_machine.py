"""A tree stays consistent whatever is done to it, in whatever order."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.timeout(240)

SHORT = st.sampled_from(["a", "b", "c", "x"])
PATHS = st.lists(st.one_of(SHORT, st.sampled_from(["$", "r_0", "r_1", "r_A", "$set"])),
                 min_size=1, max_size=3).map(".".join)  # fmt: skip
NUMBERS = st.integers(0, 10**6)


class Trees(RuleBasedStateMachine):
    """Adds, links, explores, runs, removes, pickles; compares with a plain list of leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.traj = Trajectory("T")
        #: Full name to value of every leaf that should be there.
        self.model: dict[str, Any] = {}
        #: Full names of what was added during the current run.
        self.new: set[str] = set()

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

    @rule(name=SHORT)
    def remove_by_predicate(self, name: str) -> None:
        self.traj.f_remove(predicate=lambda node: node.v_name != name)
        self.model = {
            full_name: value
            for full_name, value in self.model.items()
            if name in full_name.split(".")
        }

    @rule()
    def remove_all(self) -> None:
        self.traj.f_remove()
        self.model = {}

    # ------------------------------------------------------------------------- exploration

    @rule(number=NUMBERS, length=st.integers(1, 4))
    def explore(self, number: int, length: int) -> None:
        parameters = list(self.traj._parameters.values())
        if parameters:
            parameter = parameters[number % len(parameters)]
            try:
                self.traj.f_explore({parameter.v_full_name: list(range(length))})
            except (AttributeError, TypeError, ValueError):
                return

    @precondition(lambda self: not self.traj.v_is_run)
    @rule(length=st.integers(1, 3))
    def expand(self, length: int) -> None:
        explored = self.traj.f_get_explored_parameters()
        if explored and None not in explored.values():  # a run may have freed them
            self.traj.f_expand({name: list(range(length)) for name in explored})

    @precondition(lambda self: not self.traj.v_is_run)
    @rule()
    def shrink(self) -> None:
        self.traj.f_shrink()
        assert len(self.traj) == 1

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
    @rule()
    def pickle_and_go_on(self) -> None:
        self.traj.v_full_copy = True
        self.traj = pickle.loads(pickle.dumps(self.traj))

    @precondition(lambda self: not self.traj.v_is_run)
    @rule()
    def copy_and_go_on(self) -> None:
        self.traj.v_full_copy = True
        self.traj = copy.copy(self.traj)

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
        assert_invariants(self.traj._nn_interface)

    @invariant()
    def leaves_are_those_of_the_model(self) -> None:
        assert self.traj.f_to_dict().keys() == self.model.keys()


TestTrees = Trees.TestCase
TestTrees.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@pytest.mark.soak
@pytest.mark.timeout(3600)
class TestTreesForLong(Trees.TestCase):
    """The same with many more and longer histories."""

    settings = settings(max_examples=2000, stateful_step_count=80, deadline=None)
