"""Whether data of a run may wait, to be stored or sent together with that of further runs.

Only short runs gain from it, and only what is stored automatically may wait: what a run function
stores itself has to be stored when its call returns. Invariant: nothing waits unless a caller has
said that it may, and sees to it that it does not wait for long.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.transport.messages import DELTA, Message
from pypet_multiproc.wrapping.services import StoringOnly

#: Data of runs that take fewer seconds may wait to be sent with that of others.
_SHORT = 0.05


class Deferral:
    """Follows one run after the other.

    Parameters
    ----------
    short : float
        Seconds that a run function may take at most for its data to wait.
    """

    def __init__(self, short: float) -> None:
        self._short = short
        self._began = 0.0
        #: Whether the caller lets data wait.
        self.allowed = False
        #: Whether what is stored now may wait.
        self.waits = False

    def begin_run(self) -> None:
        """A run begins; what it stores itself may not wait."""
        self._began = time.monotonic()
        self.waits = False

    def function_returned(self) -> None:
        """Its function has returned; what follows is stored automatically."""
        self.waits = self.allowed and time.monotonic() - self._began < self._short

    def end_run(self) -> None:
        """The run has ended."""
        self.waits = False


class Channel(Protocol):
    """A way to the writer on which small messages may wait to be sent together."""

    #: The attempt that messages belong to.
    token: int
    #: Messages of this attempt.
    sent: int

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait."""

    def begin(self, token: int) -> None:
        """Attribute messages to this attempt from now on."""

    def waiting_tokens(self) -> set[int]:
        """The attempts whose messages wait."""

    def send_waiting(self) -> None:
        """Send what waits; raises `OSError` if the writer is gone."""


class DeferringSender(StoringOnly):
    """Sends what runs store, small data of short runs together.

    Parameters
    ----------
    by_delta : bool
        Whether the service at the other end writes records.
    """

    def __init__(self, by_delta: bool = True) -> None:
        super().__init__(by_delta)
        self._deferral = Deferral(_SHORT)
        #: Whether the writer was found to take nothing any more.
        self._cut_off = False

    @property
    def channel(self) -> Channel | None:
        """The way to the writer, ``None`` if it is one of the user's own."""
        return None

    def may_wait(self, message: Message) -> bool:
        """Whether a message of the current run may wait for more."""
        return self._deferral.waits and message[0] == DELTA

    def begin_run(self, idx: int, token: int) -> None:
        """Attribute messages to this attempt."""
        super().begin_run(idx, token)
        self._deferral.begin_run()
        if self.channel is not None:
            self.channel.begin(token)

    def function_returned(self) -> None:
        """Let what is stored from now on wait for more, if the run was short."""
        self._deferral.function_returned()

    def end_run(self, outcome: RunOutcome) -> None:
        """Tell how many messages there were."""
        super().end_run(outcome)
        self._deferral.end_run()
        if self.channel is not None:
            outcome.token, outcome.sent = self.channel.token, self.channel.sent
            outcome.cut_off = self._cut_off
            self.channel.begin(0)

    def defer(self, allowed: bool) -> None:
        """Allow data of runs to wait, unless a journal is to know of each run when it ends."""
        ours = self.channel is not None
        self._deferral.allowed = allowed and ours and self._by_delta and not self._keep_deltas

    @property
    def has_deferred(self) -> bool:
        """Whether data of runs waits."""
        return self.channel is not None and self.channel.has_waiting

    def store_deferred(self) -> dict[int, BaseException]:
        """Send what waits."""
        channel: Any = self.channel
        tokens = channel.waiting_tokens()
        try:
            channel.send_waiting()
        except OSError as exc:
            self._note_end(exc)
            return dict.fromkeys(tokens, exc)
        return {}

    def _note_end(self, exc: OSError) -> None:
        """Take notice of an error of sending; most of them mean that the writer has ended."""
        self._cut_off = self._cut_off or isinstance(exc, ConnectionError)
