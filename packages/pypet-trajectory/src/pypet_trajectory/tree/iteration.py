"""Going through a tree: breadth-first, every node once.

Invariant: a node is yielded once even if links form cycles, and the start never. Order inside one
level follows from how nodes were added; it is not sorted. A tree must not change while it is
walked; copy into a list first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory.tree.nodes import NO_RUN, NNTreeNode

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode

Predicate = Callable[[NNTreeNode], object]


def iterate(
    start: NNGroupNode,
    recursive: bool = True,
    with_links: bool = True,
    max_depth: int | None = None,
    predicate: Predicate | Collection[Any] | None = None,
) -> Iterator[Any]:
    """Yield nodes below `start`.

    Parameters
    ----------
    start
        The group to start at.
    recursive
        Whether to go below the children.
    with_links
        Whether links count as children and are followed.
    max_depth
        How deep to go below `start`, inclusive; None: no limit.
    predicate
        A function: nodes it refuses are left out together with everything below. Or names and
        indices of runs: nodes below other runs are left out.

    Raises
    ------
    PypetKeyError
        If `predicate` contains an index that no run has.
    """
    if not recursive:
        max_depth = 1 if max_depth is None else min(max_depth, 1)
    if predicate is not None and not callable(predicate):
        predicate = _in_runs(start.v_index.root, predicate)
    return _levels(start, with_links, max_depth, predicate)


def iterate_leaves(start: NNGroupNode, with_links: bool = True) -> Iterator[Any]:
    """Yield all leaves below `start`."""
    return (node for node in _levels(start, with_links, None, None) if node.v_is_leaf)


def _levels(
    start: NNGroupNode, with_links: bool, max_depth: int | None, predicate: Predicate | None
) -> Iterator[Any]:
    # Without links every node has one parent and needs no looking after.
    seen = {start.v_full_name} if with_links and start.v_index.linked_by else None
    level, depth = [start], 0
    while level and (max_depth is None or depth < max_depth):
        depth += 1
        below: list[NNGroupNode] = []
        for group in level:
            for node in _relatives(group, with_links):
                if seen is not None:
                    if node.v_full_name in seen:
                        continue
                    seen.add(node.v_full_name)
                if predicate is not None and not predicate(node):
                    continue
                if not node.v_is_leaf:
                    below.append(node)  # type: ignore[arg-type]
                yield node
        level = below


def _relatives(group: NNGroupNode, with_links: bool) -> Iterator[NNTreeNode]:
    if with_links:
        yield from group.v_children.values()
    else:
        yield from group.v_children.groups.values()
        yield from group.v_children.leaves.values()


def _in_runs(root: Any, runs: Collection[Any]) -> Predicate:
    """Accept nodes of these runs and of none."""
    branches = {NO_RUN}
    for run in runs:
        if isinstance(run, str):
            branches.add(run)
        elif run != -1:  # what belongs to no particular run passes anyway
            branches.add(root.v_runs.names.name(run))
    return lambda node: node.v_run_branch in branches
