"""``node.vars``, ``node.func`` and ``group.kids``: members of one kind, without their prefix.

Because children share the name space of a group with its methods, the latter carry ``f_`` and
``v_``. The proxies leave the prefix out and never see children (or see nothing else). A proxy is
made when asked for and not kept by its node: a removed node must be free to go as soon as its
last user lets go of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetAttributeError
from pypet_trajectory.slots import HasSlots
from pypet_trajectory.tree import suggestions
from pypet_trajectory.tree.suggestions import title

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.nodes import NNTreeNode


class NNTreeNodeKids(HasSlots):
    """The direct children of a group, links included, as attributes.

    Natural naming does not apply: no shortcuts, no fast access, only nodes.
    """

    __slots__ = ("_node",)
    _node: Any

    def __init__(self, node: NNTreeNode) -> None:
        object.__setattr__(self, "_node", node)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also an unset `_node` while unpickling
            raise PypetAttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        group: NNGroupNode = self._node
        try:
            return group.v_children[name]
        except KeyError:
            raise PypetAttributeError(
                f"{title(group)} has no child called `{name}`."
                f"{suggestions.near_members(type(group), name, group.v_children)} `kids` knows "
                "direct children only; use f_get to search further below."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise PypetAttributeError(
            f"`{name}` cannot be set: `{type(self).__name__}` only shows what is there. Assign "
            f"to the group itself, {title(self._node)}."
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        return list(self._node.v_children)


class NNTreeNodeFunc(NNTreeNodeKids):
    """The ``f_`` methods of a node: ``node.func.get()`` is ``node.f_get()``."""

    __slots__ = ()
    _PREFIX = "f_"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise PypetAttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        if not self._is_member(name):
            raise self._unknown(name)
        return getattr(self._node, self._PREFIX + name)

    def __dir__(self) -> list[str]:
        prefix = self._PREFIX
        return [name[len(prefix) :] for name in dir(self._node) if name.startswith(prefix)]

    def _is_member(self, name: str) -> bool:
        return hasattr(type(self._node), self._PREFIX + name)

    def _unknown(self, name: str) -> PypetAttributeError:
        return PypetAttributeError(
            f"`{self._PREFIX}{name}` is no member of {title(self._node)}."
            f"{suggestions.near_members(type(self._node), self._PREFIX + name)}"
        )


class NNTreeNodeVars(NNTreeNodeFunc):
    """The ``v_`` properties of a node: ``node.vars.comment`` is ``node.v_comment``."""

    __slots__ = ()
    _PREFIX = "v_"

    def __setattr__(self, name: str, value: Any) -> None:
        if not self._is_member(name):
            raise self._unknown(name)
        setattr(self._node, self._PREFIX + name, value)

    def _is_member(self, name: str) -> bool:
        node = self._node
        # A slot is a descriptor of the class; without slots an instance keeps its own variables.
        return super()._is_member(name) or self._PREFIX + name in getattr(node, "__dict__", ())
