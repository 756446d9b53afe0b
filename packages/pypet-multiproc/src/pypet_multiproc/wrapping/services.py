"""The storage services that runs see in place of the real one.

A wrapper takes the same two messages as any service. Invariant: it never pickles the trajectory;
store calls become records (:class:`~pypet_trajectory.api.records.RunDelta`) as soon as they
are made, so that what a run does with its tree afterwards changes nothing. Services of other people
that do not take records get the leaves themselves.

Data of short runs may wait, to be stored or sent together with that of further runs, if it is
stored automatically: what a run function stores itself has to be stored when its call returns.
Nothing waits unless a caller has said that it may, and sees to it that it does not wait for long.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from pypet_multiproc.model.experiment import RunOutcome
from pypet_multiproc.transport.messages import (
    DELTA,
    Channel,
    Message,
    joined,
    message_of,
    overwriting,
)
from pypet_multiproc.writer.files import store_delta
from pypet_trajectory import constants
from pypet_trajectory.api.records import RunDelta
from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import NoSuchServiceError, StorageFailedError
from pypet_trajectory.logger import HasLogger
from pypet_trajectory.storage.deleting import patterns_in_memory
from pypet_trajectory.storage.storing import delta_from_message

#: What wrappers do not pass on. The real service is held where it was wrapped, as long as it is
#: wrapped; all processes belong to that session, and none of them may end it.
NOT_PASSED_ON = frozenset({"hold", "release"})


class MultiprocWrapper(StorageService):
    """Base of all services that several processes may use at once."""

    #: Set by the worker when a run is tried again: what the earlier try stored is replaced.
    overwrite = False
    #: Why the storage takes nothing any more, as far as this process knows; it stays so.
    storage_failure: str | None = None

    @property
    def multiproc_safe(self) -> bool:
        """Always true: that is what wrapping is for."""
        return True

    def begin_run(self, idx: int, token: int) -> None:
        """Told by the worker that a run begins; what is stored from now on belongs to it."""
        return None

    def clear_run(self, trajectory: Any, prepared: Collection[str]) -> None:
        """Told by the worker that the run was tried before: what it stored then goes.

        Parameters
        ----------
        trajectory : Trajectory
            At the run; what it has in memory of the run was prepared for it.
        prepared : collection of str
            Patterns of what stays besides.
        """
        if self.takes_records:
            run = trajectory.v_crun
            stays = patterns_in_memory(trajectory, run).union(prepared)
            self.store(constants.DELETE_RUNS, (run,), stays, trajectory_name=trajectory.v_name)

    @property
    def takes_records(self) -> bool:
        """Whether what stores in the end is a service of pypet, which takes records."""
        return False

    def make_safe(self) -> None:
        """Told by the worker that a run is about to count as completed.

        What the run has stored is safe when this returns, or waits for :meth:`store_deferred`, or
        is on its way to a writer that will confirm it.
        """
        return None

    def end_run(self, outcome: RunOutcome) -> None:
        """Told by the worker that the run has ended; adds what only the wrapper knows."""
        return None

    @contextmanager
    def failure_noted(self) -> Iterator[None]:
        """Note if the storage fails in this block: a run function may catch that error."""
        try:
            yield
        except StorageFailedError as exc:
            self.storage_failure = str(exc)
            raise

    def orphaned(self) -> None:
        """Told by the worker that it ends because the main process is gone."""
        return None

    def function_returned(self) -> None:
        """Told by the worker that the run function has returned; what follows is automatic."""
        return None

    def defer(self, allowed: bool) -> None:
        """Told by the worker whether what runs store may wait for :meth:`store_deferred`."""
        return None

    @property
    def has_deferred(self) -> bool:
        """Whether something waits."""
        return False

    def store_deferred(self) -> dict[int, BaseException]:
        """Store what waits; gives the errors by the token of the attempt."""
        return {}

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store or send, as the wrap mode does it."""
        raise NotImplementedError(f"{type(self).__name__} does not implement store().")


