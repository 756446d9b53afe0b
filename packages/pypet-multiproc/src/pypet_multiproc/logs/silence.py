"""Switching all logging off for a while."""

from __future__ import annotations

import logging
from types import TracebackType


class DisableAllLogging:
    """Context in which nothing up to CRITICAL is logged; restores what was before."""

    def __enter__(self) -> DisableAllLogging:
        self._before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        logging.disable(self._before)
