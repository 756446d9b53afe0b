"""Natural naming: from what a user writes to the node that is meant.

A name is tried as a direct child, then as an exact path, then component by component, each one
searched breadth-first below the last hit: the shallowest node wins, two at the same depth are an
error. There is no back-tracking. Wildcards are tried for the current run first and for the dummy
run second, as a whole name, not component by component.

Invariant: every way to ask (attribute, item, ``f_get``, ``in``) goes through `find`, which changes
nothing except that one of the four branches comes into being when it is asked for at the root.
Answers are remembered by the index until the tree changes, which is what makes ``traj.x`` fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    NodeNotFoundError,
    NotUniqueNodeError,
    PypetAttributeError,
    PypetValueError,
)
from pypet_trajectory.naming import names
from pypet_trajectory.tree import adding, requests, suggestions
from pypet_trajectory.tree.kinds import BRANCHES
from pypet_trajectory.tree.nodes import NNTreeNode
from pypet_trajectory.tree.suggestions import title

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.index import TreeIndex

#: Up to so many nodes of a name are compared one by one; beyond that groups are searched.
MAX_CANDIDATES = 32


# ---------------------------------------------------------------------------- ways to ask


def natural(start: NNGroupNode, name: str) -> Any:
    """Answer ``start.name`` with the settings of the trajectory, and remember the answer.

    Raises
    ------
    PypetAttributeError
        If there is no such node, or several at the same depth.
    """
    index = start.v_index
    settings = index.settings
    node = _get_node(
        start,
        name,
        settings.with_links,
        settings.shortcuts,
        settings.max_depth,
        settings.auto_load,
    )
    if (
        settings.shortcuts
        and settings.with_links
        and settings.max_depth is None
        and index.root.v_runs.wildcards.synonyms.keys().isdisjoint(name.split("."))
    ):
        index.remember(start, name, node)
    if settings.fast_access and node.v_is_leaf and node.f_supports_fast_access():
        return node.f_get()
    return node


def get(
    start: NNGroupNode,
    key: Any,
    fast_access: bool = False,
    with_links: bool = True,
    shortcuts: bool = True,
    max_depth: int | None = None,
    auto_load: bool = False,
) -> Any:
    """Return the node that `key` means below `start`, or its value.

    Raises
    ------
    PypetAttributeError
        If there is no such node, or several at the same depth.
    PypetValueError
        If `key` has more components than `max_depth`, or loading without links is asked for.
    DataNotInStorageError
        If `auto_load` and what is missing is not stored either.
    """
    node = _get_node(start, key, with_links, shortcuts, max_depth, auto_load)
    if fast_access and node.v_is_leaf and node.f_supports_fast_access():
        return node.f_get()
    return node


def get_default(
    start: NNGroupNode,
    key: Any,
    default: Any,
    fast_access: bool,
    with_links: bool,
    shortcuts: bool,
    max_depth: int | None,
    auto_load: bool,
) -> Any:
    """Like `get`, but return `default` for what is missing or not unique."""
    try:
        if not auto_load:
            _check_depth(start, key, shortcuts, max_depth)
            if find(start, key, with_links, shortcuts, max_depth) is None:
                return default  # the usual case, without the cost of a good error message
        return get(start, key, fast_access, with_links, shortcuts, max_depth, auto_load)
    except (AttributeError, DataNotInStorageError):
        return default


def contains(
    start: NNGroupNode, item: Any, with_links: bool, shortcuts: bool, max_depth: int | None
) -> bool:
    """Whether `item`, a node or a name, is below `start`."""
    if isinstance(item, NNTreeNode):
        return _contains_node(start, item, max_depth)
    try:
        node = find(start, item, with_links, shortcuts, max_depth)
    except AttributeError:
        return False
    return node is not None and node is not start.v_index.root  # which `''` stands for


def get_all(
    start: NNGroupNode, key: Any, max_depth: int | None = None, shortcuts: bool = True
) -> list[Any]:
    """Return all nodes below `start` whose real path matches `key`.

    With `shortcuts` the components must occur in the path in this order, the last one at its
    end; without, the path must end with them. Links are not followed.
    """
    index = start.v_index
    path = next(translations(start, key))
    found = []
    for node in index.names.of(path[-1]):
        below = _path_below(start, node)
        matches = _occurs(path, below) if shortcuts else below[-len(path) :] == path
        if below and matches and (max_depth is None or len(below) <= max_depth):
            found.append(node)
    return found


# --------------------------------------------------------------------------------- find


def find(
    start: NNGroupNode,
    key: Any,
    with_links: bool = True,
    shortcuts: bool = True,
    max_depth: int | None = None,
) -> NNTreeNode | None:
    """Return the node in memory that `key` means below `start`, None if there is none.

    Raises
    ------
    NotUniqueNodeError
        If two nodes at the same depth are meant.
    PypetAttributeError
        If `key` is nothing that could be a name.
    """
    first: NotUniqueNodeError | None = None
    for path in translations(start, key):
        try:
            node = locate(start, path, with_links, shortcuts, max_depth)
        except NotUniqueNodeError as error:
            first = first or error
            continue
        if node is not None:
            return node
    if first is not None:
        raise first
    return None


def find_path(start: NNGroupNode, key: Any) -> str | None:
    """The dotted path without shortcuts that `key` means below `start`, None if there is none."""
    for path in translations(start, key):
        if locate(start, path, shortcuts=False) is not None:
            return ".".join(path)
    return None


def locate(
    start: NNGroupNode,
    path: list[str],
    with_links: bool = True,
    shortcuts: bool = True,
    max_depth: int | None = None,
) -> NNTreeNode | None:
    """Like `find`, for components that are translated already."""
    if max_depth is not None and len(path) > max_depth:
        return None
    index = start.v_index
    if start is index.root:
        if path == [""]:
            return index.node("")
        absent = path[0] in BRANCHES and path[0] not in start.v_children
        if absent and not adding.make_branch(start, path[0]):
            return None
    if len(path) == 1 and (with_links or path[0] not in start.v_children.links):
        child = start.v_children.get(path[0])
        if child is not None:
            return child
    for name in path:
        if name not in index.names and name not in index.link_names:
            return None
    if not shortcuts:
        return _walk(start, path, with_links)
    node = _exact(index, start, path)
    if node is not None:
        return node
    return _search(index, start, path, with_links, max_depth)


def translations(start: NNGroupNode, key: Any) -> Iterator[list[str]]:
    """What a key may stand for: with wildcards for the current run, then for the dummy run.

    Raises
    ------
    PypetAttributeError
        If `key` is nothing that could be a name.
    """
    root = start.v_index.root
    wildcards, idx = root.v_runs.wildcards, root.v_runs.idx
    path = names.split(key, wildcards)
    yield [names.translate(name, wildcards, idx) for name in path]
    if idx >= 0 and not wildcards.synonyms.keys().isdisjoint(path):
        yield [names.translate(name, wildcards, -1) for name in path]


def _walk(start: NNGroupNode, path: list[str], with_links: bool) -> NNTreeNode | None:
    """Go down from child to child."""
    node: NNTreeNode = start
    for name in path:
        if node.v_is_leaf or not (with_links or name not in node.v_children.links):  # type: ignore[attr-defined]
            return None
        child = node.v_children.get(name)  # type: ignore[attr-defined]
        if child is None:
            return None
        node = child
    return node


def _exact(index: TreeIndex, start: NNGroupNode, path: list[str]) -> NNTreeNode | None:
    """Take the path as a full name, from the root if it begins like that of `start`."""
    name, above = ".".join(path), start.v_full_name
    if above and (name == above or name.startswith(f"{above}.")):
        node = index.node(name)
        if node is not None:
            return node
    return index.node(f"{above}.{name}" if above else name)


def _search(
    index: TreeIndex,
    start: NNGroupNode,
    path: list[str],
    with_links: bool,
    max_depth: int | None,
) -> NNTreeNode | None:
    """Search each component below the last hit."""
    node: NNTreeNode = start
    for name in path:
        if node.v_is_leaf:
            return None
        if name == node.v_full_name and name not in node.v_children:  # type: ignore[attr-defined]
            continue  # `traj.par.par` is `traj.par`: a full name may start anywhere
        hit = _shallowest(index, node, name, with_links, max_depth)  # type: ignore[arg-type]
        if hit is None:
            return None
        node, depth = hit
        if max_depth is not None:
            max_depth -= depth
    return node


def _shallowest(
    index: TreeIndex, start: NNGroupNode, name: str, with_links: bool, max_depth: int | None
) -> tuple[NNTreeNode, int] | None:
    """The node called `name` closest below `start`, and how far below it is.

    Raises
    ------
    NotUniqueNodeError
        If there are two at this distance.
    """
    if with_links and index.linked_by:
        return _breadth_first(start, name, with_links, max_depth)
    candidates = index.names.of(name)
    if len(candidates) > MAX_CANDIDATES:
        return _breadth_first(start, name, with_links, max_depth)
    prefix = f"{start.v_full_name}." if start.v_full_name else ""
    best: NNTreeNode | None = None
    rival: NNTreeNode | None = None
    for node in candidates:
        if node.v_full_name.startswith(prefix):
            if best is None or node.v_depth < best.v_depth:
                best, rival = node, None
            elif node.v_depth == best.v_depth and rival is None:
                rival = node
    if best is None:
        return None
    depth = best.v_depth - start.v_depth
    if max_depth is not None and depth > max_depth:
        return None
    if rival is not None:
        raise _not_unique(start, name, depth, best.v_full_name, rival.v_full_name)
    return best, depth


def _breadth_first(
    start: NNGroupNode, name: str, with_links: bool, max_depth: int | None
) -> tuple[NNTreeNode, int] | None:
    """The same by going through all groups level by level, through links if wanted."""
    level, seen, depth = [start], {start.v_full_name}, 0
    while level and (max_depth is None or depth < max_depth):
        depth += 1
        hit: NNTreeNode | None = None
        for group in level:
            if name in group.v_children and (with_links or name not in group.v_children.links):
                node = group.v_children[name]
                if hit is not None:
                    raise _not_unique(start, name, depth, hit.v_full_name, node.v_full_name)
                hit = node
        if hit is not None:
            return hit, depth
        below = []
        for group in level:
            relatives = group.v_children if with_links else group.v_children.groups
            for child in relatives.values():
                if not child.v_is_leaf and child.v_full_name not in seen:
                    seen.add(child.v_full_name)
                    below.append(child)
        level = below  # type: ignore[assignment]
    return None


# ------------------------------------------------------------------------ get, with loading


def _get_node(
    start: NNGroupNode,
    key: Any,
    with_links: bool,
    shortcuts: bool,
    max_depth: int | None,
    auto_load: bool,
) -> Any:
    _check_depth(start, key, shortcuts, max_depth)
    if auto_load:
        if not with_links:
            raise PypetValueError(
                f"{key!r} cannot be loaded below {title(start)} without links: loading "
                "follows links. Leave out `auto_load` or pass `with_links=True`."
            )
        return _get_or_load(start, key, shortcuts, max_depth)
    node = find(start, key, with_links, shortcuts, max_depth)
    if node is None:
        raise _not_found(start, key)
    return node


def _get_or_load(start: NNGroupNode, key: Any, shortcuts: bool, max_depth: int | None) -> Any:
    """Find a node or load it, first for the current run and then for the dummy run."""
    root = start.v_index.root
    first: Exception | None = None
    for path in translations(start, key):
        try:
            node = locate(start, path, True, shortcuts, max_depth)
            if node is None:
                node = _load_path(start, path)
            if node is None:
                raise _not_found(start, key)
            if node.v_is_leaf and node.f_is_empty():  # type: ignore[attr-defined]
                requests.load_leaf(root, node)
                _set_to_current_run(root, node)
            return node
        except (AttributeError, DataNotInStorageError) as error:
            first = first or error
    assert first is not None  # there is at least one translation
    raise first


def _load_path(start: NNGroupNode, path: list[str]) -> NNTreeNode | None:
    if not all(path) or any(name.startswith("_") for name in path):
        return None  # no node has such a name, in memory or in a storage
    requests.load_group(start, path=".".join(path))
    node = _walk(start, path, with_links=True)
    if node is not None:
        _set_to_current_run(start.v_index.root, node)
    return node


def _set_to_current_run(root: Any, node: Any) -> None:
    if (
        root.v_runs.idx >= 0
        and node.v_full_name in root.v_exploration.parameters
        and node.f_has_range()
    ):
        node._set_parameter_access(root.v_runs.idx)


# ---------------------------------------------------------------------------- containment


def _path_below(start: NNGroupNode, node: NNTreeNode) -> list[str]:
    """Components of the real path from `start` to `node`, empty if it does not hang below."""
    if not start.v_full_name:
        return node.v_full_name.split(".")
    prefix = f"{start.v_full_name}."
    if not node.v_full_name.startswith(prefix):
        return []
    return node.v_full_name[len(prefix) :].split(".")


def _contains_node(start: NNGroupNode, node: NNTreeNode, max_depth: int | None) -> bool:
    index = start.v_index
    if node is start or node is index.root or not node.v_full_name or not index.holds(node):
        return False
    below = _path_below(start, node)
    return bool(below) and (max_depth is None or len(below) <= max_depth)


def _occurs(path: list[str], below: list[str]) -> bool:
    """Whether `below` ends with the last component and has the others before it in order."""
    if below[-1:] != path[-1:]:
        return False
    names_above = iter(below[:-1])
    return all(name in names_above for name in path[:-1])


# --------------------------------------------------------------------------------- errors


def _check_depth(start: NNGroupNode, key: Any, shortcuts: bool, max_depth: int | None) -> None:
    if max_depth is None or not shortcuts:
        return
    length = len(names.split(key, start.v_index.root.v_runs.wildcards))
    if length > max_depth:
        raise PypetValueError(
            f"{key!r} has {length} components and cannot be found at a depth of at most "
            f"{max_depth} below {title(start)}. Raise `max_depth` or shorten the name."
        )


def _not_unique(
    start: NNGroupNode, name: str, depth: int, first: str, second: str
) -> NotUniqueNodeError:
    return NotUniqueNodeError(
        f"`{name}` is not unique below {title(start)}: at depth {depth} there are `{first}` and "
        f"`{second}` (a link counts like a node). Write more of the path, or use f_get_all to get "
        "all of them."
    )


def _not_found(start: NNGroupNode, key: Any) -> NodeNotFoundError:
    index = start.v_index
    path = next(translations(start, key))
    name = ".".join(path)
    known = (index.names, index.link_names, BRANCHES)
    unknown = (part for part in path if not any(part in register for register in known))
    text = f"`{name}` was not found below {title(start)}."
    if isinstance(key, str) and key != name:
        text = f"`{name}` (from `{key}`) was not found below {title(start)}."
    return NodeNotFoundError(text + suggestions.near_nodes(start, next(unknown, path[-1])))


def no_tree(group: NNGroupNode) -> PypetAttributeError:
    """What to raise where a group needs a tree and hangs in none."""
    return PypetAttributeError(
        f"{title(group)} is not in the tree of a trajectory: it was never added, or it was "
        "removed. Add it first."
    )
