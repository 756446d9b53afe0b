"""`assert_invariants`: what must hold in every tree after every change.

The registers of a tree say the same thing several times, once per way to ask. This module says it
once more, from the children of the groups alone, and compares. It is slow on purpose and belongs
into tests: call it after each step of a state machine, or after an operation of your own on trees.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pypet_trajectory.tree import lookup
from pypet_trajectory.tree.index import TreeIndex
from pypet_trajectory.tree.kinds import BRANCHES
from pypet_trajectory.tree.nodes import NO_RUN


def assert_invariants(index: TreeIndex) -> None:
    """Check a tree.

    Parameters
    ----------
    index
        The index of the tree: ``trajectory.v_index``.

    Raises
    ------
    AssertionError
        If registers and children contradict each other; the message names the first contradiction.
    """
    groups, leaves, links = _walk(index)
    _check_registers(index, groups, leaves)
    _check_links(index, links)
    _check_answers(index)
    _check_root(index)


def _walk(
    index: TreeIndex,
) -> tuple[dict[str, Any], dict[str, Any], list[tuple[Any, str, Any]]]:
    """All groups, leaves and links as the groups know them, checking each on the way."""
    root = index.root
    assert root.v_full_name == "", f"the root is called {root.v_full_name!r}"
    assert root.v_index is index, "the root has another index"
    groups: dict[str, Any] = {}
    leaves: dict[str, Any] = {}
    links: list[tuple[Any, str, Any]] = []
    todo = [root]
    while todo:
        group = todo.pop()
        where = f"group `{group.v_full_name}`"
        parts = (group.v_children.groups, group.v_children.leaves, group.v_children.links)
        assert sum(map(len, parts)) == len(group.v_children), f"{where}: a name has two meanings"
        for part in parts:
            for name, node in part.items():
                assert group.v_children.get(name) is node, f"{where}: `{name}` is no child"
        for name, node in (*group.v_children.groups.items(), *group.v_children.leaves.items()):
            _check_node(group, name, node)
        for name, group_below in group.v_children.groups.items():
            assert not group_below.v_is_leaf, f"{where}: leaf `{name}` among groups"
            assert group_below.v_index is index, f"{where}: `{name}` has another index"
            groups[group_below.v_full_name] = group_below
            todo.append(group_below)
        for name, leaf in group.v_children.leaves.items():
            assert leaf.v_is_leaf, f"{where}: group `{name}` among leaves"
            leaves[leaf.v_full_name] = leaf
        links.extend((group, name, target) for name, target in group.v_children.links.items())
    return groups, leaves, links


def _check_node(parent: Any, name: str, node: Any) -> None:
    full_name = f"{parent.v_full_name}.{name}" if parent.v_full_name else name
    assert node.v_full_name == full_name, f"`{full_name}` calls itself `{node.v_full_name}`"
    assert node.v_name == name, f"`{full_name}` has the short name `{node.v_name}`"
    assert node.v_depth == parent.v_depth + 1, f"`{full_name}` has depth {node.v_depth}"
    branch = full_name.partition(".")[0]
    assert node.v_branch == branch, f"`{full_name}` is in branch `{node.v_branch}`"
    run_branch = node.v_run_branch
    assert run_branch in (NO_RUN, parent.v_run_branch, name), f"`{full_name}`: run `{run_branch}`"


def _check_registers(index: TreeIndex, groups: dict[str, Any], leaves: dict[str, Any]) -> None:
    _assert_same(index.groups, groups, "groups")
    _assert_same(index.leaves, leaves, "leaves")
    for branch in (*BRANCHES, ""):
        register = index.leaves_of(branch)
        expected = {
            full_name: leaf
            for full_name, leaf in leaves.items()
            if (leaf.v_branch if leaf.v_branch in BRANCHES else "") == branch
        }
        _assert_same(register, expected, f"leaves of branch {branch!r}")
    short_names: dict[str, dict[str, Any]] = {}
    for full_name, node in (*groups.items(), *leaves.items()):
        short_names.setdefault(node.v_name, {})[full_name] = node
    assert set(index.names) == set(short_names), "short names and nodes differ"
    for name, nodes in short_names.items():
        registered = {node.v_full_name: node for node in index.names.of(name)}
        _assert_same(registered, nodes, f"nodes called `{name}`")
    for full_name, group in index.run_parents.items():
        assert index.node(full_name) is group, f"`{full_name}` is a parent of runs, but is gone"


def _check_links(index: TreeIndex, links: list[tuple[Any, str, Any]]) -> None:
    expected: dict[str, dict[str, tuple[Any, set[str]]]] = {}
    for group, name, target in links:
        assert target is not index.root, f"link `{name}` below `{group.v_full_name}` to the root"
        assert index.holds(target), f"link `{name}` below `{group.v_full_name}` dangles"
        sources = expected.setdefault(target.v_full_name, {})
        sources.setdefault(group.v_full_name, (group, set()))[1].add(name)
    assert index.linked_by == expected, "links and their register differ"
    counts = Counter(name for _, name, _ in links)
    assert index.link_names == dict(counts), "names of links and their register differ"


def _check_answers(index: TreeIndex) -> None:
    for (start, name), node in index.answers.items():
        group: Any = index.node(start)
        found = lookup.find(group, name)
        assert found is node, f"`{name}` below `{start}` was remembered as `{node.v_full_name}`"


def _check_root(index: TreeIndex) -> None:
    root = index.root
    for full_name, parameter in root.v_exploration.parameters.items():
        if parameter is None:
            assert full_name not in index.leaves, f"explored `{full_name}` is there, but not noted"
            continue
        if parameter.f_has_range():
            length = parameter.f_get_range_length()
            assert length == len(root), f"explored `{full_name}`: {length} values, {len(root)} runs"
        assert index.leaves.get(full_name) is parameter, f"explored `{full_name}` is gone"
    for (parent, name), (group, node) in root.v_runs.new_nodes.items():
        assert group.v_full_name == parent, f"the parent of new node `{name}` moved"
        assert group.v_children.get(name) is node, f"new node `{name}` below `{parent}` is gone"
        assert index.holds(node), f"new node `{node.v_full_name}` is gone"
    for (parent, name), (group, target) in root.v_runs.new_links.items():
        assert group.v_children.links.get(name) is target, (
            f"new link `{name}` below `{parent}` is gone"
        )


def _assert_same(register: Any, expected: dict[str, Any], what: str) -> None:
    assert set(register) == set(expected), (
        f"register of {what}: missing {sorted(set(expected) - set(register))}, "
        f"left over {sorted(set(register) - set(expected))}"
    )
    for full_name, node in expected.items():
        assert register[full_name] is node, f"register of {what}: `{full_name}` is another object"
