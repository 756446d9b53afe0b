"""Walking a store into a tree: which nodes are read, how much of each, in which mode.

What a node becomes is said in :mod:`~pypet_trajectory.storage.restoring`, what a link becomes in
:mod:`~pypet_trajectory.storage.restoring`. Invariant: loading reads the store and changes the
tree, never the other way round; and nothing in the tree is emptied before its replacement was
read. One might expect a version number to
decide whether a trajectory loads. It does not: only a file format that is unknown stops loading,
and that is the back end's to say. Other versions are noted and reported at debug level.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pypet_trajectory.api.records import NodeKind, TrajectoryMeta
from pypet_trajectory.constants import (
    LOAD_DATA,
    LOAD_NOTHING,
    LOAD_SKELETON,
    OVERWRITE_DATA,
    VERSION,
    python_version_string,
)
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    ParameterLockedException,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.logger import module_logger
from pypet_trajectory.runs.table import RunTable
from pypet_trajectory.storage.backend import TreeBackend, children_to_load
from pypet_trajectory.storage.restoring import (
    NodeRestorer,
    StoredLinks,
    annotate,
    is_described,
    joined,
)
from pypet_trajectory.tree.nodes import mark_explored, mark_stored, set_root_name
from pypet_trajectory.tree.root import set_origin

_logger = module_logger(__name__)

_MODES = frozenset((LOAD_NOTHING, LOAD_SKELETON, LOAD_DATA, OVERWRITE_DATA))


class TreeLoader:
    """Loads from one selected trajectory; made anew for each load call.

    Parameters
    ----------
    backend : TreeBackend
        Open, with the trajectory selected.
    allow_pickle : bool
        Whether leaves that unpickle their data may be loaded.
    generic_classes : bool
        Whether nodes of unknown classes are loaded as `Result` or plain group.
    """

    def __init__(
        self, backend: TreeBackend, *, allow_pickle: bool = True, generic_classes: bool = False
    ) -> None:
        self._backend = backend
        #: Makes nodes from what is read.
        self.nodes = NodeRestorer(allow_pickle=allow_pickle, generic_classes=generic_classes)
        self._links = StoredLinks(backend, self._load_skeleton)

    # ------------------------------------------------------------- messages

    def load_trajectory(
        self,
        traj: Any,
        as_new: bool,
        load_parameters: int,
        load_derived_parameters: int,
        load_results: int,
        load_other_data: int,
        recursive: bool,
        max_depth: int | None,
        with_run_information: bool,
        with_meta_data: bool,
        force: bool,
        after_meta: Callable[[], None] = lambda: None,
    ) -> None:
        """Load meta data and then the branches, each with its own mode.

        Raises
        ------
        ValueError
            If a mode is unknown, or contradicts `as_new`.
        """
        del force  # nothing is refused any more that could be forced
        modes = {
            "parameters": load_parameters,
            "config": load_parameters,
            "derived_parameters": load_derived_parameters,
            "results": load_results,
        }
        for mode in (*modes.values(), load_other_data):
            _check_mode(mode, traj)
        if as_new:
            if (load_parameters, load_derived_parameters, load_results, load_other_data) != (
                LOAD_DATA,
                LOAD_NOTHING,
                LOAD_NOTHING,
                LOAD_NOTHING,
            ):
                raise PypetValueError(
                    "as_new=True loads parameters with their data and nothing else: the modes "
                    f"must be 2, 0, 0, 0, not {load_parameters}, {load_derived_parameters}, "
                    f"{load_results}, {load_other_data}."
                )
            modes["config"] = LOAD_NOTHING
        self.nodes.as_new = bool(as_new)
        self._load_root(traj, max(modes.values()) == OVERWRITE_DATA, not with_meta_data)
        if with_meta_data:
            self._load_meta(traj, with_run_information)
            after_meta()
        if not as_new:
            mark_stored(traj, True)
        if max_depth is not None and max_depth < 1:
            return
        remaining = None if max_depth is None else max_depth - 1
        for name, kind in children_to_load(self._backend, ""):
            mode = modes.get(name, load_other_data)
            if mode == LOAD_NOTHING:
                continue
            self._load_entry(traj, name, kind, mode, True, bool(recursive), remaining)
        self._make_links(max(*modes.values(), load_other_data))

    def load_leaf(
        self,
        leaf: Any,
        load_data: int = LOAD_DATA,
        load_only: str | Iterable[str] | None = None,
        load_except: str | Iterable[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
        with_links: bool = True,
        recursive: bool = False,
        max_depth: int | None = None,
    ) -> None:
        """Load one leaf; the last three arguments mean nothing here.

        Raises
        ------
        DataNotInStorageError
            If the leaf is not in the store.
        ParameterLockedException
            If the leaf is a locked parameter and has to take data.
        ValueError
            If both `load_only` and `load_except` are given.
        """
        del with_links, recursive, max_depth
        _check_mode(load_data, leaf)
        if load_only is not None and load_except is not None:
            raise PypetValueError(
                f"Loading {leaf.v_full_name!r}: give load_only or load_except, not both."
            )
        self._require(leaf.v_full_name, NodeKind.LEAF)
        if load_only is None and load_except is None:
            self._load_leaf(leaf, load_data, load_flags)
            return
        if leaf.v_is_parameter and leaf.v_locked:
            raise ParameterLockedException(
                f"Parts of {leaf.v_full_name!r} cannot be loaded: the parameter is locked. "
                "Call f_unlock() first."
            )
        record = self._backend.read_node(
            leaf.v_full_name,
            items=True,
            load_only=_names(load_only),
            load_except=_names(load_except),
            load_flags=load_flags or leaf._load_flags() or None,
        )
        self.nodes.describe(leaf, record, overwrite=load_data == OVERWRITE_DATA)
        self.nodes.give_items(leaf, record)

    def load_group(
        self,
        group: Any,
        load_data: int = LOAD_DATA,
        with_links: bool = True,
        recursive: bool = False,
        max_depth: int | None = None,
    ) -> None:
        """Load comment and annotations of a group, and with `recursive` all that is below.

        Raises
        ------
        DataNotInStorageError
            If the group is not in the store.
        """
        _check_mode(load_data, group)
        if load_data == LOAD_NOTHING:
            return
        self._require(group.v_full_name, NodeKind.GROUP)
        self._load_group(group, load_data)
        if recursive:
            self._load_below(group, load_data, with_links, max_depth)
            self._make_links(load_data)

    def load_child(
        self,
        parent: Any,
        child_name: str,
        load_data: int = LOAD_DATA,
        with_links: bool = True,
        recursive: bool = False,
        max_depth: int | None = None,
    ) -> None:
        """Load the nodes along a path, and with `recursive` all that is below the last one.

        Raises
        ------
        DataNotInStorageError
            If a node on the path is not in the store.
        """
        _check_mode(load_data, parent)
        if load_data == LOAD_NOTHING:
            return
        components = child_name.split(".")
        node = parent
        for depth, name in enumerate(components, start=1):
            if max_depth is not None and depth > max_depth:
                return
            full_name = joined(node, name)
            kind = self._backend.kind_of(full_name) if node.v_is_group else None
            if kind is None:
                raise DataNotInStorageError(
                    f"Cannot load {child_name!r} below {parent.v_full_name!r}: {full_name!r} is "
                    "not in the store."
                )
            child = self._load_entry(node, name, kind, load_data, with_links, False, None)
            if child is None:  # a link
                self._make_links(load_data)
                child = node.v_children.links.get(name)
                if child is None:
                    raise DataNotInStorageError(f"The link {full_name!r} points to nothing.")
            node = child
        if recursive and node.v_is_group:
            remaining = None if max_depth is None else max_depth - len(components)
            self._load_below(node, load_data, with_links, remaining)
        self._make_links(load_data)

    # ------------------------------------------------------------ meta data

    def _load_root(self, traj: Any, overwrite: bool, with_comment: bool) -> None:
        record = self._backend.read_node("", items=False)
        annotate(traj, record, overwrite=overwrite)
        if with_comment and not traj.v_comment:
            traj.v_comment = record.comment

    def _load_meta(self, traj: Any, with_run_information: bool) -> None:
        meta = self._backend.read_meta()
        _report_versions(meta)
        if self.nodes.as_new:
            traj.v_comment = traj.v_comment or meta.comment
            traj.v_runs.table = RunTable(self._backend.count_runs())
        else:
            set_root_name(traj, meta.name)
            traj.v_comment = meta.comment
            set_origin(
                traj,
                timestamp=meta.timestamp,
                time=meta.time,
                version=meta.version,
                python=meta.python,
            )
            if with_run_information:
                traj.v_runs.table = self._backend.read_runs()
            else:
                table = RunTable(self._backend.count_runs())
                table.known = frozenset((0,))
                traj.v_runs.table = table
        for name in meta.explored:
            if name not in traj.v_exploration.parameters:
                parameter = traj.v_index.leaves.get(name)
                traj.v_exploration.parameters[name] = parameter
                if parameter is not None:
                    mark_explored(parameter)

    # -------------------------------------------------------------- walking

    def _load_entry(
        self,
        parent: Any,
        name: str,
        kind: NodeKind,
        mode: int,
        with_links: bool,
        recursive: bool,
        max_depth: int | None,
    ) -> Any:
        """Load one child and return it; links are put off and give ``None``."""
        if kind is NodeKind.LINK:
            if with_links:
                self._links.note(parent, name)
            return None
        child = parent.v_children.get(name)
        if child is not None and child.v_is_leaf is not (kind is NodeKind.LEAF):
            raise PypetTypeError(
                f"Cannot load {joined(parent, name)!r}: it is a {kind.value} in the store, but "
                "not in the trajectory. Remove it from the trajectory first."
            )
        if kind is NodeKind.LEAF:
            if child is None:
                return self._new(parent, name, items=mode != LOAD_SKELETON)
            self._load_leaf(child, mode, None)
            return child
        if child is None:
            child = self._new(parent, name, items=False)
        else:
            self._load_group(child, mode)
        if recursive:
            self._load_below(child, mode, with_links, max_depth)
        return child

    def _load_below(self, group: Any, mode: int, with_links: bool, max_depth: int | None) -> None:
        if max_depth is not None and max_depth < 1:
            return
        remaining = None if max_depth is None else max_depth - 1
        for name, kind in children_to_load(self._backend, group.v_full_name):
            self._load_entry(group, name, kind, mode, with_links, True, remaining)

    # ---------------------------------------------------------------- nodes

    def _load_skeleton(self, parent: Any, name: str, kind: NodeKind) -> Any:
        return self._load_entry(parent, name, kind, LOAD_SKELETON, False, False, None)

    def _new(self, parent: Any, name: str, *, items: bool) -> Any:
        record = self._backend.read_node(joined(parent, name), items=items)
        return self.nodes.add(parent, name, record)

    def _load_group(self, group: Any, mode: int) -> None:
        overwrite = mode == OVERWRITE_DATA
        if overwrite or not is_described(group):
            record = self._backend.read_node(group.v_full_name, items=False)
            self.nodes.describe(group, record, overwrite=overwrite)
        elif not self.nodes.as_new:
            mark_stored(group, True)

    def _load_leaf(self, leaf: Any, mode: int, load_flags: Mapping[str, str] | None) -> None:
        """A leaf that is in the tree already."""
        if mode == LOAD_NOTHING:
            return
        overwrite = mode == OVERWRITE_DATA
        if overwrite and leaf.v_is_parameter and leaf.v_locked:
            _logger.debug("%r is locked, so its data is kept.", leaf.v_full_name)
            mark_stored(leaf, True)
            return
        with_data = overwrite or (mode == LOAD_DATA and leaf.f_is_empty())
        if not with_data and is_described(leaf):
            mark_stored(leaf, leaf.v_stored or not self.nodes.as_new)
            return
        record = self._backend.read_node(
            leaf.v_full_name,
            items=with_data,
            load_flags=(load_flags or leaf._load_flags() or None) if with_data else None,
        )
        self.nodes.describe(leaf, record, overwrite=overwrite)
        if with_data:
            if overwrite and not leaf.f_is_empty():
                leaf.f_empty()
            self.nodes.give_items(leaf, record)

    def _make_links(self, mode: int) -> None:
        self._links.make(mode, load_targets=not self.nodes.as_new)

    def _require(self, full_name: str, kind: NodeKind) -> None:
        found = self._backend.kind_of(full_name)
        if found is not kind:
            what = "not in the store" if found is None else f"a {found.value} in the store"
            raise DataNotInStorageError(
                f"Cannot load the {kind.value} {full_name!r}: it is {what}."
            )


def _names(names: str | Iterable[str] | None) -> Collection[str] | None:
    """Names as a collection of our own; the caller's is not touched."""
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def _check_mode(mode: int, node: Any) -> None:
    if mode not in _MODES:
        raise PypetValueError(
            f"Cannot load {node.v_full_name or 'the trajectory'!r}: a load mode is 0 (nothing), "
            f"1 (skeleton), 2 (data) or 3 (overwrite), not {mode!r}."
        )


def _report_versions(meta: TrajectoryMeta) -> None:
    if (meta.version, meta.python) != (VERSION, python_version_string):
        _logger.debug(
            "%r was written by pypet %s under Python %s; here run %s and %s.",
            meta.name,
            meta.version,
            meta.python,
            VERSION,
            python_version_string,
        )
