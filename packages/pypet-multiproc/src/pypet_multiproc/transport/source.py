"""Where a writer process gets its messages from.

A message is a token, which tells the attempt that sent it, and bytes. Invariant: a source never
waits; the writer waits for all of its sources at once and then asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from selectors import BaseSelector
from typing import Any


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


class MessageSource(ABC):
    """A place messages come from; sent to the writer process when that starts."""

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
