"""`TreeIndex` and its `ShortNames`: everything one tree remembers about its nodes, by name.

Groups know their children. The index knows the rest that makes look-up fast: every leaf and
group by full name, every node by short name, every link by its target, and answers to earlier
searches. Invariant: each node of the tree is in all registers that concern it and nothing else
is in any; `pypet_trajectory.testing.invariants.assert_invariants` spells this out. All changes go
through the four methods `add`, `remove`, `add_link` and `remove_link`, which decide nothing: names
were checked before. Unlike in pypet 0.7, the index searches nothing; it is what look-up, adding
and removal work on. It is also what pickles the structure: groups leave their children to it, so
that deep trees do not need deep recursion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory.naming.names import members_of
from pypet_trajectory.tree.children import own_children
from pypet_trajectory.tree.kinds import BRANCHES
from pypet_trajectory.tree.nodes import NNLeafNode, NNTreeNode, set_place

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.root import TreeRoot, TreeSettings

#: Answers remembered at most; a search that is not remembered is only slower.
MAX_ANSWERS = 4096
_set = object.__setattr__  # groups give assignment a meaning of their own


class TreeIndex:
    """The registers of one tree.

    Parameters
    ----------
    root : TreeRoot
        The trajectory. It has no children yet.
    settings : TreeSettings
        How the tree is searched and added to.
    """

    __slots__ = (
        "__weakref__",
        "answers",
        "branches",
        "groups",
        "leaves",
        "link_names",
        "linked_by",
        "names",
        "other_leaves",
        "presets",
        "root",
        "run_parents",
        "settings",
    )

    def __init__(self, root: TreeRoot, settings: TreeSettings) -> None:
        #: The trajectory.
        self.root: Any = root
        self.settings = settings
        _set(root, "_index", self)
        #: Full name to leaf, all leaves in order of adding.
        self.leaves: dict[str, NNLeafNode] = {}
        #: Name of a branch to its leaves by full name.
        self.branches: dict[str, dict[str, NNLeafNode]] = {name: {} for name in BRANCHES}
        #: Leaves outside of the four branches, by full name.
        self.other_leaves: dict[str, NNLeafNode] = {}
        #: Full name to group, without the root.
        self.groups: dict[str, NNGroupNode] = {}
        #: Short name to nodes.
        self.names = ShortNames()
        #: Name of links to how many there are.
        self.link_names: dict[str, int] = {}
        #: Full name of a node to what links to it: full name of group to group and link names.
        self.linked_by: dict[str, dict[str, tuple[NNGroupNode, set[str]]]] = {}
        #: Groups that have received a child named like a run, by full name.
        self.run_parents: dict[str, NNGroupNode] = {}
        #: Arguments for the ``f_set`` of parameters by full name, used up when these are added.
        self.presets: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        #: (full name of the group a search started at, name) to the node it found. Valid for
        #: default settings and names without wildcards; forgotten at every change.
        self.answers: dict[tuple[str, str], NNTreeNode] = {}

    # ------------------------------------------------------------------------ questions

    def node(self, full_name: str) -> NNTreeNode | None:
        """The node of exactly this full name; the root is ``''``."""
        node: NNTreeNode | None = self.leaves.get(full_name)
        if node is None:
            node = self.groups.get(full_name) if full_name else self.root
        return node

    def holds(self, node: NNTreeNode) -> bool:
        """Whether exactly this object is a node of the tree."""
        return self.node(node.v_full_name) is node

    def parent(self, node: NNTreeNode) -> NNGroupNode:
        """The group above a node of the tree other than the root."""
        parent = node.v_full_name.rpartition(".")[0]
        return self.groups[parent] if parent else self.root

    def leaves_of(self, branch: str | None) -> dict[str, NNLeafNode]:
        """The register of leaves below a first-level name."""
        return self.branches.get(branch or "", self.other_leaves)

    def leaves_in(self, *branches: str) -> Iterator[tuple[str, NNLeafNode]]:
        """Full name and leaf, of several branches one after the other."""
        for name in branches:
            yield from self.branches[name].items()

    def remember(self, start: NNGroupNode, name: str, node: NNTreeNode) -> None:
        """Keep the answer to a search made with default settings."""
        if len(self.answers) >= MAX_ANSWERS:
            self.answers.clear()
        self.answers[start.v_full_name, name] = node

    @property
    def members(self) -> frozenset[str]:
        """Names that a node should better not have, see `names.members_of`."""
        return members_of(self.root.__class__)

    # -------------------------------------------------------------------------- changes

    def add(self, parent: NNGroupNode, node: NNTreeNode) -> None:
        """Hang a node, whose full name is final, below `parent`."""
        root = self.root
        full_name = node.v_full_name
        name: str = node.v_name  # type: ignore[assignment]  # names were checked
        run_branch = parent.v_run_branch
        if root.v_runs.names.contains(name):
            run_branch = name
            self.run_parents[parent.v_full_name] = parent
        branch = parent.v_branch or name
        set_place(node, parent.v_depth + 1, branch, run_branch)
        children = own_children(parent)
        if node.v_is_leaf:
            leaf: NNLeafNode = node  # type: ignore[assignment]
            self.leaves[full_name] = leaf
            self.leaves_of(branch)[full_name] = leaf
            (children.leaves or children.own("leaves"))[name] = leaf
        else:
            group: NNGroupNode = node  # type: ignore[assignment]
            _set(group, "_index", self)
            self.groups[full_name] = group
            (children.groups or children.own("groups"))[name] = group
        children[name] = node
        self.names.add(node)
        self.answers.clear()
        if root.v_runs.inside:
            root.v_runs.new_nodes[parent.v_full_name, name] = (parent, node)

    def remove(self, node: NNTreeNode) -> None:
        """Take a node without children off the tree, with all links to it and from it."""
        full_name, name = node.v_full_name, node.v_name
        for group, names in list(self.linked_by.get(full_name, {}).values()):
            for link in list(names):
                self.remove_link(group, link)
        parent = self.parent(node)
        if node.v_is_leaf:
            del self.leaves[full_name]
            del self.leaves_of(node.v_branch)[full_name]
            del parent.v_children.leaves[name]  # type: ignore[arg-type]
        else:
            group = self.groups[full_name]
            for link in list(group.v_children.links):
                self.remove_link(group, link)
            del self.groups[full_name]
            del parent.v_children.groups[name]  # type: ignore[arg-type]
            self.run_parents.pop(full_name, None)
            _set(group, "_index", None)
        del parent.v_children[name]  # type: ignore[arg-type]
        self.names.discard(node)
        self.answers.clear()
        self.root.v_runs.new_nodes.pop((parent.v_full_name, name), None)

    def add_link(self, group: NNGroupNode, name: str, target: NNTreeNode) -> None:
        """Let `name` below `group` stand for `target`."""
        children = own_children(group)
        children.own("links")[name] = target
        children[name] = target
        sources = self.linked_by.setdefault(target.v_full_name, {})
        sources.setdefault(group.v_full_name, (group, set()))[1].add(name)
        self.link_names[name] = self.link_names.get(name, 0) + 1
        self.answers.clear()
        if self.root.v_runs.inside:
            self.root.v_runs.new_links[group.v_full_name, name] = (group, target)

    def remove_link(self, group: NNGroupNode, name: str) -> None:
        """Drop the link `name` below `group`."""
        target = group.v_children.links.pop(name)
        del group.v_children[name]
        sources = self.linked_by[target.v_full_name]
        names = sources[group.v_full_name][1]
        names.remove(name)
        if not names:
            del sources[group.v_full_name]
            if not sources:
                del self.linked_by[target.v_full_name]
        self.link_names[name] -= 1
        if not self.link_names[name]:
            del self.link_names[name]
        self.answers.clear()
        self.root.v_runs.new_links.pop((group.v_full_name, name), None)

    # ------------------------------------------------------------------ pickling, copying

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in self.__slots__ if name != "__weakref__"}
        state["answers"] = {}
        state["structure"] = [
            (group, group.v_children)
            for group in (self.root, *self.groups.values())
            if group.v_children
        ]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for group, children in state.pop("structure"):
            _set(group, "v_children", children)  # groups may still be without any other state
        for name, value in state.items():
            setattr(self, name, value)


class ShortNames:
    """A register of nodes by short name.

    Its length is the number of different names.
    """

    __slots__ = ("_nodes",)

    def __init__(self) -> None:
        self._nodes: dict[str, Any] = {}

    def add(self, node: NNTreeNode) -> None:
        """Enter a node under its name."""
        name = node.v_name
        present = self._nodes.setdefault(name, node)  # type: ignore[arg-type]
        if present is not node:
            if type(present) is not dict:
                present = self._nodes[name] = {  # type: ignore[index]
                    present.v_full_name: present
                }
            present[node.v_full_name] = node

    def discard(self, node: NNTreeNode) -> None:
        """Take a node out; does nothing if it is not in."""
        name: str = node.v_name  # type: ignore[assignment]
        present = self._nodes.get(name)
        if type(present) is dict:
            present.pop(node.v_full_name, None)
            if len(present) == 1:
                self._nodes[name] = next(iter(present.values()))
        elif present is node:
            del self._nodes[name]

    def of(self, name: str) -> Collection[NNTreeNode]:
        """All nodes of this name, in order of adding."""
        present = self._nodes.get(name)
        if present is None:
            return ()
        if type(present) is dict:
            return present.values()
        return (present,)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __getstate__(self) -> tuple[dict[str, Any]]:
        return (self._nodes,)  # a tuple because old pickle protocols skip what is empty

    def __setstate__(self, state: tuple[dict[str, Any]]) -> None:
        (self._nodes,) = state
