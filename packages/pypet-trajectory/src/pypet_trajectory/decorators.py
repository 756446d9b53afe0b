"""Conditions and conveniences around methods: not in runs, only with an open file, again.

Each decorator keeps name, signature and documentation of what it wraps.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pypet_trajectory.exceptions import NotInRunError, PypetAttributeError, PypetTypeError

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


def not_in_run(func: F) -> F:
    """Refuse a method while its object is in a single run (``self.v_is_run``).

    Raises
    ------
    TypeError
        When the method is called during a run.
    """

    @functools.wraps(func)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.v_is_run:
            raise NotInRunError(
                f"`{func.__name__}` is not available during a single run: call it before the "
                "runs start or after they have finished."
            )
        return func(self, *args, **kwargs)

    wrapper.not_in_run = True  # type: ignore[attr-defined]
    wrapper.__doc__ = f"{func.__doc__ or ''}\n\nNot available during a single run.\n"
    return wrapper  # type: ignore[return-value]


def with_open_store(func: F) -> F:
    """Refuse a method unless the storage service of ``self.traj`` keeps its file open.

    Raises
    ------
    TypeError
        When the file is closed.
    """

    @functools.wraps(func)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.traj.v_storage_service.is_open:
            raise PypetTypeError(
                f"`{func.__name__}` works only with an open store: enter a "
                "StorageContextManager first."
            )
        return func(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def retry(
    n: int,
    errors: type[BaseException] | tuple[type[BaseException], ...],
    wait: float = 0.0,
    logger_name: str | None = None,
) -> Callable[[F], F]:
    """Call a function again when it raises.

    Parameters
    ----------
    n
        How often to try again after the first attempt.
    errors
        Which exceptions are worth another attempt.
    wait
        Seconds between attempts.
    logger_name
        Where to log the attempts; None: nowhere.
    """

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            logger = logging.getLogger(logger_name) if logger_name else None
            for attempt in range(n + 1):
                try:
                    result = func(*args, **kwargs)
                except errors as exc:
                    if attempt == n:
                        if logger:
                            logger.exception(
                                "`%s` failed %d times, giving up.", func.__name__, n + 1
                            )
                        raise
                    if logger:
                        logger.debug(
                            "`%s` raised %r, attempt %d of %d.",
                            func.__name__,
                            exc,
                            attempt + 1,
                            n + 1,
                        )
                    time.sleep(wait)
                else:
                    return result
            raise PypetTypeError(f"`{func.__name__}` cannot be tried {n + 1} times.")

        return wrapper  # type: ignore[return-value]

    return decorate


def copydoc(fromfunc: Any, sep: str = "\n") -> Callable[[F], F]:
    """Put the documentation of another function in front of a function's own.

    Lines that contain ``ABSTRACT`` are left out.
    """

    def decorate(func: F) -> F:
        lines = [line for line in (fromfunc.__doc__ or "").split("\n") if "ABSTRACT" not in line]
        inherited = "\n".join(lines).rstrip()
        func.__doc__ = sep.join((inherited, func.__doc__)) if func.__doc__ else inherited
        return func

    return decorate


def prefix_naming(cls: C) -> C:
    """Let instances of a class be read with ``f_`` and ``v_`` in front of any name.

    ``obj.f_run`` reads ``obj.run``, ``obj.v_index`` reads ``obj.index``, and setting
    ``obj.v_index`` sets ``obj.index``.

    Raises
    ------
    TypeError
        If the class has a ``__getattr__`` of its own.
    """
    if hasattr(cls, "__getattr__"):
        raise PypetTypeError(
            f"`{cls.__name__}` defines `__getattr__`, which prefix_naming would replace."
        )
    plain_setattr: Any = cls.__setattr__

    def __getattr__(self: Any, name: str) -> Any:
        if name.startswith(("f_", "v_")) and not name[2:].startswith(("f_", "v_")):
            return getattr(self, name[2:])
        raise PypetAttributeError(f"`{cls.__name__}` object has no attribute `{name}`.")

    def __setattr__(self: Any, name: str, value: Any) -> None:
        plain_setattr(self, name[2:] if name.startswith("v_") else name, value)

    cls.__getattr__ = __getattr__  # type: ignore[attr-defined]
    cls.__setattr__ = __setattr__  # type: ignore[method-assign,assignment]
    return cls
