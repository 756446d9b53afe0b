"""What a worker sends instead of a store call: the nodes as a `RunDelta`, without the trajectory.

Invariant: a delta made here contains exactly the requests that a service would have written for
the same message. Nodes are marked stored once the delta exists; the caller has to bring it
to the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pypet_trajectory.api.records import RunDelta, WriteRequest
from pypet_trajectory.constants import GROUP, LEAF, LIST, SINGLE_RUN, TREE
from pypet_trajectory.exceptions import NoSuchServiceError, PypetRuntimeError
from pypet_trajectory.storage.storing import (
    Outgoing,
    child_requests,
    group_requests,
    leaf_requests,
    new_node_requests,
)
from pypet_trajectory.tree.nodes import mark_stored

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
