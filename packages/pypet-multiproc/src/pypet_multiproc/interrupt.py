"""The first request to stop lets runs end; the second one stops at once.

Ctrl-C sends SIGINT; batch schedulers send SIGTERM or SIGUSR1 some time before they kill. While a
handler is started, any of them sets :attr:`InterruptHandler.hit` and nothing else; who starts runs
asks for it. A second signal raises ``KeyboardInterrupt`` wherever the process is.

The state belongs to one process: a run that calls the handler in a worker stops that worker, and
the main process hears of it with the outcome of the run.
"""

from __future__ import annotations

import signal
import sys
import threading
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
        #: Whether somebody asked to stop.
        self.hit = False
        #: Whether the handler is installed.
        self.started = False
        self._replaced: dict[int, Any] = {}

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
        """Let this process ignore all requests, for the main process decides."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

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
