"""What every node of a tree has: a name, a place, a comment and annotations.

`NNTreeNode` is the base of groups and leaves; `NNLeafNode` fixes what a leaf must be able to do
so that trees and storage services can handle it. Invariant: a leaf never refers to the tree it
hangs in. It can be pickled, sent and compared alone, which is why only groups know their root.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MemberDescriptorType
from typing import Any, Final

from pypet_trajectory.annotations import WithAnnotations
from pypet_trajectory.exceptions import PypetAttributeError, PypetValueError
from pypet_trajectory.slots import VirtualBase
from pypet_trajectory.tree import suggestions
from pypet_trajectory.tree.proxies import NNTreeNodeFunc, NNTreeNodeVars

# Groups and results give assignment a meaning of their own; a node's own state goes past that,
# which is also what keeps making a node cheap.
_set = object.__setattr__

#: ``v_run_branch`` of everything that does not hang below a run.
NO_RUN: Final = "trajectory"


def is_writable(member: object) -> bool:
    """Whether a member of a class takes what is assigned to it: a slot, or a property that does.

    A slot named ``v_...`` is public state that only the tree sets.
    """
    if isinstance(member, MemberDescriptorType):
        return not member.__name__.startswith("v_")
    return hasattr(type(member), "__set__") and not (
        isinstance(member, property) and member.fset is None
    )


def mark_stored(node: Any, stored: bool = True) -> None:
    """Let a node know that a storage service has stored it, or has not after all."""
    _set(node, "_stored", stored)


def mark_explored(parameter: Any, explored: bool = True) -> None:
    """Let a parameter know that it is explored, wherever its range is, or not after all."""
    _set(parameter, "_explored", explored)


def rename(node: Any, full_name: str) -> None:
    """Give a node another full name; its place in the tree does not change by this."""
    _set(node, "_full_name", full_name)
    _set(node, "_name", full_name[full_name.rfind(".") + 1 :] or None)


def set_root_name(root: Any, name: str) -> None:
    """Give the trajectory at the root another name."""
    _set(root, "_name", name)


def set_place(node: Any, depth: int, branch: str | None, run_branch: str) -> None:
    """Let a node know its place in the tree."""
    _set(node, "_depth", depth)
    _set(node, "_branch", branch)
    _set(node, "_run_branch", run_branch)


class KnowsTrajectory(metaclass=VirtualBase):
    """Declares that a node class takes the trajectory as second constructor argument.

    Groups do. A leaf class that inherits from this is constructed as
    ``Class(full_name, trajectory, *args, **kwargs)``.
    """

    __slots__ = ()
    KNOWS_TRAJECTORY = True


class NNTreeNode(WithAnnotations):
    """Base of everything in a tree.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots; the tree changes it when it inserts the node.
    comment
        Any text.
    is_leaf
        Whether the node is a leaf rather than a group.
    """

    __slots__ = (
        "_branch",
        "_comment",
        "_depth",
        "_full_name",
        "_is_leaf",
        "_name",
        "_run_branch",
        "_stored",
    )

    _full_name: str
    _name: str | None
    _comment: str
    _is_leaf: bool
    _stored: bool
    _depth: int
    _branch: str | None
    _run_branch: str

    def __init__(self, full_name: str, comment: str, is_leaf: bool) -> None:
        rename(self, full_name)
        set_place(self, 0, None, NO_RUN)
        _set(self, "_stored", False)
        _set(self, "_is_leaf", is_leaf)
        _set(self, "_comment", str(comment))

    # ---------------------------------------------------------------- name and place

    @property
    def v_name(self) -> str | None:
        """Last component of the full name; None for a node without a name."""
        return self._name

    @property
    def v_full_name(self) -> str:
        """Names from the root down, joined by dots; ``''`` for the root."""
        return self._full_name

    @property
    def v_location(self) -> str:
        """Full name of the parent; ``''`` at the first level and for the root."""
        return self._full_name.rpartition(".")[0]

    @property
    def v_depth(self) -> int:
        """Number of groups above, the root included; 0 outside of a tree."""
        return self._depth

    @property
    def v_branch(self) -> str | None:
        """Name of the first-level node this one hangs below; None for root and outside."""
        return self._branch

    @property
    def v_run_branch(self) -> str:
        """Name of the run the node hangs below, ``'trajectory'`` if there is none.

        Determined when the node is added, from the runs that the trajectory has then.
        """
        return self._run_branch

    @property
    def v_is_root(self) -> bool:
        """Whether the node has depth 0: the root, or a node outside of any tree."""
        return self._depth == 0

    # ---------------------------------------------------------------- kind and state

    @property
    def v_is_leaf(self) -> bool:
        """Whether the node is a leaf: a parameter or a result."""
        return self._is_leaf

    @property
    def v_is_group(self) -> bool:
        """Whether the node is a group."""
        return not self._is_leaf

    @property
    def v_stored(self) -> bool:
        """Whether the node was stored or loaded."""
        return self._stored

    @property
    def v_comment(self) -> str:
        """What the node is about."""
        return self._comment

    @v_comment.setter
    def v_comment(self, comment: object) -> None:
        self._comment = str(comment)

    def f_get_class_name(self) -> str:
        """Return the name of the class, without its module."""
        return type(self).__name__

    @property
    def vars(self) -> NNTreeNodeVars:
        """Properties without prefix: ``node.vars.name`` is ``node.v_name``."""
        return NNTreeNodeVars(self)

    @property
    def func(self) -> NNTreeNodeFunc:
        """Methods without prefix: ``node.func.get()`` is ``node.f_get()``."""
        return NNTreeNodeFunc(self)

    def f_get_annotations(self, *args: str | int) -> Any:
        """Get annotations, see `Annotations.f_get`.

        Raises
        ------
        PypetAttributeError
            If an annotation does not exist, or there is none at all.
        PypetValueError
            If no name is given and there are several annotations.
        """
        try:
            return super().f_get_annotations(*args)
        except (PypetAttributeError, PypetValueError) as error:
            raise type(error)(f"{suggestions.title(self)}: {error}") from None

    def _no_attribute(self, name: str, others: Iterable[str] = ()) -> PypetAttributeError:
        """What to raise for an attribute that is not there; it may be like one of `others`."""
        return PypetAttributeError(
            f"{suggestions.title(self)} has no attribute `{name}`."
            f"{suggestions.near_members(type(self), name, others)}"
        )

    def _repr_html_(self) -> str:
        """What notebooks show: an unfolding tree, escaped and bounded in size."""
        from pypet_trajectory.analysis.html import node_html

        return node_html(self)


class NNLeafNode(NNTreeNode):
    """Base of all leaves: the contract between leaves, trees and storage services.

    A class of its own kind of data implements `f_is_empty`, `f_empty`, `_store` and `_load`,
    and usually starts from :class:`~pypet_trajectory.leaves.base.BaseParameter` or
    :class:`~pypet_trajectory.leaves.base.BaseResult`. Storages find the class again by its name.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    comment
        Any text.
    is_parameter
        Whether the leaf is a parameter rather than a result.
    """

    __slots__ = ("_is_parameter",)
    _is_parameter: bool

    def __init__(self, full_name: str, comment: str, is_parameter: bool) -> None:
        super().__init__(full_name, comment, is_leaf=True)
        _set(self, "_is_parameter", is_parameter)

    @property
    def v_is_parameter(self) -> bool:
        """Whether the leaf is a parameter rather than a result."""
        return self._is_parameter

    def f_supports_fast_access(self) -> bool:
        """Whether natural naming may return ``f_get()`` instead of the leaf; here it may not."""
        return False

    def f_val_to_str(self) -> str:
        """Return a short text of the value, here the empty one. Must not lock parameters."""
        return ""

    def f_is_empty(self) -> bool:
        """Whether there is nothing to store.

        Raises
        ------
        NotImplementedError
            If the class does not implement it.
        """
        raise self._not_implemented("f_is_empty")

    def f_empty(self) -> None:
        """Drop all data and keep the leaf.

        Raises
        ------
        NotImplementedError
            If the class does not implement it.
        """
        raise self._not_implemented("f_empty")

    def _store(self) -> dict[str, Any]:
        """Return all data as basic types by name; called on leaves that are not empty.

        Raises
        ------
        NotImplementedError
            If the class does not implement it.
        """
        raise self._not_implemented("_store")

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Take back what `_store` returned, or a part of it.

        Raises
        ------
        NotImplementedError
            If the class does not implement it.
        """
        raise self._not_implemented("_load")

    def _store_flags(self) -> dict[str, str]:
        """Return the kind of storage wanted, by name of the data item."""
        return {}

    def _load_flags(self) -> dict[str, str]:
        """Return the kind of storage to expect, by name of the data item."""
        return {}

    def _not_implemented(self, method: str) -> NotImplementedError:
        return NotImplementedError(
            f"Leaf classes must define `{method}`, but {type(self).__name__} (of leaf "
            f"`{self._full_name}`) does not."
        )

    def __str__(self) -> str:
        return self._full_name

    def __repr__(self) -> str:
        return f"<{self}>"
