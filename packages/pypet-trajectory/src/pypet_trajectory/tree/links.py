"""Links: further names for a node that hangs elsewhere.

A link is an entry among the children of a group that stands for a node of the same tree; it is
no node itself. Invariant: links point to nodes that are in the tree. Unlike symbolic links of a
file system they cannot dangle: removing a node removes all links to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import NotInRunError, PypetAttributeError, PypetValueError
from pypet_trajectory.naming import names
from pypet_trajectory.tree import adding, lookup
from pypet_trajectory.tree.kinds import BRANCHES, branch_of
from pypet_trajectory.tree.nodes import NNTreeNode
from pypet_trajectory.tree.suggestions import title

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.index import TreeIndex


def add_link(
    group: NNGroupNode, name_or_item: str | NNTreeNode, full_name_or_item: str | NNTreeNode | None
) -> Any:
    """Add a link below `group` and return the node it points to.

    Raises
    ------
    PypetValueError
        If there is nothing to link to, it is not in this tree, or the name is not admissible.
    PypetAttributeError
        If the name is taken, or the node to link to is not found.
    """
    index = group.v_index
    root = index.root
    if isinstance(name_or_item, str):
        name, target = name_or_item, full_name_or_item
    else:
        name, target = name_or_item.v_name or "", name_or_item
        if full_name_or_item is not None:
            raise PypetValueError(
                f"The name of a link comes first and the node second, but node "
                f"`{name_or_item.v_full_name}` came first and {full_name_or_item!r} second."
            )
    if target is None:
        raise PypetValueError(
            f"A link needs something to point to: pass a node, or its name, besides {name!r}."
        )
    if isinstance(target, str):
        target = lookup.get(root, target)
    _check_target(index, name, target)
    path = [
        names.translate(part, root.v_runs.wildcards, root.v_runs.idx) for part in name.split(".")
    ]
    names.check(path, group.v_full_name, index.members, stacklevel=3)
    full_name = ".".join((group.v_full_name, *path) if group.v_full_name else path)
    if full_name in BRANCHES:
        raise PypetValueError(
            f"A link cannot be called `{full_name}`: this name below the root is kept for the "
            "group of that branch."
        )
    place = branch_of(group.v_branch or path[0])
    if root.v_runs.inside and not place.open_to_runs and _first_missing(group, path[:-1]):
        raise NotInRunError(
            f"Link `{full_name}` needs groups that are missing, and a single run cannot add "
            f"groups below `{place.name}`."
        )
    parent = adding.make_groups(group, path[:-1], place)
    if path[-1] in parent.v_children:
        raise PypetAttributeError(
            f"Link `{full_name}` cannot be added: there already is a node or a link of this "
            "name. Remove it first, or choose another name."
        )
    index.add_link(parent, path[-1], target)
    return target


def add_link_from_storage(group: NNGroupNode, name: str, target: NNTreeNode) -> None:
    """Add a link that a storage service read; one that is there already is left alone.

    Raises
    ------
    PypetAttributeError
        If `name` is taken by something else.
    """
    if name not in group.v_children:
        group.v_index.add_link(group, name, target)
    elif group.v_children.links.get(name) is not target:
        raise PypetAttributeError(
            f"The stored link `{name}` below {title(group)} points to "
            f"`{target.v_full_name}`, but the name stands for "
            f"`{group.v_children[name].v_full_name}` in memory."
        )


def remove_link(group: NNGroupNode, name: str) -> None:
    """Remove a direct link; the node it points to stays.

    Raises
    ------
    PypetValueError
        If there is no such link.
    """
    root = group.v_index.root
    translated = names.translate(name, root.v_runs.wildcards, root.v_runs.idx)
    if translated not in group.v_children.links:
        raise PypetValueError(
            f"{title(group)} has no link called {translated!r}. Its links are "
            f"{sorted(group.v_children.links) or 'none'}."
        )
    group.v_index.remove_link(group, translated)


def _check_target(index: TreeIndex, name: str, target: Any) -> None:
    if not isinstance(target, NNTreeNode):
        raise PypetValueError(
            f"Link {name!r} must point to a node or be given the name of one, not {target!r}."
        )
    if target is index.root:
        raise PypetValueError(f"Link {name!r} points to the root, which cannot be linked to.")
    if not index.holds(target):
        raise PypetValueError(
            f"Link {name!r} points to `{target.v_full_name}` ({type(target).__name__}), which is "
            f"not in the tree of trajectory `{index.root.v_name}`. Add the node first."
        )


def _first_missing(group: NNGroupNode, path: list[str]) -> str | None:
    """First component of a path of groups that does not exist."""
    for name in path:
        child = group.v_children.get(name)
        if child is None:
            return name
        if child.v_is_leaf:
            return None  # adding names the fault
        group = child  # type: ignore[assignment]
    return None
