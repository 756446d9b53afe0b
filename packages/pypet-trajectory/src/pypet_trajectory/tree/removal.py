"""Removing nodes from memory; storages keep what they have.

Invariant: what was removed is free. No register, link or proxy of the tree refers to it any more,
so its memory is returned as soon as the caller lets go of it. Trees are walked with a stack, not
by recursion, because names may have any number of components.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.naming import names
from pypet_trajectory.tree.nodes import NNTreeNode
from pypet_trajectory.tree.suggestions import title

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.index import TreeIndex

Predicate = Callable[[NNTreeNode], object]


def remove_child(
    group: NNGroupNode, name: str, recursive: bool = False, predicate: Predicate | None = None
) -> None:
    """Remove a direct child, or a direct link without what it points to.

    Raises
    ------
    PypetValueError
        If there is no such child.
    PypetTypeError
        If the child is a group with children and not `recursive`.
    """
    root = group.v_index.root
    translated = names.translate(name, root.v_runs.wildcards, root.v_runs.idx)
    child = group.v_children.get(translated)
    if child is None:
        raise PypetValueError(
            f"{title(group)} has no child called {translated!r}: it cannot be "
            "removed. Only direct children are; there are no shortcuts here."
        )
    if translated in group.v_children.links:
        group.v_index.remove_link(group, translated)
    else:
        remove_node(group.v_index, child, recursive, predicate)


def remove_node(
    index: TreeIndex, node: NNTreeNode, recursive: bool = False, predicate: Predicate | None = None
) -> None:
    """Remove a node of the tree other than the root.

    Parameters
    ----------
    index
        The tree.
    node
        What to remove.
    recursive
        Whether groups are removed together with what hangs below.
    predicate
        Asked for every node from the top down. A node it refuses stays, with everything below;
        a group it accepts goes if nothing below stays, its links go in any case.

    Raises
    ------
    PypetTypeError
        If the node is a group with children and not `recursive`.
    """
    if node.v_is_leaf:
        if predicate is None or predicate(node):
            remove_leaf(index, node)
        return
    group: NNGroupNode = node  # type: ignore[assignment]
    if group.v_children and not recursive:
        raise PypetTypeError(
            f"{title(group)} has {len(group.v_children)} children: remove it with "
            "`recursive=True`, or remove the children first."
        )
    if predicate is None or predicate(group):
        _remove_subtree(index, group, predicate)
        if not group.v_children:
            index.remove(group)


def remove_all(index: TreeIndex, predicate: Predicate | None = None) -> None:
    """Remove everything below the root."""
    _remove_subtree(index, index.root, predicate)


def remove_leaf(index: TreeIndex, leaf: NNTreeNode) -> None:
    """Remove a leaf, and the exploration with the last explored parameter."""
    index.remove(leaf)
    root = index.root
    full_name = leaf.v_full_name
    if root.v_exploration.parameters.get(full_name) is leaf:
        if root.v_stored or root.v_runs.inside:
            # A storage still knows the range, and so do the other runs: their number stands.
            root.v_exploration.parameters[full_name] = None
            return
        del root.v_exploration.parameters[full_name]
        if not root.v_exploration.parameters:
            root.v_runs.leave()
            root.v_runs.reset(1)


def _remove_subtree(index: TreeIndex, top: NNGroupNode, predicate: Predicate | None) -> None:
    """Remove what `predicate` allows below `top`, and links of the groups passed."""
    passed = [top]
    for group in passed:  # grows while it is walked
        for link in list(group.v_children.links):
            index.remove_link(group, link)
        for leaf in list(group.v_children.leaves.values()):
            if predicate is None or predicate(leaf):
                remove_leaf(index, leaf)
        for child in list(group.v_children.groups.values()):
            if predicate is None or predicate(child):
                passed.append(child)
    while len(passed) > 1:  # from the bottom up, `top` itself not
        group = passed.pop()
        if not group.v_children:
            index.remove(group)
