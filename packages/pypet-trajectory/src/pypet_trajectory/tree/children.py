"""The children of one group: what a group owns, and all that it owns.

A child is a group, a leaf, or a link, which is a further name for a node that hangs elsewhere.
Invariant: every child is one of the three, and children are in order of adding. Unlike other
state they are no part of a pickled group: a tree is pickled as one flat table by its index, so
that no depth is too deep.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pypet_trajectory.exceptions import PypetTypeError
from pypet_trajectory.tree.nodes import NNLeafNode, NNTreeNode
from pypet_trajectory.tree.proxies import NNTreeNodeKids

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.index import TreeIndex


class NoNodes(dict[str, Any]):
    """The children of groups without children, one object for all of them."""

    def __setitem__(self, name: str, node: Any) -> NoReturn:
        raise PypetTypeError(f"{name!r} was put into the dictionary that all groups share.")

    def __reduce__(self) -> str:
        return "NO_NODES"  # pickles and copies as this very object


NO_NODES = NoNodes()


class InitSignature:
    """``__signature__`` of classes whose ``__new__`` says nothing about their arguments."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        of_init = inspect.signature(owner.__init__)  # type: ignore[misc]
        return of_init.replace(parameters=list(of_init.parameters.values())[1:])


class ParentNode(NNTreeNode):
    """Base of groups: a node that knows its children, and nothing of the tree beyond them.

    Many groups of a large tree are empty. They have no dictionaries of their own until the first
    child is added, or a live dictionary is asked for.
    """

    __slots__ = ("_children", "_groups", "_leaves", "_links", "_nn_interface")
    __signature__ = InitSignature()

    #: Name to node, links included, in order of adding; the other three are parts of it.
    _children: dict[str, NNTreeNode]
    _groups: dict[str, NNGroupNode]
    _leaves: dict[str, NNLeafNode]
    _links: dict[str, NNTreeNode]
    #: The index of the tree; None outside of one.
    _nn_interface: TreeIndex | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Set here and not in __init__, because unpickling fills them before any state is set,
        # and because __getattr__ must never meet a group without them.
        self = super().__new__(cls)
        object.__setattr__(self, "_full_name", "")
        object.__setattr__(self, "_nn_interface", None)
        object.__setattr__(self, "_children", NO_NODES)
        object.__setattr__(self, "_groups", NO_NODES)
        object.__setattr__(self, "_leaves", NO_NODES)
        object.__setattr__(self, "_links", NO_NODES)
        return self

    def _own(self, register: str) -> Any:
        """Return one of the four dictionaries of children for changing."""
        nodes = getattr(self, register)
        if nodes is NO_NODES:
            nodes = {}
            object.__setattr__(self, register, nodes)
        return nodes

    @property
    def kids(self) -> NNTreeNodeKids:
        """Direct children as attributes, always the nodes themselves."""
        return NNTreeNodeKids(self)

    def f_children(self) -> int:
        """Return the number of direct children, links included."""
        return len(self._children)

    def f_has_children(self) -> bool:
        """Whether there are direct children, links included."""
        return bool(self._children)

    def f_get_children(self, copy: bool = True) -> dict[str, Any]:
        """Return name to child, links included; the live dictionary if not `copy`."""
        return dict(self._children) if copy else self._own("_children")

    def f_groups(self) -> int:
        """Return the number of direct groups, without links."""
        return len(self._groups)

    def f_has_groups(self) -> bool:
        """Whether there are direct groups, not counting links."""
        return bool(self._groups)

    def f_get_groups(self, copy: bool = True) -> dict[str, Any]:
        """Return name to group, without links; the live dictionary if not `copy`."""
        return dict(self._groups) if copy else self._own("_groups")

    def f_leaves(self) -> int:
        """Return the number of direct leaves, without links."""
        return len(self._leaves)

    def f_has_leaves(self) -> bool:
        """Whether there are direct leaves, not counting links."""
        return bool(self._leaves)

    def f_get_leaves(self, copy: bool = True) -> dict[str, Any]:
        """Return name to leaf, without links; the live dictionary if not `copy`."""
        return dict(self._leaves) if copy else self._own("_leaves")

    def f_links(self) -> int:
        """Return the number of direct links."""
        return len(self._links)

    def f_has_links(self) -> bool:
        """Whether there are direct links."""
        return bool(self._links)

    def f_get_links(self, copy: bool = True) -> dict[str, Any]:
        """Return name of link to the node it points to; the live dictionary if not `copy`."""
        return dict(self._links) if copy else self._own("_links")

    # ------------------------------------------------------------------------ pickling

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Protocols 0 and 1 would go past __new__, which makes the dictionaries of children.
        return super().__reduce_ex__(max(protocol, 2))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for register in ("_children", "_groups", "_leaves", "_links"):
            state.pop(register, None)  # the index carries them, without recursion
        return state
