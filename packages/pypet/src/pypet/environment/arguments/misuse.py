"""Errors about arguments of an environment, and the ways to raise them.

Each says which argument, what it was and what it may be. All also are the built-in error that
scripts catch, and all are raised before anything outside of memory has changed.
"""

from __future__ import annotations

import reprlib
from typing import Any

from pypet.environment.arguments.packages import DISTRIBUTIONS, optional_package
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError, PypetValueError


class EnvironmentArgumentError(PypetValueError):
    """An argument of the environment has a value, or keeps company, that cannot be."""


class UnknownWrapModeError(EnvironmentArgumentError, PypetRuntimeError):
    """There is no such wrap mode; pypet 0.7 said so with a RuntimeError once runs began."""


class EnvironmentArgumentTypeError(PypetTypeError):
    """An argument of the environment is of a type that cannot be used."""


def shown(value: Any) -> str:
    """A value as error messages show it: short, however long it is.

    Examples
    --------
    >>> shown('yes'), shown(list(range(1000)))
    ("'yes'", '[0, 1, 2, 3, 4, 5, ...]')
    """
    return reprlib.repr(value)


def refuse_if(broken: Any, message: str) -> None:
    """Raise an :class:`EnvironmentArgumentError` if a rule is broken."""
    if broken:
        raise EnvironmentArgumentError(message)


def refuse_without(package: str, purpose: str) -> None:
    """Raise an :class:`EnvironmentArgumentError` if a package is missing that is needed."""
    if optional_package(package) is None:
        raise EnvironmentArgumentError(
            f"{purpose} needs the package {DISTRIBUTIONS[package]}, which is not installed. "
            f"Install it with: pip install {DISTRIBUTIONS[package]}"
        )
