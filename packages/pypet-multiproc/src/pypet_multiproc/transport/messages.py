"""Messages to the writer: what a store call becomes on its way, and what is done with it there.

Invariant: a message is complete when it is made. Records are copies already; services of other
people that do not take records get copies of the leaves, so that what a run does with its tree
afterwards changes nothing. Deltas are never changed, for others may hold them; new ones share
their records.
"""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from selectors import BaseSelector
from typing import Any

from pypet_trajectory import constants
from pypet_trajectory.api.records import NodeKind, RunDelta
from pypet_trajectory.api.service import StorageService, SupportsDeltas, supports
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
        if not supports(service, SupportsDeltas):
            raise PypetRuntimeError(
                f"A run sent records, but {type(service).__name__} does not take any."
            )
        service.store_delta(*args)
    elif kind == STORE:
        service.store(*args, **kwargs)
    elif kind == ROWS:
        if supports(service, SupportsDeltas):
            service.store_run_rows(*args)
    else:
        raise PypetRuntimeError(f"A message to the writer is of kind {kind!r}, which is unknown.")


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Incoming:
    """One message as it arrived."""

    #: The attempt that sent it, 0 if it was not sent by a run.
    token: int
    #: The pickled message.
    data: bytes
    #: To be called when there is room for the sender's next message.
    acknowledge: Callable[[], None] = field(default=_nothing)


class Channel(ABC):
    """A way to the writer on which small messages may wait to be sent together."""

    #: The attempt that messages belong to.
    token = 0
    #: Messages sent since :meth:`begin`.
    sent = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        # In another process it begins anew, with what it was made of.
        self.__init__(**state)  # type: ignore[misc]

    def begin(self, token: int) -> None:
        """Attribute messages to this attempt from now on."""
        self.token, self.sent = token, 0

    @property
    @abstractmethod
    def has_waiting(self) -> bool:
        """Whether messages wait to be sent."""

    @abstractmethod
    def waiting_tokens(self) -> set[int]:
        """The attempts whose messages wait to be sent."""

    @abstractmethod
    def send_waiting(self) -> None:
        """Send what waits; raises `OSError` if the writer is gone."""


class MessageSource(ABC):
    """A place messages come from; sent to the writer process when that starts.

    Invariant: a source never waits; the writer waits for all of its sources at once and then asks.
    """

    @abstractmethod
    def open(self, selector: BaseSelector) -> None:
        """Called in the writer process: register what to wait for, with this source as data."""

    @abstractmethod
    def receive(self, fileobj: Any) -> list[Incoming]:
        """Messages that have arrived on a registered object that is readable."""

    def pause(self) -> None:
        """Accept nothing for the time being."""
        return None

    def resume(self) -> None:
        """Accept messages again."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Accept nothing any more; leave nothing behind."""


def joined(deltas: Sequence[RunDelta]) -> RunDelta | None:
    """One delta that writes what several wrote, in their order."""
    if len(deltas) < 2:
        return deltas[0] if deltas else None
    requests = tuple(request for delta in deltas for request in delta.requests)
    return RunDelta(deltas[0].trajectory_name, deltas[0].run_index, requests)


def overwriting(delta: RunDelta) -> RunDelta:
    """A delta that replaces data which is there already."""
    requests = tuple(
        dataclasses.replace(request, mode=constants.OVERWRITE_DATA)
        if request.record.kind is NodeKind.LEAF
        else request
        for request in delta.requests
    )
    return dataclasses.replace(delta, requests=requests)
