"""`Children`: what one group owns.

A child is a group, a leaf, or a link, which is a further name for a node that hangs elsewhere.
Invariant: every child is one of the three, and children are in order of adding. Unlike other
state they are no part of a pickled group: a tree is pickled as one flat table by its index, so
that no depth is too deep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pypet_trajectory.exceptions import PypetTypeError

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.nodes import NNLeafNode, NNTreeNode


class _NoNodes(dict[str, Any]):
    """The nodes of a kind that a group has none of, one object for all groups."""

    def __setitem__(self, name: str, node: Any) -> NoReturn:
        raise PypetTypeError(f"{name!r} was put into the dictionary that all groups share.")

    def __reduce__(self) -> str:
        return "NO_NODES"  # pickles and copies as this very object


NO_NODES = _NoNodes()


class Children(dict[str, "NNTreeNode"]):
    """Name to node, links included; `groups`, `leaves` and `links` are parts of it.

    Most groups have children of one kind: there is no dictionary for a kind before the first of
    them is added, or `own` is called.
    """

    __slots__ = ("groups", "leaves", "links")

    def __init__(self) -> None:
        self.groups: dict[str, NNGroupNode] = NO_NODES
        self.leaves: dict[str, NNLeafNode] = NO_NODES
        self.links: dict[str, NNTreeNode] = NO_NODES

    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(max(protocol, 2))  # the others do not know slots

    def own(self, kind: Literal["groups", "leaves", "links"]) -> dict[str, Any]:
        """The nodes of a kind, for changing."""
        nodes: dict[str, Any] = getattr(self, kind)
        if nodes is NO_NODES:
            nodes = {}
            setattr(self, kind, nodes)
        return nodes


class _NoChildren(Children):
    """The children of groups without children, one object for all of them."""

    __slots__ = ()
    __setitem__ = _NoNodes.__setitem__

    def own(self, kind: Literal["groups", "leaves", "links"]) -> NoReturn:
        raise PypetTypeError(f"The {kind} of all groups without children were to be changed.")

    def __reduce_ex__(self, protocol: Any) -> str:
        return "NO_CHILDREN"


NO_CHILDREN = _NoChildren()


def own_children(group: NNGroupNode) -> Children:
    """The children of a group, for changing."""
    children = group.v_children
    if children is NO_CHILDREN:
        children = Children()
        object.__setattr__(group, "v_children", children)
    return children
