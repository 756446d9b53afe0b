"""The first request to stop lets runs end; the second one stops at once.

Ctrl-C sends SIGINT; batch schedulers send SIGTERM or SIGUSR1 some time before they kill. While a
handler is started, any of them sets :attr:`InterruptHandler.hit` and nothing else; who starts runs
asks for it. A second signal raises ``KeyboardInterrupt`` wherever the process is.

The state belongs to one process: a run that calls the handler in a worker stops that worker, and
the main process hears of it with the outcome of the run. Processes that a run starts, and those of
an executor, inherit none of it for the signals other than SIGINT: a parent process must be
able to end its children with SIGTERM, which is how ``multiprocessing.Pool`` and ``subprocess`` do.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pypet_trajectory.exceptions import PypetValueError

#: The signals that ask to stop, as far as the system knows them.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)


class InterruptHandler:
    """Counts requests to stop; there is one per process, :data:`sigint_handling`."""

    #: Marks results of runs that were not started because of a request to stop.
    SIGINT = "__SIGINT__"

    def __init__(self) -> None:
        #: What SIGINT did when this module was imported.
        self.original_handler: Any = signal.getsignal(signal.SIGINT)
        #: Whether a stop was requested.
        self.hit = False
        #: Whether the handler is installed.
        self.started = False
        self._replaced: dict[int, Any] = {}
        self._forks = threading.local()

    def start(self) -> None:
        """Install the handler.

        Raises
        ------
        ValueError
            Outside of the main thread, where Python allows no handlers.
        """
        if self.started:
            return
        if threading.current_thread() is not threading.main_thread():
            raise PypetValueError(
                "`graceful_exit` needs signal handlers, which only the main thread may install, "
                f"but this is thread `{threading.current_thread().name}`. Run from the main "
                "thread or switch it off."
            )
        self.hit = False
        self.started = True
        self._replaced = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            signal.signal(number, self._handle_sigint)

    def finalize(self) -> None:
        """Restore what was there before and forget requests."""
        if self.started:
            for number, handler in self._replaced.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._replaced = {}
        self.started = False
        self.hit = False

    def ignore(self) -> None:
        """Let this process ignore all requests, for the main process decides.

        Programs that it starts ignore SIGINT as well, and end when they get another signal.
        """
        for number in SIGNALS:
            if number == signal.SIGINT:
                signal.signal(number, signal.SIG_IGN)
            else:
                # What is ignored stays so in programs, what is handled does not.
                signal.signal(number, self._disregard)
                if hasattr(signal, "siginterrupt"):
                    signal.siginterrupt(number, False)
        self.release()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let processes that are spawned in a ``with`` block start with requests held back.

        A new interpreter takes a moment until it can handle them. It has to call `ignore` or
        `release` then.
        """
        if not (self.started and hasattr(signal, "pthread_sigmask")):
            yield
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def release(self) -> None:
        """Let requests through that were held back while this process started."""
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """Let processes that are forked in a ``with`` block keep what handles signals here.

        For processes that choose themselves, as soon as they can, what to do about signals.
        """
        self._forks.passed_on = True
        try:
            yield
        finally:
            self._forks.passed_on = False

    def _handled(self) -> list[int]:
        """The signals that this object handles in any way and that forked processes must not."""
        if getattr(self._forks, "passed_on", False):
            return []
        own = (self._handle_sigint, self._disregard)
        return [n for n in SIGNALS if n != signal.SIGINT and signal.getsignal(n) in own]

    def before_fork(self) -> None:
        """Hold signals back until a forked process is ready for them, which takes a moment."""
        handled = self._handled()
        self._forks.mask = signal.pthread_sigmask(signal.SIG_BLOCK, handled) if handled else None

    def after_fork(self) -> None:
        if self._forks.mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._forks.mask)
            self._forks.mask = None

    def after_fork_in_child(self) -> None:
        """Let SIGTERM and the like do again what they did before."""
        for number in self._handled():
            before = self._replaced.get(number)
            signal.signal(number, signal.SIG_DFL if before is None else before)
        self.after_fork()
        self._forks.passed_on = False  # the block is left in the parent only

    def _disregard(self, signum: int, frame: FrameType | None) -> None:
        """Do nothing about a signal."""

    def _handle_sigint(self, signum: int | None, frame: FrameType | None) -> None:
        if self.hit:
            raise KeyboardInterrupt("Stopped by a second signal.")
        self.hit = True
        name = "SIGINT" if signum is None else signal.Signals(signum).name
        sys.stderr.write(
            f"\nReceived {name}: active runs will end and be stored, no new ones start. "
            "Send it again to stop at once.\n"
        )


sigint_handling = InterruptHandler()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=sigint_handling.before_fork,
        after_in_parent=sigint_handling.after_fork,
        after_in_child=sigint_handling.after_fork_in_child,
    )
