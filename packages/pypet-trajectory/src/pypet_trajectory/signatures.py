"""Which keywords a callable takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def get_matching_kwargs(
    func: Callable[..., Any] | type, kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those keywords that a function, or the constructor of a class, accepts.

    Everything is accepted by a signature with ``**kwargs``, nothing by a class without an
    ``__init__`` written in Python.

    Examples
    --------
    >>> def area(width, height): ...
    >>> get_matching_kwargs(area, {'width': 1, 'colour': 'red'})
    {'width': 1}
    """
    if inspect.isclass(func):
        func = func.__init__
        if not inspect.isfunction(func):
            return {}
    parameters = inspect.signature(func).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(kwargs)
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in kwargs.items() if name in named}
