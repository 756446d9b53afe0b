"""Whether data of a run may wait, to be stored or sent together with that of further runs.

Only short runs gain from it, and only what is stored automatically may wait: what a run function
stores itself has to be stored when its call returns. Invariant: nothing waits unless somebody has
said that it may, and sees to it that it does not wait for long.
"""

from __future__ import annotations

import time


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
        #: Whether somebody lets data wait.
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
