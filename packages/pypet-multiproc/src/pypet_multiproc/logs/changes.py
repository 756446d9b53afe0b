"""What setting up logging changes in a process, and how it is put back.

A configuration may add and remove handlers and filters, change levels, end the propagation of
records, and disable loggers that it does not name. Invariant: what is put back is exactly that.
Handlers that other code added meanwhile stay, handlers of other code that had to leave are attached
again, still open, and those installed here are closed.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

#: Handlers that were installed by a configuration and have been closed again.
_retired: weakref.WeakSet[logging.Handler] = weakref.WeakSet()


@dataclass
class _Setting:
    """One logger at one moment."""

    handlers: list[logging.Handler] = field(default_factory=list)
    level: int = logging.NOTSET
    disabled: bool = False
    propagate: bool = True
    filters: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, logger: logging.Logger) -> _Setting:
        return cls(
            list(logger.handlers),
            logger.level,
            logger.disabled,
            logger.propagate,
            list(logger.filters),
        )


@dataclass
class LoggingChanges:
    """What happened to the loggers of this process within :meth:`watched`."""

    _before: dict[str, _Setting] = field(default_factory=dict)
    _after: dict[str, _Setting] = field(default_factory=dict)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take notice of everything that changes in a ``with`` block."""
        self._before = _settings()
        try:
            yield
        finally:
            self._after = _settings()

    def undo(self) -> None:
        """Put back what changed, except where other code changed it again."""
        for name, after in self._after.items():
            logger = logging.getLogger(name)
            before = self._before.get(name, _Setting())
            for handler in after.handlers:
                if handler not in before.handlers:
                    logger.removeHandler(handler)
                    handler.close()
                    _retired.add(handler)
            for handler in before.handlers:
                if handler not in after.handlers and handler not in _retired:
                    logger.addHandler(handler)
            if logger.level == after.level != before.level:
                logger.setLevel(before.level)
            for attribute in ("disabled", "propagate", "filters"):
                if getattr(logger, attribute) == getattr(after, attribute):
                    setattr(logger, attribute, getattr(before, attribute))
        self._before, self._after = {}, {}


def enable_loggers(name: str) -> None:
    """Enable a logger and all below it.

    ``logging.config`` disables every logger that exists and is not named, and the loggers of a
    library exist as soon as it is imported: silencing them is not intended.
    """
    for known, logger in all_loggers():
        if known == name or known.startswith(f"{name}."):
            logger.disabled = False


@contextmanager
def handlers_kept_open() -> Iterator[None]:
    """Keep ``logging.config`` from closing handlers that are not its own.

    It closes all handlers of the process, whatever code made them and wherever they are attached.
    """
    # The only way to hide them; the list is what `logging.shutdown` goes through.
    known: list[object] = logging._handlerList  # type: ignore[attr-defined]  # noqa: SLF001
    others = list(known)
    known.clear()
    try:
        yield
    finally:
        known[:0] = others


def all_loggers() -> list[tuple[str, logging.Logger]]:
    """All loggers of this process by name, the root as ``''`` first."""
    named = [
        (name, logger)
        for name, logger in list(logging.root.manager.loggerDict.items())
        if isinstance(logger, logging.Logger)
    ]
    return [("", logging.root), *named]


def _settings() -> dict[str, _Setting]:
    return {name: _Setting.of(logger) for name, logger in all_loggers()}


class DisableAllLogging:
    """Context in which nothing up to CRITICAL is logged; restores what was before."""

    def __enter__(self) -> DisableAllLogging:
        self._before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        return self

    def __exit__(self, *error: object) -> None:
        logging.disable(self._before)
