"""Walking a tree out to records: each store message becomes a stream of write requests.

The stream comes parents before children. Invariant: the tree is only read here; no back end is
touched and nothing is marked stored. So one and the same stream is written on the spot by a
service, or packed into a :class:`~pypet_trajectory.api.records.RunDelta` by a worker that
has no store.

A leaf is turned into records when the stream reaches it, not before, so a whole trajectory never
exists twice in memory. Nodes that a worker sends are marked stored once the delta exists; the
caller has to bring it to the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.api.records import (
    NodeKind,
    NodeRecord,
    RunDelta,
    TrajectoryMeta,
    WriteRequest,
)
from pypet_trajectory.constants import (
    GROUP,
    HDF5_STRCOL_MAX_VALUE_LENGTH,
    LEAF,
    LIST,
    OVERWRITE_DATA,
    SINGLE_RUN,
    STORE_DATA,
    STORE_DATA_SKIPPING,
    STORE_NOTHING,
    TREE,
)
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PypetRuntimeError,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.tree.nodes import mark_stored

_WRITING_MODES = frozenset((STORE_DATA_SKIPPING, STORE_DATA, OVERWRITE_DATA))


class Outgoing(NamedTuple):
    """One request and the node to mark stored once it is written."""

    #: ``None`` for links, which carry no mark.
    node: Any
    request: WriteRequest


# ------------------------------------------------------------------- records


def record_of(node: Any, store_flags: Mapping[str, str] | None = None) -> NodeRecord:
    """One node as plain data.

    Parameters
    ----------
    node : node of a tree
        Group or leaf. An empty leaf has no items; of others ``_store()`` is called.
    store_flags : mapping, optional
        Storage kinds by item name that go before those of the leaf.
    """
    annotations = _annotations_of(node)
    if not node.v_is_leaf:
        return NodeRecord(
            node.v_full_name,
            NodeKind.GROUP,
            type(node).__name__ if node.v_full_name else "",
            node.v_comment,
            annotations,
        )
    is_parameter = node.v_is_parameter
    length = node.f_get_range_length() if is_parameter and node.f_has_range() else 0
    flags = node._store_flags()
    if store_flags:
        flags = {**flags, **store_flags}
    return NodeRecord(
        node.v_full_name,
        NodeKind.LEAF,
        type(node).__name__,
        node.v_comment,
        annotations,
        node._store() if length or not node.f_is_empty() else {},
        flags,
        is_parameter,
        _value_text(node),
        length,
    )


def link_record(full_name: str, target: str) -> NodeRecord:
    """A link from `full_name` to the node `target`."""
    return NodeRecord(full_name, NodeKind.LINK, target=target)


def meta_of(traj: Any) -> TrajectoryMeta:
    """What a store keeps about a trajectory besides nodes and runs."""
    return TrajectoryMeta(
        name=traj.v_name,
        comment=traj.v_comment,
        timestamp=traj.v_timestamp,
        time=traj.v_time,
        version=traj.v_version,
        python=traj.v_python,
        length=len(traj),
        explored=tuple(traj.v_exploration.parameters),
    )


def _annotations_of(node: Any) -> dict[str, Any]:
    # Asking v_annotations would create an empty container on every node that is stored.
    return node.v_annotations.f_to_dict() if has_annotations(node) else {}


def _value_text(node: Any) -> str:
    # Overviews cut values to this length; one more character tells them that they must.
    return str(node.f_val_to_str())[: HDF5_STRCOL_MAX_VALUE_LENGTH + 1]


# ------------------------------------------------------------------ messages


def leaf_requests(
    leaf: Any,
    store_data: int = STORE_DATA,
    store_flags: Mapping[str, str] | None = None,
    overwrite: bool | str | Iterable[str] | None = None,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
    **options: Any,
) -> Iterator[Outgoing]:
    """What message ``LEAF`` asks for; `with_links`, `recursive` and `max_depth` mean nothing."""
    del with_links, recursive, max_depth
    overwritten = _overwrite_names(overwrite, leaf)
    if _is_wanted(leaf, store_data):
        record = record_of(leaf, store_flags)
        yield Outgoing(leaf, WriteRequest(record, store_data, overwritten, options))


def group_requests(
    group: Any,
    store_data: int = STORE_DATA,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
) -> Iterator[Outgoing]:
    """What message ``GROUP`` asks for; depth 0 is the group itself."""
    _check_mode(store_data, group)
    if store_data == STORE_NOTHING:
        return
    yield from _node_requests(group, store_data)
    if recursive:
        yield from below(group, store_data, with_links, max_depth)


def child_requests(
    parent: Any,
    child_name: str,
    store_data: int = STORE_DATA,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
) -> Iterator[Outgoing]:
    """What message ``TREE`` asks for: the nodes along a path; depth 1 is the first of them.

    Raises
    ------
    TypeError
        If a leaf stands where the path goes on.
    ValueError
        If the path is not in the tree.
    """
    _check_mode(store_data, parent)
    if store_data == STORE_NOTHING:
        return
    components = child_name.split(".")
    node = parent
    for depth, name in enumerate(components, start=1):
        if node.v_is_leaf:
            raise PypetTypeError(
                f"Cannot store {child_name!r} below {parent.v_full_name!r}: {node.v_full_name!r} "
                "is a leaf and has no children."
            )
        if max_depth is not None and depth > max_depth:
            return
        if name in node.v_children.links:
            if with_links:
                yield from _link_requests(node, name, node.v_children.links[name])
            return
        child = node.v_children.get(name)
        if child is None:
            raise PypetValueError(
                f"Cannot store {child_name!r}: {node.v_full_name!r} has no child {name!r}."
            )
        yield from _node_requests(child, store_data)
        node = child
    if recursive and not node.v_is_leaf:
        remaining = None if max_depth is None else max_depth - len(components)
        yield from below(node, store_data, with_links, remaining)


def new_node_requests(
    traj: Any,
    recursive: bool = True,
    store_data: int = STORE_DATA,
    max_depth: int | None = None,
) -> Iterator[Outgoing]:
    """What message ``SINGLE_RUN`` asks for: what the current run added and has not stored yet.

    `max_depth` counts from the root. `recursive` means nothing, for nodes below new groups are
    new themselves.
    """
    del recursive
    _check_mode(store_data, traj)
    if store_data == STORE_NOTHING:
        return
    sent = set()
    for _, node in traj.v_runs.new_nodes.values():
        if not node.v_stored and _within(node.v_full_name, max_depth):
            sent.add(node)
            yield from _node_requests(node, store_data)
    for (parent_name, name), (parent, target) in traj.v_runs.new_links.items():
        if _within(f"{parent_name}.{name}" if parent_name else name, max_depth):
            yield from _link_requests(parent, name, target, target in sent)


def below(
    group: Any, store_data: int, with_links: bool = True, max_depth: int | None = None
) -> Iterator[Outgoing]:
    """Everything below a group, parents first; its children have depth 1."""
    if max_depth is not None and max_depth < 1:
        return
    remaining = None if max_depth is None else max_depth - 1
    links = group.v_children.links
    for name, child in list(group.v_children.items()):
        if name in links:
            if with_links:
                yield from _link_requests(group, name, child)
            continue
        yield from _node_requests(child, store_data)
        if not child.v_is_leaf:
            yield from below(child, store_data, with_links, remaining)


# ------------------------------------------------------------------ internal


def _node_requests(node: Any, store_data: int) -> Iterator[Outgoing]:
    if _is_wanted(node, store_data):
        yield Outgoing(node, WriteRequest(record_of(node), store_data))


def _link_requests(
    group: Any, name: str, target: Any, target_sent: bool = False
) -> Iterator[Outgoing]:
    """A link, and before it what it points to: a link in the store never dangles from the start."""
    if not (target_sent or target.v_stored):
        yield from _node_requests(target, STORE_DATA_SKIPPING)
    parent_name = group.v_full_name
    full_name = f"{parent_name}.{name}" if parent_name else name
    yield Outgoing(None, WriteRequest(link_record(full_name, target.v_full_name), STORE_DATA))


def _is_wanted(node: Any, store_data: int) -> bool:
    _check_mode(store_data, node)
    if store_data == STORE_NOTHING:
        return False
    return not (store_data == STORE_DATA_SKIPPING and node.v_stored)


def _check_mode(store_data: int, node: Any) -> None:
    if store_data != STORE_NOTHING and store_data not in _WRITING_MODES:
        raise PypetValueError(
            f"Cannot store {node.v_full_name!r}: store_data must be 0 (nothing), 1 (what is not "
            f"stored yet), 2 (new data) or 3 (overwrite), not {store_data!r}."
        )


def _overwrite_names(
    overwrite: bool | str | Iterable[str] | None, leaf: Any
) -> bool | tuple[str, ...]:
    if overwrite is True:
        return True
    if not overwrite:
        return ()
    if isinstance(overwrite, str):
        return (overwrite,)
    names = tuple(overwrite) if isinstance(overwrite, Iterable) else (overwrite,)
    if not all(isinstance(name, str) for name in names):
        raise PypetValueError(
            f"Cannot store {leaf.v_full_name!r}: overwrite= takes True, the name of an item or "
            f"names of items, not {overwrite!r}. Nothing was changed."
        )
    return names


def _within(full_name: str, max_depth: int | None) -> bool:
    return max_depth is None or full_name.count(".") + 1 <= max_depth


#: What each message that only adds nodes asks for.
REQUESTS: Mapping[str, Callable[..., Iterator[Outgoing]]] = {
    LEAF: leaf_requests,
    GROUP: group_requests,
    TREE: child_requests,
    SINGLE_RUN: new_node_requests,
}


def delta_from_message(
    msg: str,
    stuff_to_store: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    trajectory_name: str | None = None,
    run_index: int = -1,
) -> RunDelta:
    """Turn a store call into the records it would write, and mark the nodes stored.

    Parameters
    ----------
    msg : str
        ``SINGLE_RUN``, ``LEAF``, ``GROUP``, ``TREE`` or a ``LIST`` of these.
    stuff_to_store : object
        What the message is about, as in :meth:`StorageService.store`.
    args, kwargs : optional
        The remaining arguments of the call; `kwargs` may contain ``trajectory_name``.
    trajectory_name : str, optional
        Name of the trajectory if not in `kwargs`.
    run_index : int, optional
        The run; found out by itself for ``SINGLE_RUN``.

    Raises
    ------
    NoSuchServiceError
        If the message does something other than adding nodes.
    """
    options = dict(kwargs or {})
    for keyword in ("filename", "file_title", "trajectory_index"):
        options.pop(keyword, None)
    trajectory_name = options.pop("trajectory_name", trajectory_name)
    if msg == SINGLE_RUN:
        run_index = stuff_to_store.v_idx
        trajectory_name = trajectory_name or stuff_to_store.v_name
    marked: list[Any] = []
    requests: list[WriteRequest] = []
    try:
        for node, request in _outgoing(msg, stuff_to_store, args, options):
            requests.append(request)
            if node is not None and not node.v_stored:
                mark_stored(node)  # at once, lest a link brings the same node again
                marked.append(node)
    except BaseException:
        for node in marked:
            mark_stored(node, False)
        raise
    return RunDelta(trajectory_name or "", run_index, tuple(requests))


def unpacked(
    entries: Iterable[Sequence[Any]], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Sequence[Any], Mapping[str, Any]]]:
    """The entries of a ``LIST`` message, completed to message, item, args and kwargs.

    Entries without arguments of their own get those of the whole call, `args` and `kwargs`.

    Raises
    ------
    RuntimeError
        If an entry has fewer than two or more than four parts.
    """
    for entry in entries:
        if not 2 <= len(entry) <= 4:
            raise PypetRuntimeError(
                "An entry of a LIST message is (message, item[, args[, kwargs]]), but one has "
                f"{len(entry)} parts: {entry!r}."
            )
        own_args = entry[2] if len(entry) > 2 else args
        own_kwargs = entry[3] if len(entry) > 3 else kwargs
        yield entry[0], entry[1], own_args, own_kwargs


def _outgoing(
    msg: str, stuff: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[Outgoing]:
    if msg == LIST:
        for entry_msg, item, entry_args, entry_kwargs in unpacked(stuff, args, kwargs):
            yield from _outgoing(entry_msg, item, entry_args, entry_kwargs)
    elif msg in REQUESTS:
        yield from REQUESTS[msg](stuff, *args, **kwargs)
    else:
        raise NoSuchServiceError(
            f"A store call {msg!r} cannot be sent as records, only {', '.join(REQUESTS)} and "
            "LIST can."
        )
