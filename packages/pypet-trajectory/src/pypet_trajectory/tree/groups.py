"""`NNGroupNode`: the face of a tree. What a group can do is said here and done next door.

Children are attributes of their group, so every public member carries a prefix, ``f_`` for
methods and ``v_`` for properties. Invariant: a group has no state but its children; what spans
the tree is in the index, which a group without a tree does not have.
"""

from __future__ import annotations

import copy as copying
import inspect
import itertools
import sys
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Self

from pypet_trajectory.constants import LOAD_DATA, LOAD_SKELETON, STORE_DATA
from pypet_trajectory.deprecation import kwargs_api_change
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PypetAttributeError,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.logger import class_text, logger_of
from pypet_trajectory.tree import (
    adding,
    assignment,
    iteration,
    links,
    lookup,
    removal,
    requests,
)
from pypet_trajectory.tree.children import NO_CHILDREN, Children, own_children
from pypet_trajectory.tree.kinds import ELSEWHERE, group_class
from pypet_trajectory.tree.nodes import KnowsTrajectory, NNTreeNode, is_writable
from pypet_trajectory.tree.proxies import NNTreeNodeKids
from pypet_trajectory.tree.suggestions import title

if TYPE_CHECKING:
    from pypet_trajectory.tree.index import TreeIndex

#: Children shown by ``str(group)``.
MAX_CHILDREN_SHOWN = 6
_NOT_THERE = object()


