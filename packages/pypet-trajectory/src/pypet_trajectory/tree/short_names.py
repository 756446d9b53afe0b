"""`ShortNames`: which nodes of a tree bear a name, wherever they hang.

Most names of a large tree occur once (every run has a group of its own name), so a name maps to
the node itself as long as there is only one, and to a dictionary by full name from the second
on. Links do not count: a link's name is not a node's name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pypet_trajectory.tree.nodes import NNTreeNode


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
