"""From records to nodes and links: the class, what a node says about itself, its data.

A link may point to a node that is loaded later, or was not asked for; links are made when all
nodes are there, and a missing target is loaded as a skeleton. One that cannot be made is reported
and left out. Invariant: a record never replaces what a node has already, unless it is told to
overwrite. Classes are found once per load call, however many nodes have them. Unlike a user's
adder, nothing here checks names again that a store has kept: what is stored was in a tree before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.api.records import NodeKind, NodeRecord
from pypet_trajectory.constants import OVERWRITE_DATA
from pypet_trajectory.exceptions import PickleRefusedError, PypetError, PypetImportError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.tree.adding import construct, insert
from pypet_trajectory.tree.classes import create_class
from pypet_trajectory.tree.links import add_link_from_storage
from pypet_trajectory.tree.nodes import mark_stored

_logger = module_logger(__name__)

#: Groups whose class follows from the branch they are in.
_STANDARD_GROUPS = frozenset(
    ("", "NNGroupNode", "ParameterGroup", "DerivedParameterGroup", "ConfigGroup", "ResultGroup")
)


class NodeRestorer:
    """Makes nodes from records, and fills nodes that are there.

    Parameters
    ----------
    allow_pickle : bool
        Whether leaves that unpickle their data may get it.
    generic_classes : bool
        Whether nodes of unknown classes become a `Result` or a plain group.
    """

    def __init__(self, *, allow_pickle: bool = True, generic_classes: bool = False) -> None:
        self._allow_pickle = allow_pickle
        self._generic_classes = generic_classes
        #: By whether it is a leaf and the name of the class.
        self._classes: dict[tuple[bool, str], type | None] = {}
        #: Whether nodes count as new: not stored yet, parameters unlocked.
        self.as_new = False

    def add(self, parent: Any, name: str, record: NodeRecord) -> Any:
        """Make the node of a record and hang it directly below `parent`.

        Raises
        ------
        AttributeError
            If there is something of this name.
        ImportError
            If its class cannot be found.
        """
        cls = self._class_of(parent.v_root, record)
        node = insert(parent, name, cls, leaf=record.kind is NodeKind.LEAF)
        self.describe(node, record)
        if record.items:
            self.give_items(node, record)
        return node

    def loose_leaf(self, traj: Any, record: NodeRecord) -> Any:
        """A leaf with the data of a record that hangs in no tree.

        Raises
        ------
        ImportError
            If its class cannot be found.
        """
        cls = self._class_of(traj, record)
        assert cls is not None, "only groups may do without a class"
        leaf: Any = construct(cls, record.full_name, traj, (), {})
        self.describe(leaf, record)
        self.give_items(leaf, record)
        return leaf

    def describe(self, node: Any, record: NodeRecord, *, overwrite: bool = False) -> None:
        """Set comment and annotations where there are none; with `overwrite` even to none."""
        if overwrite or (record.comment and not node.v_comment):
            node.v_comment = record.comment
        if overwrite or record.annotations:
            annotate(node, record, overwrite=overwrite)
        if not self.as_new:
            mark_stored(node, True)

    def give_items(self, leaf: Any, record: NodeRecord) -> None:
        """Hand a leaf its data.

        Raises
        ------
        PickleRefusedError
            If the leaf would unpickle it and pickles are refused.
        """
        if not record.items:
            return
        if not self._allow_pickle and _unpickles(leaf):
            raise PickleRefusedError(
                f"{leaf.v_full_name!r} is a {type(leaf).__name__}, so loading it would execute "
                "a pickle. Use allow_pickle=True if you trust the writer of the data."
            )
        leaf._load(dict(record.items))
        if leaf.v_is_parameter:
            if self.as_new:
                leaf.f_unlock()
            else:
                leaf.f_lock()

    def _class_of(self, traj: Any, record: NodeRecord) -> type | None:
        """The node's class; ``None`` for groups of the standard class of their branch."""
        key = (record.kind is NodeKind.LEAF, record.class_name)
        if key not in self._classes:
            self._classes[key] = self._found_class(traj, record)
        return self._classes[key]

    def _found_class(self, traj: Any, record: NodeRecord) -> type | None:
        from pypet_trajectory.leaves.result import Result

        is_leaf = record.kind is NodeKind.LEAF
        if not is_leaf and record.class_name in _STANDARD_GROUPS:
            return None
        try:
            cls: type = create_class(record.class_name, traj.v_index.settings.dynamic_imports)
        except ImportError as error:
            if not self._generic_classes:
                raise PypetImportError(
                    f"Cannot load {record.full_name!r}, a {record.class_name!r}: {error} Name "
                    "the class in dynamic_imports."
                ) from error
            _logger.warning(
                "%r has the unknown class %r and is loaded without it.",
                record.full_name,
                record.class_name,
            )
            return Result if is_leaf else None
        return cls