class InitSignature:
    """``__signature__`` of classes whose ``__new__`` says nothing about their arguments."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        of_init = inspect.signature(owner.__init__)  # type: ignore[misc]
        return of_init.replace(parameters=list(of_init.parameters.values())[1:])


@KnowsTrajectory.register
@group_class(ELSEWHERE)
class NNGroupNode(NNTreeNode):
    """A group: a node with children.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    trajectory
        The root of the tree; the tree passes itself.
    comment
        Any text.
    """

    __slots__ = ("_index", "v_children")
    __signature__ = InitSignature()
    KNOWS_TRAJECTORY = True

    #: The children by name; set by the tree alone.
    v_children: Children
    #: The index of the tree; None outside of one.
    _index: TreeIndex | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Set here and not in __init__, because unpickling fills them before any state is set,
        # and because __getattr__ must never meet a group without them.
        self = super().__new__(cls)
        object.__setattr__(self, "_full_name", "")
        object.__setattr__(self, "_index", None)
        object.__setattr__(self, "v_children", NO_CHILDREN)
        return self

    def __init__(self, full_name: str = "", trajectory: Any = None, comment: str = "") -> None:
        super().__init__(full_name, comment, is_leaf=False)
        if trajectory is not None:
            self._index = trajectory.v_index

    @property
    def v_index(self) -> TreeIndex:
        """The index of the tree, which must exist."""
        index = self._index
        if index is None:
            raise PypetTypeError(str(lookup.no_tree(self)))
        return index

    @property
    def v_root(self) -> Any:
        """The root of the tree, None outside of one."""
        return None if self._index is None else self._index.root

    # ----------------------------------------------------------------- natural naming

    def __getattr__(self, name: str) -> Any:
        index = self._index
        if index is not None:
            # The short way for what was found before; `lookup.natural` is the same, from scratch.
            node: Any = index.answers.get((self._full_name, name))
            if node is not None:
                settings = index.settings
                if (
                    settings.shortcuts
                    and settings.with_links
                    and settings.max_depth is None
                    and not settings.auto_load
                ):
                    if settings.fast_access and node.v_is_leaf and node.f_supports_fast_access():
                        return node.f_get()
                    return node
        if name.startswith("_"):
            return self._private(name)
        if index is None:
            raise lookup.no_tree(self)
        return lookup.natural(self, name)

    def _private(self, name: str) -> Any:
        """An attribute with a private name that there is no attribute of.

        Raises
        ------
        PypetAttributeError
            Always, but a subclass may know more names.
        """
        raise self._no_attribute(name)

    def __getitem__(self, key: Any) -> Any:
        settings = self.v_index.settings
        return lookup.get(
            self,
            key,
            settings.fast_access,
            settings.with_links,
            settings.shortcuts,
            settings.max_depth,
            settings.auto_load,
        )

    def __contains__(self, item: Any) -> bool:
        settings = self.v_index.settings
        return lookup.contains(
            self, item, settings.with_links, settings.shortcuts, settings.max_depth
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        member = getattr(type(self), name, _NOT_THERE)
        if member is _NOT_THERE:
            assignment.assign(self, name, value)
        elif is_writable(member):
            object.__setattr__(self, name, value)
        else:
            raise PypetAttributeError(
                f"`{name}` is a member of {title(self)} that cannot be assigned to. Use an adder "
                "if a child shall have this name."
            )

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, str) and hasattr(type(self), key):
            setattr(self, key, value)
        else:
            assignment.assign(self, key, value)

    @kwargs_api_change("backwards_search")
    def f_get(
        self,
        name: Any,
        fast_access: bool = False,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> Any:
        """Return the node that `name` means below this group.

        The settings of the trajectory do not matter here, only the arguments.

        Parameters
        ----------
        name
            A dotted name, a run index, or a list or tuple of these.
        fast_access
            Whether to return the value of a leaf that holds one.
        with_links
            Whether links are followed.
        shortcuts
            Whether groups may be left out.
        max_depth
            How deep to search below this group, inclusive; None: no limit.
        auto_load
            Whether to load what is missing, and the data of an empty leaf.

        Raises
        ------
        PypetAttributeError
            If there is no such node (`NodeNotFoundError`), or several at the same depth
            (`NotUniqueNodeError`).
        PypetValueError
            If `name` has more components than `max_depth`, or loading without links is asked for.
        DataNotInStorageError
            If `auto_load` and what is missing was not stored either.
        """
        return lookup.get(self, name, fast_access, with_links, shortcuts, max_depth, auto_load)

    @kwargs_api_change("backwards_search")
    def f_get_default(
        self,
        name: Any,
        default: Any = None,
        fast_access: bool = True,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> Any:
        """Like `f_get`, but return `default` for what is missing or not unique."""
        return lookup.get_default(
            self, name, default, fast_access, with_links, shortcuts, max_depth, auto_load
        )

    @kwargs_api_change("backwards_search")
    def f_contains(
        self,
        item: Any,
        with_links: bool = True,
        shortcuts: bool = False,
        max_depth: int | None = None,
    ) -> bool:
        """Whether a node of this name, or exactly this node, hangs below this group.

        Unlike ``item in group`` this takes no shortcuts unless asked to.
        """
        return lookup.contains(self, item, with_links, shortcuts, max_depth)

    def f_get_all(
        self, name: Any, max_depth: int | None = None, shortcuts: bool = True
    ) -> list[Any]:
        """Return all nodes below this group whose real path matches `name`.

        Parameters
        ----------
        name
            A dotted name, a run index, or a list or tuple of these.
        max_depth
            How deep to search below this group, inclusive; None: no limit.
        shortcuts
            Whether other groups may be in between; otherwise the path must end with `name`.
        """
        return lookup.get_all(self, name, max_depth, shortcuts)

    def f_get_parent(self) -> Any:
        """Return the group above.

        Raises
        ------
        PypetTypeError
            If this is the root.
        """
        index = self.v_index
        if index.root is self:
            raise PypetTypeError(f"Trajectory `{index.root.v_name}` is the root and has no parent.")
        return index.parent(self)

    # ---------------------------------------------------------------------- children

    @property
    def kids(self) -> NNTreeNodeKids:
        """Direct children as attributes, always the nodes themselves."""
        return NNTreeNodeKids(self)

    def f_children(self) -> int:
        """Return the number of direct children, links included."""
        return len(self.v_children)

    def f_has_children(self) -> bool:
        """Whether there are direct children, links included."""
        return bool(self.v_children)

    def f_get_children(self, copy: bool = True) -> dict[str, Any]:
        """Return name to child, links included; the live dictionary if not `copy`."""
        return dict(self.v_children) if copy else own_children(self)

    def f_groups(self) -> int:
        """Return the number of direct groups, without links."""
        return len(self.v_children.groups)

    def f_has_groups(self) -> bool:
        """Whether there are direct groups, not counting links."""
        return bool(self.v_children.groups)

    def f_get_groups(self, copy: bool = True) -> dict[str, Any]:
        """Return name to group, without links; the live dictionary if not `copy`."""
        return dict(self.v_children.groups) if copy else own_children(self).own("groups")

    def f_leaves(self) -> int:
        """Return the number of direct leaves, without links."""
        return len(self.v_children.leaves)

    def f_has_leaves(self) -> bool:
        """Whether there are direct leaves, not counting links."""
        return bool(self.v_children.leaves)

    def f_get_leaves(self, copy: bool = True) -> dict[str, Any]:
        """Return name to leaf, without links; the live dictionary if not `copy`."""
        return dict(self.v_children.leaves) if copy else own_children(self).own("leaves")

    def f_links(self) -> int:
        """Return the number of direct links."""
        return len(self.v_children.links)

    def f_has_links(self) -> bool:
        """Whether there are direct links."""
        return bool(self.v_children.links)

    def f_get_links(self, copy: bool = True) -> dict[str, Any]:
        """Return name of link to the node it points to; the live dictionary if not `copy`."""
        return dict(self.v_children.links) if copy else own_children(self).own("links")

    # ---------------------------------------------------------------- everything below

    def __iter__(self) -> Iterator[Any]:
        return iteration.iterate(self, recursive=self.v_index.settings.iter_recursive)

    def f_iter_nodes(
        self,
        recursive: bool = True,
        with_links: bool = True,
        max_depth: int | None = None,
        predicate: Callable[[Any], object] | Collection[Any] | None = None,
    ) -> Iterator[Any]:
        """Go through the nodes below, breadth-first, every one once.

        Parameters
        ----------
        recursive
            Whether to go below the direct children.
        with_links
            Whether links are followed.
        max_depth
            How deep to go below this group, inclusive; None: no limit.
        predicate
            A function: nodes it refuses are left out together with everything below. Or a
            list or tuple of run names and indices: nodes below other runs are left out.

        Raises
        ------
        PypetKeyError
            If `predicate` contains an index that no run has.
        """
        return iteration.iterate(self, recursive, with_links, max_depth, predicate)

    def f_iter_leaves(self, with_links: bool = True) -> Iterator[Any]:
        """Go through the leaves below, breadth-first, every one once."""
        return iteration.iterate_leaves(self, with_links)

    def f_to_dict(
        self,
        fast_access: bool = False,
        short_names: bool = False,
        nested: bool = False,
        with_links: bool = True,
    ) -> dict[str, Any]:
        """Return the leaves below as a dictionary by full name.

        Parameters
        ----------
        fast_access
            Whether leaves that hold one value are replaced by it.
        short_names
            Whether keys are the last components only.
        nested
            Whether groups become dictionaries in dictionaries, starting below this group.
        with_links
            Whether links are followed.

        Raises
        ------
        PypetValueError
            If two leaves share a short name, or keys are to be both short and nested.
        """
        leaves = iteration.leaves_below(self, with_links)
        return iteration.to_dict(leaves, fast_access, short_names, nested, self._full_name)

    def f_debug(self) -> Any:
        """Return plain objects that mirror what is below, for debuggers to show.

        Attributes are called like the children. Leaves are the real ones; changing anything
        else has no effect on the tree.
        """
        return iteration.debug(self)

    def f_dir_data(self) -> list[str]:
        """Return the names of the children; with ``v_auto_load`` also of those not yet loaded."""
        index = self.v_index
        if index.settings.auto_load:
            try:
                requests.load_group(self, True, LOAD_SKELETON, 1)
            except Exception as error:  # completion must never get in the way
                logger_of(index.root).debug(
                    "`%s` cannot be listed from storage: %s", self._full_name, error
                )
        return list(self.v_children)

    def __dir__(self) -> list[str]:
        names = list(super().__dir__())
        if self._index is None or "pydevd" in sys.modules:
            return names  # debuggers evaluate all they find, which would load the whole tree
        return sorted({*names, *self.f_dir_data()})

    def _ipython_key_completions_(self) -> list[str]:
        """What notebooks offer after ``group['``."""
        return [] if self._index is None else self.f_dir_data()

    # -------------------------------------------------------------------------- adding

    def f_add_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group of the class that fits the place and return it.

        Takes a name and a comment, or a class first, or a group that is not in a tree yet.
        Missing groups on the way are added as well.

        Raises
        ------
        PypetValueError
            If the name is not admissible or missing.
        PypetAttributeError
            If something of that name exists, or the path leads through a leaf or a link.
        PypetTypeError
            If group and place do not fit, or a run adds to parameters or configuration.
        """
        return adding.add(self, args, kwargs, leaf=False)

    def f_add_leaf(self, *args: Any, **kwargs: Any) -> Any:
        """Add a parameter or result, by the place, and return it.

        Takes a name and what the class takes, or a class first, or a leaf that is not in the
        tree yet. No run name is put in front.

        Raises
        ------
        PypetValueError
            If the name is not admissible or missing.
        PypetAttributeError
            If something of that name exists, or the path leads through a leaf or a link.
        PypetTypeError
            If leaf and place do not fit, or a run adds to parameters or configuration.
        """
        return adding.add(self, args, kwargs, leaf=True)

    def f_add_link(self, name_or_item: Any, full_name_or_item: Any = None) -> Any:
        """Add a link and return the node it points to.

        Parameters
        ----------
        name_or_item
            Name of the link, or the node, which then also gives the name.
        full_name_or_item
            The node, or a name that is searched for from the root.

        Raises
        ------
        PypetValueError
            If there is no node to link to, it is not in this tree, or the name is not admissible.
        PypetAttributeError
            If the name is taken, or the node is not found.
        """
        return links.add_link(self, name_or_item, full_name_or_item)

    # ------------------------------------------------------------------------ removing

    def f_remove(
        self, recursive: bool = True, predicate: Callable[[Any], object] | None = None
    ) -> None:
        """Remove this group from memory, at the root everything below; a storage keeps its data.

        Parameters
        ----------
        recursive
            Whether to remove a group with children, together with everything below.
        predicate
            Asked for every node from the top down. What it refuses stays, with everything below;
            a group it accepts goes if nothing below stays.

        Raises
        ------
        PypetTypeError
            If there are children and not `recursive`.
        PypetValueError
            If this is the root and not `recursive`.
        """
        index = self.v_index
        if index.root is not self:
            removal.remove_node(index, self, recursive, predicate)
        elif recursive:
            removal.remove_all(index, predicate)
        else:
            raise PypetValueError(
                f"Trajectory `{index.root.v_name}` is the root and cannot be removed itself: "
                "`recursive=True` removes everything below."
            )

    def f_remove_child(
        self,
        name: str,
        recursive: bool = False,
        predicate: Callable[[Any], object] | None = None,
    ) -> None:
        """Remove a direct child from memory, or a direct link without what it points to.

        Parameters
        ----------
        name
            Name of the child; no shortcuts.
        recursive
            Whether to remove a group with children, together with everything below.
        predicate
            As in `f_remove`.

        Raises
        ------
        PypetValueError
            If there is no such child.
        PypetTypeError
            If the child has children and not `recursive`.
        """
        removal.remove_child(self, name, recursive, predicate)

    def f_remove_link(self, name: str) -> None:
        """Remove a direct link from memory, and not what it points to.

        Raises
        ------
        PypetValueError
            If there is no such link.
        """
        links.remove_link(self, name)

    # ------------------------------------------------------------------ storing, loading

    def f_store(
        self, recursive: bool = True, store_data: int = STORE_DATA, max_depth: int | None = None
    ) -> None:
        """Store this group.

        Parameters
        ----------
        recursive
            Whether to store everything below as well.
        store_data
            One of the store modes of :mod:`pypet_trajectory.constants`.
        max_depth
            How deep to go below this group, inclusive; 0 stores the group alone.

        Raises
        ------
        PypetAttributeError
            If the trajectory has no storage service.
        """
        requests.store_group(self, recursive, store_data, max_depth)

    def f_store_child(
        self,
        name: str,
        recursive: bool = False,
        store_data: int = STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        """Store a node below this group, and the groups on the way to it.

        Parameters
        ----------
        name
            Path to the node; no shortcuts.
        recursive, store_data, max_depth
            As in `f_store`; depth is counted from this group.

        Raises
        ------
        PypetValueError
            If there is no such node.
        PypetAttributeError
            If the trajectory has no storage service.
        """
        path = lookup.find_path(self, name)
        if path is None:
            raise PypetValueError(
                f"`{name}` is not below {title(self)} and cannot be stored. Write "
                "the whole path from this group: storing takes no shortcuts."
            )
        requests.store_group(self, recursive, store_data, max_depth, path)

    def f_load(
        self, recursive: bool = True, load_data: int = LOAD_DATA, max_depth: int | None = None
    ) -> Any:
        """Load this group and return it.

        Parameters
        ----------
        recursive
            Whether to load everything below as well; otherwise comment and annotations only.
        load_data
            One of the load modes of :mod:`pypet_trajectory.constants`.
        max_depth
            How deep to go below this group, inclusive.

        Raises
        ------
        DataNotInStorageError
            If the group was not stored.
        PypetAttributeError
            If the trajectory has no storage service.
        """
        requests.load_group(self, recursive, load_data, max_depth)
        return self

    def f_load_child(
        self,
        name: str,
        recursive: bool = False,
        load_data: int = LOAD_DATA,
        max_depth: int | None = None,
    ) -> Any:
        """Load a node below this group, and the groups on the way, and return it.

        Parameters
        ----------
        name
            Path to the node; no shortcuts.
        recursive, load_data, max_depth
            As in `f_load`; depth is counted from this group.

        Raises
        ------
        DataNotInStorageError
            If there is no such node in the storage.
        PypetAttributeError
            If the trajectory has no storage service.
        """
        first: DataNotInStorageError | None = None
        for path in lookup.translations(self, name):
            try:
                requests.load_group(self, recursive, load_data, max_depth, ".".join(path))
            except DataNotInStorageError as error:
                first = first or error
            else:
                return lookup.get(self, path, shortcuts=False)
        raise first  # type: ignore[misc]  # there is at least one translation

    # ------------------------------------------------------------------ text, copies

    def _children_text(self) -> str:
        """The first children with their classes."""
        first = itertools.islice(self.v_children.items(), MAX_CHILDREN_SHOWN)
        shown = ", ".join(f"({name}: {class_text(type(node))})" for name, node in first)
        return shown if len(self.v_children) < MAX_CHILDREN_SHOWN else f"{shown}, ..."

    def __str__(self) -> str:
        comment = f" (`{self._comment}`)" if self._comment else ""
        return f"{type(self).__name__} {self._full_name}{comment}: {self._children_text()}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def __copy__(self) -> Any:
        """Copy the whole tree and return this group of the copy."""
        if self._index is None:
            clone = type(self).__new__(type(self))
            clone.__setstate__(self.__getstate__())
            return clone
        root = copying.copy(self._index.root)
        return lookup.get(root, self._full_name, shortcuts=False)

    # ---------------------------------------------------------------------- pickling

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Protocols 0 and 1 would go past __new__.
        return super().__reduce_ex__(max(protocol, 2))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["v_children"]  # the index carries them, without recursion
        return state
