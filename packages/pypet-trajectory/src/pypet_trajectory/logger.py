"""Loggers that cost an instance nothing and survive pickling.

Every object logs as ``<module>.<Class>`` unless told otherwise. That logger is looked up when
something is logged; only an object with a logger of its own carries one, and when pickled
carries its name instead.
"""

from __future__ import annotations

import logging
from typing import Any

from pypet_trajectory.slots import HasSlots


class HasLogger(HasSlots):
    """Base of classes that write to a log through ``self._logger``."""

    __slots__ = ("_own_logger",)

    _own_logger: logging.Logger

    @property
    def _logger(self) -> logging.Logger:
        try:
            return self._own_logger
        except AttributeError:
            cls = type(self)
            return logging.getLogger(f"{cls.__module__}.{cls.__name__}")

    @_logger.setter
    def _logger(self, logger: logging.Logger) -> None:
        object.__setattr__(self, "_own_logger", logger)

    def _set_logger(self, name: str | None = None) -> None:
        """Log as `name` from now on; None stands for the name of the class."""
        if name is not None:
            self._logger = logging.getLogger(name)
        elif hasattr(self, "_own_logger"):
            object.__delattr__(self, "_own_logger")

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        logger = state.get("_own_logger")
        if isinstance(logger, logging.Logger):
            state["_own_logger"] = logger.name
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        name = state.get("_own_logger")
        if isinstance(name, str):
            state = {**state, "_own_logger": logging.getLogger(name)}
        super().__setstate__(state)
