"""What the tree asks of the trajectory at its root.

The tree modules work on any object that has the attributes of `TreeRoot`; they never import
the trajectory. Invariant: the tree reads the settings at every call, so that a changed setting
takes effect at once, and writes only the registers named below. Unlike in pypet 0.7, the
registers of nodes do not belong to the trajectory: they live in
:class:`~pypet_trajectory.tree.index.TreeIndex`, and the trajectory shows them.

How a root comes into being::

    NNGroupNode.__init__(self, '', None, comment)   # a group without a tree
    self._nn_interface = TreeIndex(self)            # now it is the root of an empty tree

Pickling: the index carries the whole structure. A root that defines ``__getstate__`` starts
from ``super().__getstate__()``, which leaves the children out, and its ``__setstate__`` passes
the rest on to ``super().__setstate__``.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pypet_trajectory.api.service import StorageService
    from pypet_trajectory.runs.exploration import Exploration
    from pypet_trajectory.runs.state import Runs
    from pypet_trajectory.tree.index import TreeIndex
    from pypet_trajectory.tree.nodes import NNLeafNode


class TreeRoot(Protocol):
    """The trajectory as the tree sees it."""

    # ---------------------------------------------------------- settings, read only

    #: Whether natural naming returns values instead of leaves that hold one value.
    _fast_access: bool
    #: Whether natural naming may skip groups.
    _shortcuts: bool
    #: How deep natural naming searches below the group it starts at; None: no limit.
    _max_depth: int | None
    #: Whether natural naming follows links.
    _with_links: bool
    #: Whether natural naming loads what is missing or empty.
    _auto_load: bool
    #: Whether iterating over a group goes below its children.
    _iter_recursive: bool
    #: Whether adding something that exists returns it instead of raising.
    _no_clobber: bool
    #: Whether results and derived parameters added during a run go below ``runs.<run name>``.
    _auto_run_prepend: bool
    #: Class of parameters, derived parameters and config if none is given.
    _standard_parameter: type[NNLeafNode]
    #: Class of results if none is given.
    _standard_result: type[NNLeafNode]
    #: Class of leaves outside of the four branches if none is given.
    _standard_leaf: type[NNLeafNode]

    # ------------------------------------------------------------- state, read only

    #: Name of the trajectory.
    _name: str
    #: Whether the trajectory itself was stored.
    _stored: bool
    #: Where the trajectory is kept; None: nowhere.
    _storage_service: StorageService | None

    # --------------------------------------------- registers that the tree writes to

    #: Everything the tree knows about its nodes.
    _nn_interface: TreeIndex
    #: Presets: full name to the arguments for ``f_set``; consumed when the leaf is added.
    _changed_default_parameters: MutableMapping[str, tuple[tuple[Any, ...], dict[str, Any]]]

    @property
    def v_runs(self) -> Runs:
        """The runs, with the wildcards; the tree writes to what was added during one."""

    @property
    def v_exploration(self) -> Exploration:
        """Explored parameters. Adding a leaf of such a name fills the entry.

        Removing the leaf sets it to ``None`` if the trajectory is stored or in a run, and drops
        it otherwise.
        """

    @property
    def _logger(self) -> logging.Logger:
        """Where the tree logs."""

    # ---------------------------------------------------------------- questions back

    def _create_class(self, name: str) -> type:
        """The class of this name: a built-in one or one of the dynamic imports."""

    def _remove_exploration(self) -> None:
        """The last explored parameter of a trajectory never stored is gone: back to one run."""
