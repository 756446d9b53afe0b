"""Imports that wait: names of a package that few users need, and packages that may be missing.

A package lists such names with their modules; type checkers see ordinary imports below
``TYPE_CHECKING``. A name that was asked for is an ordinary attribute of the package from then on. A
missing package is a `MissingPackageError` that names the purpose and the command that installs it;
one that is there but fails to import fails with its own error.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pypet_trajectory.exceptions import MissingPackageError


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
    AttributeError: module 'pypet_trajectory.imports' has no attribute 'tau'
    """

    def __getattr__(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__


def import_optional(
    module: str, extra: str, purpose: str, *, distribution: str = "pypet-trajectory"
) -> Any:
    """Import and return a module of a package that not every user has.

    Parameters
    ----------
    module
        Its dotted name.
    extra
        The extra that brings the package.
    purpose
        What needs it, in the plural; the first words of the error.
    distribution
        The distribution that has the extra.

    Raises
    ------
    MissingPackageError
        If the package is not installed; also an ``ImportError``.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingPackageError(
            f"{purpose} need {package}, which is not installed: "
            f'pip install "{distribution}[{extra}]".'
        ) from error