class StoringOnly(MultiprocWrapper, HasLogger):
    """Base of wrappers through which runs can store but not load.

    Parameters
    ----------
    by_delta : bool
        Whether the service at the other end writes records.
    """

    def __init__(self, by_delta: bool = True) -> None:
        self._by_delta = by_delta
        self._run_index = -1
        self._keep_deltas = False
        self._deltas: list[RunDelta] = []

    @property
    def takes_records(self) -> bool:
        """Whether the service at the other end does."""
        return self._by_delta

    def keep_deltas(self) -> None:
        """Let outcomes carry what their runs stored."""
        self._keep_deltas = True

    def begin_run(self, idx: int, token: int) -> None:
        """Attribute what is stored from now on to run `idx`."""
        self._run_index = idx
        self._deltas = []

    def end_run(self, outcome: RunOutcome) -> None:
        """Hand over what was kept."""
        if self._keep_deltas:
            outcome.delta = joined(self._deltas)
        self._deltas = []
        self._run_index = -1

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> None:
        """Send what the call would store."""
        if msg in (constants.OPEN_FILE, constants.CLOSE_FILE, constants.FLUSH):
            return
        message = message_of(
            self._by_delta, msg, stuff_to_store, args, kwargs, run_index=self._run_index
        )
        if message[0] == DELTA:
            (delta,) = message[1]
            if self.overwrite:
                delta = overwriting(delta)
                message = (DELTA, (delta,), {})
            if self._keep_deltas:
                self._deltas.append(delta)
        self.send(message)

    def send(self, message: Message) -> None:
        """Bring a message to the writer; each wrap mode does it in its way."""
        raise NotImplementedError(f"{type(self).__name__} does not implement send().")

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse, for data goes one way here.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            f"Cannot load during runs with {type(self).__name__}: data goes to the writer and not "
            "back. Use the wrap mode LOCK, or load before the runs start."
        )


class RecordingService(MultiprocWrapper):
    """The real service, which also notes what each run stored.

    Parameters
    ----------
    service : StorageService
        The service; everything it offers remains available.
    """

    def __init__(self, service: StorageService) -> None:
        self._service = service
        self._deltas: list[RunDelta] = []
        self._run_index = -1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_service" or name in NOT_PASSED_ON:
            raise AttributeError(name)
        return getattr(self._service, name)

    @property
    def takes_records(self) -> bool:
        """Whether the real service does, as it must to be recorded."""
        return True

    @property
    def is_open(self) -> bool:
        """That of the real service."""
        return self._service.is_open

    @property
    def multiproc_safe(self) -> bool:
        """That of the real service."""
        return self._service.multiproc_safe

    def begin_run(self, idx: int, token: int) -> None:
        """Note what is stored from now on."""
        self._deltas, self._run_index = [], idx
        if isinstance(self._service, MultiprocWrapper):
            self._service.begin_run(idx, token)

    def end_run(self, outcome: RunOutcome) -> None:
        """Hand over what was noted."""
        if isinstance(self._service, MultiprocWrapper):
            self._service.end_run(outcome)
        outcome.delta = joined(self._deltas)
        self._deltas, self._run_index = [], -1

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store, and note what was stored."""
        try:
            delta = delta_from_message(msg, stuff_to_store, args, kwargs, run_index=self._run_index)
        except NoSuchServiceError:
            with self.failure_noted():
                return self._service.store(msg, stuff_to_store, *args, **kwargs)
        if self.overwrite:
            delta = overwriting(delta)
        self._deltas.append(delta)
        with self.failure_noted():
            store_delta(self._service, delta)
        return None

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load from the real service."""
        return self._service.load(msg, stuff_to_load, *args, **kwargs)


#: Data of runs that take fewer seconds may wait to be sent with that of others.
_SHORT = 0.05


class Deferral:
    """Whether data of the current run may wait; follows one run after the other.

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


class DeferringSender(StoringOnly):
    """Sends what runs store, small data of short runs together."""

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
