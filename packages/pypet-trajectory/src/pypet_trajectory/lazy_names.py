"""Names of a package that are imported when a caller asks for them.

What few users need should cost those few something, not all users. A package lists such names with
their modules; type checkers see ordinary imports below ``TYPE_CHECKING``. Invariant: a name that
was asked for is an ordinary attribute of the package from then on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names_from(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` for the package called `package`.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : mapping
        Each name with the full name of the module that defines it.

    Examples
    --------
    >>> get = names_from(__name__, {"pi": "math"})
    >>> get("pi")
    3.141592653589793
    >>> get("tau")
    Traceback (most recent call last):
    AttributeError: module 'pypet_trajectory.lazy_names' has no attribute 'tau'
    """

    def __getattr__(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
