"""Messages to the writer: what a store call becomes on its way, and what is done with it there.

Invariant: a message is complete when it is made. Records are copies already; services of other
people that do not take records get copies of the leaves, so that what a run does with its tree
afterwards changes nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pypet_trajectory import constants
from pypet_trajectory.api.service import StorageService, SupportsDeltas
from pypet_trajectory.exceptions import NoSuchServiceError, PypetRuntimeError
from pypet_trajectory.storage.storing import delta_from_message
from pypet_trajectory.tree.nodes import mark_stored

#: Kinds of messages to the writer: a delta, any other store call, that this was all.
DELTA = "DELTA"
STORE = "STORE"
DONE = "DONE"
#: Rows of the run table, for writers that are reached through messages only.
ROWS = "ROWS"

#: ``(kind, args, kwargs)``; the arguments are those of ``store_delta`` or ``store``.
Message = tuple[str, tuple[Any, ...], Mapping[str, Any]]


def message_of(
    by_delta: bool,
    msg: str,
    stuff: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    run_index: int = -1,
) -> Message:
    """What to send for a store call.

    Parameters
    ----------
    by_delta : bool
        Whether the service at the other end writes records.
    msg, stuff, args, kwargs
        The call.
    run_index : int
        Index of the run that stores.
    """
    if by_delta:
        try:
            delta = delta_from_message(msg, stuff, args, kwargs, run_index=run_index)
        except NoSuchServiceError:
            return STORE, (msg, stuff, *args), kwargs
        return DELTA, (delta,), {}
    if msg == constants.SINGLE_RUN:
        leaves = _new_leaves(stuff)
        kwargs = {"trajectory_name": kwargs.get("trajectory_name", stuff.v_name)}
        return STORE, (constants.LIST, [(constants.LEAF, leaf, (), {}) for leaf in leaves]), kwargs
    if msg == constants.LEAF:
        stuff = _detached(stuff)
    elif msg == constants.LIST:
        stuff = [(entry[0], _detached(entry[1]), *entry[2:]) for entry in stuff]
    return STORE, (msg, stuff, *args), kwargs


def _new_leaves(trajectory: Any) -> list[Any]:
    """Copies of the leaves a run added and has not stored, which are marked stored."""
    leaves = []
    for _, node in trajectory.v_runs.new_nodes.values():
        if node.v_is_leaf and not node.v_stored:
            leaves.append(copy.copy(node))
            mark_stored(node)
    return leaves


def _detached(item: Any) -> Any:
    """A shallow copy of a leaf, which emptying the leaf does not change."""
    if getattr(item, "v_is_leaf", False):
        twin = copy.copy(item)
        mark_stored(item)
        return twin
    return item


def deliver(message: Message, service: StorageService) -> None:
    """Do what a message says.

    Raises
    ------
    RuntimeError
        If its kind is unknown.
    """
    kind, args, kwargs = message
    if kind == DELTA:
        if not isinstance(service, SupportsDeltas):
            raise PypetRuntimeError(
                f"A run sent records, but {type(service).__name__} does not take any."
            )
        service.store_delta(*args)
    elif kind == STORE:
        service.store(*args, **kwargs)
    elif kind == ROWS:
        if isinstance(service, SupportsDeltas):
            service.store_run_rows(*args)
    else:
        raise PypetRuntimeError(f"A message to the writer is of kind {kind!r}, which is unknown.")
