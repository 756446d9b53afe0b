"""What the tree asks of the trajectory at its root; the settings and the origin of a tree.

The tree modules work on any object that has the attributes of `TreeRoot`; they never import
the trajectory. Invariant: the tree reads the settings at every call, so that a changed setting
takes effect at once. Unlike in pypet 0.7, the registers of nodes do not belong to the trajectory:
they live in :class:`~pypet_trajectory.tree.index.TreeIndex`, and the trajectory shows them.

Pickling: the index carries the whole structure. A root that defines ``__getstate__`` starts
from ``super().__getstate__()``, which leaves the children out, and its ``__setstate__`` passes
the rest on to ``super().__setstate__``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pypet_trajectory.api.service import StorageService
    from pypet_trajectory.runs.state import Exploration, Runs
    from pypet_trajectory.tree.index import TreeIndex
    from pypet_trajectory.tree.nodes import NNLeafNode


@dataclass
class TreeSettings:
    """How a tree is searched and added to."""

    #: Class of parameters, derived parameters and config if none is given.
    standard_parameter: type[NNLeafNode]
    #: Class of results if none is given.
    standard_result: type[NNLeafNode]
    #: Class of leaves outside of the four branches if none is given.
    standard_leaf: type[NNLeafNode]
    #: Classes of nodes, or dotted paths to them, which are found by name besides the built-in ones.
    dynamic_imports: list[Any] = field(default_factory=list)
    #: Whether natural naming returns values instead of leaves that hold one value.
    fast_access: bool = True
    #: Whether natural naming may skip groups.
    shortcuts: bool = True
    #: How deep natural naming searches below the group it starts at; None: no limit.
    max_depth: int | None = None
    #: Whether natural naming follows links.
    with_links: bool = True
    #: Whether natural naming loads what is missing or empty.
    auto_load: bool = False
    #: Whether iterating over a group goes below its children.
    iter_recursive: bool = False
    #: Whether adding something that exists returns it instead of raising.
    no_clobber: bool = False
    #: Whether results and derived parameters added during a run go below ``runs.<run name>``.
    auto_run_prepend: bool = True

    def copy(self) -> TreeSettings:
        """The same settings, to be changed on their own."""
        return replace(self, dynamic_imports=list(self.dynamic_imports))


@dataclass(frozen=True)
class Origin:
    """When and with what a trajectory was created, and which environment last handled it."""

    #: Seconds since the epoch.
    timestamp: float
    #: The same, local, ``%Y_%m_%d_%Hh%Mm%Ss``.
    time: str
    #: Versions of pypet and Python.
    version: str
    python: str
    #: Name and SHA-1 of the environment, ``None`` without one.
    environment_name: str | None = None
    environment_hexsha: str | None = None


def set_origin(root: Any, **changes: Any) -> None:
    """Change fields of a trajectory's origin."""
    object.__setattr__(root, "_origin", replace(root.v_origin, **changes))


class TreeRoot(Protocol):
    """The trajectory as the tree sees it."""

    @property
    def v_name(self) -> str:
        """Name of the trajectory."""

    @property
    def v_stored(self) -> bool:
        """Whether the trajectory itself was stored."""

    @property
    def v_storage_service(self) -> StorageService | None:
        """Where the trajectory is kept; None: nowhere."""

    @property
    def v_index(self) -> TreeIndex:
        """Everything the tree knows about its nodes, with the settings."""

    @property
    def v_runs(self) -> Runs:
        """The runs, with the wildcards; the tree writes to what was added during one."""

    @property
    def v_exploration(self) -> Exploration:
        """Explored parameters. Adding a leaf of such a name fills the entry.

        Removing the leaf sets it to ``None`` if the trajectory is stored or in a run, and drops
        it otherwise.
        """
