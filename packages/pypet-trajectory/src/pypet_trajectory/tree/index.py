"""`TreeIndex`: everything one tree remembers about its nodes, by name.

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

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory.naming.names import members_of
from pypet_trajectory.tree.kinds import BRANCHES
from pypet_trajectory.tree.nodes import NNLeafNode, NNTreeNode
from pypet_trajectory.tree.short_names import ShortNames

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.root import TreeRoot

#: Answers remembered at most; a search that is not remembered is only slower.
MAX_ANSWERS = 4096


class TreeIndex:
    """The registers of one tree.

    Parameters
    ----------
    root_instance : TreeRoot
        The trajectory. It has no children yet.
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
        "root",
        "run_parents",
    )

    def __init__(self, root_instance: TreeRoot) -> None:
        #: The trajectory.
        self.root: Any = root_instance
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
        return self.node(node._full_name) is node

    def parent(self, node: NNTreeNode) -> NNGroupNode:
        """The group above a node of the tree other than the root."""
        parent = node._full_name.rpartition(".")[0]
        return self.groups[parent] if parent else self.root

    def leaves_of(self, branch: str | None) -> dict[str, NNLeafNode]:
        """The register of leaves below a first-level name."""
        return self.branches.get(branch or "", self.other_leaves)

    def remember(self, start: NNGroupNode, name: str, node: NNTreeNode) -> None:
        """Keep the answer to a search made with default settings."""
        if len(self.answers) >= MAX_ANSWERS:
            self.answers.clear()
        self.answers[start._full_name, name] = node

    @property
    def members(self) -> frozenset[str]:
        """Names that a node should better not have, see `names.members_of`."""
        return members_of(self.root.__class__)

    # -------------------------------------------------------------------------- changes

    def add(self, parent: NNGroupNode, node: NNTreeNode) -> None:
        """Hang a node, whose full name is final, below `parent`."""
        root = self.root
        full_name = node._full_name
        name: str = node._name  # type: ignore[assignment]  # names were checked
        run_branch = parent._run_branch
        if root.v_runs.names.contains(name):
            run_branch = name
            self.run_parents[parent._full_name] = parent
        node._set_details(parent._depth + 1, parent._branch or name, run_branch)
        if node._is_leaf:
            leaf: NNLeafNode = node  # type: ignore[assignment]
            self.leaves[full_name] = leaf
            self.leaves_of(leaf._branch)[full_name] = leaf
            (parent._leaves or parent._own("_leaves"))[name] = leaf
        else:
            group: NNGroupNode = node  # type: ignore[assignment]
            group._nn_interface = self
            self.groups[full_name] = group
            (parent._groups or parent._own("_groups"))[name] = group
        (parent._children or parent._own("_children"))[name] = node
        self.names.add(node)
        self.answers.clear()
        if root.v_runs.inside:
            root.v_runs.new_nodes[parent._full_name, name] = (parent, node)

    def remove(self, node: NNTreeNode) -> None:
        """Take a node without children off the tree, with all links to it and from it."""
        full_name, name = node._full_name, node._name
        for group, names in list(self.linked_by.get(full_name, {}).values()):
            for link in list(names):
                self.remove_link(group, link)
        parent = self.parent(node)
        if node._is_leaf:
            del self.leaves[full_name]
            del self.leaves_of(node._branch)[full_name]
            del parent._leaves[name]  # type: ignore[arg-type]
        else:
            group = self.groups[full_name]
            for link in list(group._links):
                self.remove_link(group, link)
            del self.groups[full_name]
            del parent._groups[name]  # type: ignore[arg-type]
            self.run_parents.pop(full_name, None)
            group._nn_interface = None
        del parent._children[name]  # type: ignore[arg-type]
        self.names.discard(node)
        self.answers.clear()
        self.root.v_runs.new_nodes.pop((parent._full_name, name), None)

    def add_link(self, group: NNGroupNode, name: str, target: NNTreeNode) -> None:
        """Let `name` below `group` stand for `target`."""
        group._own("_links")[name] = target
        group._own("_children")[name] = target
        sources = self.linked_by.setdefault(target._full_name, {})
        sources.setdefault(group._full_name, (group, set()))[1].add(name)
        self.link_names[name] = self.link_names.get(name, 0) + 1
        self.answers.clear()
        if self.root.v_runs.inside:
            self.root.v_runs.new_links[group._full_name, name] = (group, target)

    def remove_link(self, group: NNGroupNode, name: str) -> None:
        """Drop the link `name` below `group`."""
        target = group._links.pop(name)
        del group._children[name]
        sources = self.linked_by[target._full_name]
        names = sources[group._full_name][1]
        names.remove(name)
        if not names:
            del sources[group._full_name]
            if not sources:
                del self.linked_by[target._full_name]
        self.link_names[name] -= 1
        if not self.link_names[name]:
            del self.link_names[name]
        self.answers.clear()
        self.root.v_runs.new_links.pop((group._full_name, name), None)

    # ------------------------------------------------------------------ pickling, copying

    def _structure(self) -> Iterator[tuple[Any, ...]]:
        for group in (self.root, *self.groups.values()):
            if group._children:
                yield group, group._children, group._groups, group._leaves, group._links

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in self.__slots__ if name != "__weakref__"}
        state["answers"] = {}
        state["structure"] = list(self._structure())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for group, children, groups, leaves, links in state.pop("structure"):
            # Groups may still be without state here: nothing but these four may be touched.
            object.__setattr__(group, "_children", children)
            object.__setattr__(group, "_groups", groups)
            object.__setattr__(group, "_leaves", leaves)
            object.__setattr__(group, "_links", links)
        for name, value in state.items():
            setattr(self, name, value)

    # ------------------------------------------------------------- names known from pypet 0.7

    @property
    def _root_instance(self) -> TreeRoot:
        return self.root  # type: ignore[no-any-return]

    @property
    def _flat_leaf_storage_dict(self) -> dict[str, NNLeafNode]:
        return self.leaves

    @property
    def _nodes_and_leaves(self) -> ShortNames:
        return self.names

    @property
    def _nodes_and_leaves_runs_sorted(self) -> dict[str, dict[str, dict[str, NNTreeNode]]]:
        """Short name to run to full name to node, made on the spot."""
        by_run: dict[str, dict[str, dict[str, NNTreeNode]]] = {}
        for node in (*self.groups.values(), *self.leaves.values()):
            runs = by_run.setdefault(node._name or "", {})
            runs.setdefault(node._run_branch, {})[node._full_name] = node
        return by_run

    @property
    def _links_count(self) -> dict[str, int]:
        return self.link_names

    @property
    def _not_admissible_names(self) -> frozenset[str]:
        return self.members
