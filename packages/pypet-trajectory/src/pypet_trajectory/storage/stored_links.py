"""Links from the store: noted while nodes are loaded, made when all nodes are there.

A link may point to a node that is loaded later, or was not asked for at all; the target of the
latter is loaded as a skeleton. Invariant: a link that cannot be made is reported and left out; it
never keeps nodes from loading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pypet_trajectory.api.records import NodeKind
from pypet_trajectory.constants import OVERWRITE_DATA
from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.tree.links import add_link_from_storage

_logger = module_logger(__name__)


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
