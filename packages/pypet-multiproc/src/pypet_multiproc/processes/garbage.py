"""Collecting garbage at a rhythm the user chose.

Storing large results leaves cyclic garbage that Python would let grow for a while.
"""

from __future__ import annotations

import gc


class GarbageInterval:
    """Collects garbage at every n-th operation, beginning with the first.

    Parameters
    ----------
    interval : int, optional
        The n; ``None`` means never.
    """

    def __init__(self, interval: int | None) -> None:
        self._interval = interval
        self._operations = 0

    def count(self) -> None:
        """Note one operation."""
        if self._interval:
            if self._operations % self._interval == 0:
                gc.collect()
            self._operations += 1
