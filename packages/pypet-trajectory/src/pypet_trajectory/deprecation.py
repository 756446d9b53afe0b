"""Renamed and dropped keywords and functions keep working, with a warning that says what to do.

One place words all deprecation warnings. Invariant: a deprecated spelling does exactly what its
successor does; it never becomes a silent no-op unless it is named as dropped.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from pypet_trajectory.exceptions import PypetValueError

F = TypeVar("F", bound=Callable[..., Any])


def warn_deprecated(
    what: str,
    *,
    instead: str = "",
    since: str = "",
    until: str = "",
    stacklevel: int = 2,
) -> None:
    """Warn about a deprecated spelling.

    Parameters
    ----------
    what
        What was used, as the subject of a sentence, for instance ``"Keyword `old` of `f`"``.
    instead
        What to write instead, as the end of a sentence ("use `new`").
    since, until
        Versions in which the deprecation began and in which support will end.
    stacklevel
        Frames between the caller of this function and the code that is to change.
    """
    text = f"{what} is deprecated"
    if since:
        text += f" since version {since}"
    if until:
        text += f" and will be removed in version {until}"
    warnings.warn(
        f"{text}: {instead}." if instead else f"{text}.",
        category=DeprecationWarning,
        stacklevel=stacklevel + 1,
    )


def deprecated(msg: str = "") -> Callable[[F], F]:
    """Mark a function as deprecated: every call warns.

    Parameters
    ----------
    msg
        What to do instead.
    """

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            warn_deprecated(f"`{func.__name__}`", instead=msg)
            return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate


def kwargs_api_change(
    old_name: str, new_name: str | None = None, *, since: str = "", until: str = ""
) -> Callable[[F], F]:
    """Accept a keyword under its old name.

    Parameters
    ----------
    old_name
        The keyword callers may still pass.
    new_name
        The keyword it became; None if it was dropped and its value is ignored.
    since, until
        Versions in which the deprecation began and in which support will end.

    Raises
    ------
    ValueError
        When the function is called with both names.

    Examples
    --------
    >>> @kwargs_api_change('colour', 'color')
    ... def paint(color):
    ...     return color
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter('ignore')
    ...     paint(colour='red')
    'red'
    """

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if old_name in kwargs:
                value = kwargs.pop(old_name)
                if new_name is None:
                    instead = "it has no effect any more, leave it out"
                else:
                    instead = f"use `{new_name}`"
                    if new_name in kwargs:
                        raise PypetValueError(
                            f"`{old_name}` is the old name of `{new_name}`, but both are given: "
                            f"{value!r} and {kwargs[new_name]!r}. Leave out `{old_name}`."
                        )
                    kwargs[new_name] = value
                warn_deprecated(
                    f"Keyword `{old_name}` of `{func.__name__}`",
                    instead=instead,
                    since=since,
                    until=until,
                )
            return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate


def kwargs_mutual_exclusive(
    param1_name: str, param2_name: str, map2to1: Callable[[Any], Any] | None = None
) -> Callable[[F], F]:
    """Refuse two keywords in the same call, and optionally turn the second into the first.

    Parameters
    ----------
    param1_name, param2_name
        The keywords that exclude each other.
    map2to1
        Turns a value of the second keyword into one of the first; the function then only needs
        to know the first.

    Raises
    ------
    ValueError
        When the function is called with both keywords.
    """

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if param2_name in kwargs:
                if param1_name in kwargs:
                    raise PypetValueError(
                        f"`{func.__name__}` takes either `{param1_name}` or `{param2_name}`, "
                        "and was given both: leave one out."
                    )
                if map2to1 is not None:
                    kwargs[param1_name] = map2to1(kwargs.pop(param2_name))
            return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate
