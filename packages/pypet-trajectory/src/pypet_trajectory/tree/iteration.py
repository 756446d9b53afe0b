"""Going through a tree: breadth-first, every node once; and a tree as dictionaries.

Invariant: a node is yielded once even if links form cycles, and the start never. Order inside one
level follows from how nodes were added; it is not sorted. A tree must not change while it is
walked; copy into a list first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.tree import iteration
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


def leaves_below(group: NNGroupNode, with_links: bool = True) -> Mapping[str, Any]:
    """Full name to leaf, for all leaves below a group; the live register for the root."""
    index = group.v_index
    if group is index.root:
        return index.leaves
    return {
        leaf.v_full_name: leaf for leaf in iteration.iterate_leaves(group, with_links=with_links)
    }


def to_dict(
    leaves: Mapping[str, Any],
    fast_access: bool = False,
    short_names: bool = False,
    nested: bool = False,
    below: str = "",
) -> dict[str, Any]:
    """Turn a register of leaves into a dictionary of its own.

    Parameters
    ----------
    leaves
        Full name to leaf.
    fast_access
        Whether leaves that support it are replaced by their values.
    short_names
        Whether keys are the last components only.
    nested
        Whether groups become dictionaries in dictionaries.
    below
        Full name of the group at which nesting begins. Leaves elsewhere, which a link brought
        in, are nested under their whole path.

    Raises
    ------
    PypetValueError
        If two leaves share a short name, or names are to be both short and nested.
    """
    if short_names and nested:
        raise PypetValueError(
            "Keys are either short names or nested, not both: leave out `short_names` or `nested`."
        )
    result: dict[str, Any] = {}
    for full_name, leaf in leaves.items():
        value = leaf.f_get() if fast_access and leaf.f_supports_fast_access() else leaf
        if short_names:
            name = leaf.v_name
            if name in result:
                raise PypetValueError(
                    f"Short names are not unique here: `{full_name}` is the second leaf called "
                    f"`{name}`. Leave out `short_names`."
                )
            result[name] = value
        elif nested:
            prefix = f"{below}." if below else ""
            *above, name = full_name.removeprefix(prefix).split(".")
            place = result
            for component in above:
                place = place.setdefault(component, {})
            place[name] = value
        else:
            result[full_name] = value
    return result


class Bunch:
    """A node as a plain object whose attributes are what hangs below."""


def debug(start: NNGroupNode) -> Bunch:
    """Return plain objects that mirror a group and everything below.

    Leaves are the real ones, groups become further such objects, links become a text.
    Annotations and comment appear where there are any.
    """
    top = Bunch()
    todo: list[tuple[NNGroupNode, Bunch]] = [(start, top)]
    while todo:
        group, bunch = todo.pop()
        if has_annotations(group):
            bunch.v_annotations = group.v_annotations  # type: ignore[attr-defined]
        if group.v_comment:
            bunch.v_comment = group.v_comment  # type: ignore[attr-defined]
        for name, target in group.v_children.links.items():
            setattr(bunch, name, f"Link to `{target.v_full_name}`")
        for name, leaf in group.v_children.leaves.items():
            setattr(bunch, name, leaf)
        for name, child in group.v_children.groups.items():
            below = Bunch()
            setattr(bunch, name, below)
            todo.append((child, below))
    return top
