"""Reading the tree layout of pypet 0.7: one HDF5 group per node, paths as in the tree.

``results.run_00000000.z`` of trajectory ``fitting`` is the group
``/fitting/results/run_00000000/z``. Invariant: a group without ``SRVC_LEAF`` is a group of the
tree, unless it holds data: then it is what pypet 0.7 leaves behind when it is killed, and is
hidden. Names that begin with ``__pypet_unfinished__`` are hidden as well.

A caller that loads a tree asks for the children of a group, and for each child before the next one.
So one might think that telling the kinds of all children first is the same. It is not with a
million of them: each would be opened twice. What is seen of a child is kept until the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.attributes import is_leaf, read_annotations, read_text
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import GROUP, LINK, Children, Handles
from pypet_storage_hdf5.layout.leaf import LeafItems
from pypet_trajectory.api.records import NodeKind, NodeRecord
from pypet_trajectory.exceptions import DataNotInStorageError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

OVERVIEW = "overview"


class _Seen(NamedTuple):
    """What has been found out about a group on the way to something else."""

    path: str
    #: Names of its attributes.
    names: list[str]
    #: Whether it is a leaf; ``None`` if no caller asked so far.
    leaf: bool | None = None
    #: What lies in it, if it is no leaf.
    children: Children | None = None
    #: Names of the attributes of the last group in it, if that had to be looked at.
    last_names: list[str] | None = None


class TreeReader:
    """Nodes of one trajectory in an open file, as they are there.

    Parameters
    ----------
    file : OpenFile
        The file.
    trajectory : str
        HDF5 path of the trajectory's group.
    """

    def __init__(self, file: OpenFile, trajectory: str) -> None:
        #: The open file.
        self.file = file
        self._trajectory = trajectory
        #: The child whose turn it is.
        self._seen: _Seen | None = None

    @property
    def _handles(self) -> Handles:
        return self.file.handles

    def path_of(self, full_name: str) -> str:
        """HDF5 path of a node."""
        if not full_name:
            return self._trajectory
        return f"{self._trajectory}/{full_name.replace('.', '/')}"

    def kind_of(self, full_name: str) -> NodeKind | None:
        """Kind of a node, ``None`` if it is not there or hidden."""
        if full_name.partition(".")[0] == OVERVIEW:
            return None
        return self._kind_at(self.path_of(full_name))

    def children(self, full_name: str) -> Iterator[tuple[str, NodeKind]]:
        """Names and kinds of the nodes below a group, each looked at when its turn comes."""
        path = self.path_of(full_name)
        seen = self._seen
        if seen is None or seen.path != path or seen.children is None:
            found, names = self._handles.children(path), None
        else:
            found, names = seen.children, seen.last_names
        for name in reversed(found.groups):
            own_names, names = names, None  # they are those of the very last, hidden or not
            if markers.is_unfinished(name) or (not full_name and name == OVERVIEW):
                continue
            seen = self._seen = self._look_at(f"{path}/{name}", own_names)
            if seen is not None:
                yield name, NodeKind.LEAF if seen.leaf else NodeKind.GROUP
        for name in reversed(found.links):
            yield name, NodeKind.LINK

    def read(
        self,
        full_name: str,
        *,
        items: bool,
        load_only: Collection[str] | None = None,
        load_except: Collection[str] | None = None,
        load_flags: Mapping[str, str] | None = None,
    ) -> NodeRecord:
        """One node as record.

        Raises
        ------
        DataNotInStorageError
            If it is not there.
        """
        path = self.path_of(full_name)
        seen = self._seen
        if seen is None or seen.path != path:
            kind = self._handles.kind(path)
            if kind == LINK:
                return NodeRecord(full_name, NodeKind.LINK, target=self._link_target(path))
            if kind != GROUP or full_name.partition(".")[0] == OVERVIEW:
                raise DataNotInStorageError(
                    f"{full_name!r} is not in the trajectory {self._trajectory[1:]!r} in "
                    f"{self.file.path!r}."
                )
            seen = _Seen(path, self._handles.group(path).attribute_names())
        try:
            leaf, class_name, comment, annotations = self._described(path, seen)
        except Exception as error:
            error.add_note(f"while reading attributes of {path!r} in {self.file.path!r}")
            raise
        if not leaf:
            return NodeRecord(full_name, NodeKind.GROUP, class_name, comment, annotations)
        if not class_name:
            class_name = likely_class(full_name.partition(".")[0], self.item_names(full_name))
            _logger.warning(
                "%r in %r does not say of which class it is; it is taken for a %s.",
                path,
                self.file.path,
                class_name,
            )
        values = (
            LeafItems(self.file, path).read(full_name, load_only, load_except, load_flags)
            if items
            else None
        )
        return NodeRecord(full_name, NodeKind.LEAF, class_name, comment, annotations, values)

    def item_names(self, full_name: str) -> list[str]:
        """Names of a leaf's items."""
        return list(LeafItems(self.file, self.path_of(full_name)).kinds())

    def is_half_leaf(self, path: str) -> bool:
        """Whether a group without leaf mark holds data, so was to become a leaf."""
        return markers.STORAGE_TYPE in self._names_below(path, self._handles.children(path))

    def may_become_leaf(self, path: str) -> bool:
        """Whether a group without leaf mark has data and nothing else, be it marked or not.

        A process that died with the first item of a leaf has left no mark at all.
        """
        found = self._handles.children(path)
        return bool(found.datasets or found.groups) and all(
            markers.STORAGE_TYPE in self._handles.group(f"{path}/{name}").attribute_names()
            for name in found.groups
        )

    def forget_seen(self) -> None:
        """Look at everything anew, because the file is about to change."""
        self._seen = None

    def _described(self, path: str, seen: _Seen) -> tuple[bool, str, str, dict[str, Any]]:
        """Whether a node is a leaf, its class, its comment and its annotations."""
        owner, names = self._handles.group(path), seen.names
        leaf = is_leaf(owner, names) if seen.leaf is None else seen.leaf
        class_name = read_text(owner, markers.CLASS_NAME, names) or ""
        comment = read_text(owner, markers.COMMENT, names) or ""
        if markers.ANNOTATED not in names:
            return leaf, class_name, comment, {}
        with self.file.refusing_pickles(path):
            return leaf, class_name, comment, read_annotations(owner, names)

    def _kind_at(self, path: str) -> NodeKind | None:
        kind = self._handles.kind(path)
        if kind == LINK:
            return NodeKind.LINK
        hidden = markers.is_unfinished(path)
        seen = self._look_at(path) if kind == GROUP and not hidden else None
        if seen is None:
            return None
        return NodeKind.LEAF if seen.leaf else NodeKind.GROUP

    def _look_at(self, path: str, names: list[str] | None = None) -> _Seen | None:
        """What is to be known of a group at once; ``None`` if it is half a leaf, so hidden."""
        handles = self._handles
        group = handles.group(path)
        if names is None:
            names = group.attribute_names()
        if is_leaf(group, names):
            return _Seen(path, names, leaf=True)
        found = handles.children(path, group)
        names_below = self._names_below(path, found)
        if markers.STORAGE_TYPE in names_below and path != self._trajectory:
            _logger.warning(
                "%r in %r is a result or parameter that was not stored completely; it is left "
                "out. repair_hdf5_file() restores its data.",
                path,
                self.file.path,
            )
            return None
        return _Seen(path, names, False, found, None if found.datasets else names_below)

    def _names_below(self, path: str, found: Children) -> list[str]:
        """Names of the attributes of the first dataset in a group, without one of the last group.

        Leaves with nothing but pandas data or nested items have no datasets.
        """
        for name in found.datasets[:1]:
            with self._handles.dataset(f"{path}/{name}") as dataset:
                return dataset.attribute_names()
        for name in found.groups[-1:]:
            return self._handles.group(f"{path}/{name}").attribute_names()
        return []

    def _link_target(self, path: str) -> str:
        target = self._handles.link_target(path)
        prefix = self._trajectory + "/"
        return target[len(prefix) :].replace("/", ".") if target.startswith(prefix) else target


_PARAMETER_BRANCHES = ("parameters", "derived_parameters", "config")


def likely_class(branch: str, items: Collection[str]) -> str:
    """The name of the class whose items these probably are, for leaves that have lost it.

    The classes of pypet store items of different names, so the data says enough to be loaded; only
    a class of a user becomes the class of pypet that it is derived from.
    """
    is_parameter = branch in _PARAMETER_BRANCHES
    if any("__spsp__" in name for name in items):
        return "SparseParameter" if is_parameter else "SparseResult"
    if "__pckl_prtcl__" in items:
        return "PickleParameter" if is_parameter else "PickleResult"
    if not is_parameter:
        return "Result"
    return "ArrayParameter" if any("__rr__" in name for name in items) else "Parameter"