def annotate(node: Any, record: NodeRecord, *, overwrite: bool = False) -> None:
    """Give a node the annotations of a record if it has none, or in place of its own."""
    if not overwrite and (has_annotations(node) or not record.annotations):
        return
    annotations = node.v_annotations
    annotations.f_empty()
    for name, value in record.annotations.items():
        annotations.f_set_single(name, value)


def is_described(node: Any) -> bool:
    """Whether a node has both a comment and annotations, so that a record adds nothing."""
    return bool(node.v_comment) and has_annotations(node)


def _unpickles(leaf: Any) -> bool:
    from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult

    return isinstance(leaf, (PickleParameter, PickleResult))


class StoredLinks:
    """Links met while loading.

    Parameters
    ----------
    backend : TreeBackend
        Open, with the trajectory selected.
    load_skeleton : callable
        Loads one node that a link points to, given its parent, its short name and its kind, and
        returns it.
    """

    def __init__(
        self, backend: TreeBackend, load_skeleton: Callable[[Any, str, NodeKind], Any]
    ) -> None:
        self._backend = backend
        self._load_skeleton = load_skeleton
        self._waiting: list[tuple[Any, str]] = []

    def note(self, group: Any, name: str) -> None:
        """Remember that there is a link called `name` below `group`."""
        self._waiting.append((group, name))

    def make(self, mode: int, *, load_targets: bool) -> None:
        """Make all noted links; with `load_targets`, targets that are missing are loaded."""
        waiting, self._waiting = self._waiting, []
        for group, name in waiting:
            try:
                self._make(group, name, mode, load_targets)
            except (PypetError, AttributeError, ValueError) as error:
                _logger.error("The link %r cannot be loaded: %s", joined(group, name), error)

    def _make(self, group: Any, name: str, mode: int, load_targets: bool) -> None:
        present = group.v_children.links.get(name)
        if present is None and name in group.v_children:
            _logger.warning(
                "The link %r is not loaded: there is a node of that name.", joined(group, name)
            )
            return
        if present is not None and mode != OVERWRITE_DATA:
            return
        target_name = self._backend.read_node(joined(group, name), items=False).target
        target = self._target(group.v_root, target_name, load_targets)
        if target is None:
            _logger.warning(
                "The link %r is not loaded: there is no %r.", joined(group, name), target_name
            )
            return
        if present is not None:
            if present is target:
                return
            group.v_index.remove_link(group, name)
        add_link_from_storage(group, name, target)

    def _target(self, traj: Any, full_name: str, load: bool) -> Any:
        """The node a link points to, ``None`` if it is neither in the tree nor to be loaded."""
        node = traj
        for name in full_name.split("."):
            child = node.v_children.get(name) if node.v_is_group else None
            if child is None or name in node.v_children.links:
                kind = self._backend.kind_of(joined(node, name)) if load else None
                if kind is None or kind is NodeKind.LINK:
                    return None
                child = self._load_skeleton(node, name, kind)
            node = child
        return node


def joined(group: Any, name: str) -> str:
    """Full name of a child of `group`."""
    prefix = group.v_full_name
    return f"{prefix}.{name}" if prefix else name
