"""What a single value may be, and the errors about arguments of an environment.

Text is never taken for a truth value or a number: ``'False'`` would be true and ``'4'`` is not
4. Numbers of numpy are as good as those of Python. Each error says which argument, what it was and
what it may be, is also the built-in error that scripts catch, and is raised before anything outside
of memory has changed.
"""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with up to three of the known names like `name`, ``''`` if there are none.

    All are compared, for there are a hundred at most; names in a tree, which may be millions, are
    the business of :mod:`pypet_trajectory.tree.suggestions`.

    Examples
    --------
    >>> did_you_mean('ncore', ['ncores', 'port'])
    ' Did you mean `ncores`?'
    """
    import difflib  # here, because most programs never misspell a name

    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.7)
    if not near:
        return ""
    return f" Did you mean {' or '.join(f'`{other}`' for other in near)}?"


@dataclass(frozen=True)
class Kind:
    """A kind of values."""

    #: What a value must be or is, in the middle of a sentence about one that is not.
    wanted: str
    #: Whether a value is of this kind.
    fits: Callable[[Any], bool]
    #: What is raised if it is not.
    error: type[Exception] = EnvironmentArgumentTypeError
    #: What a value that is not lacks, as the end of the sentence.
    lacking: str = ""

    def or_none(self) -> Kind:
        """The same kind, ``None`` included."""
        return replace(
            self,
            wanted=f"{self.wanted} or None",
            fits=lambda value: value is None or self.fits(value),
        )

    def check(self, name: str, value: Any) -> None:
        """Refuse a value of another kind.

        Raises
        ------
        EnvironmentArgumentTypeError
            Or the error of this kind.
        """
        if not self.fits(value):
            raise self.error(f"{name} {self.wanted}, but is {shown(value)}{self.lacking}.")


def limited(wanted: str, fits: Callable[[Any], bool]) -> Kind:
    """Some of the values of a type, ``None`` always among them; others are value errors."""
    return Kind(wanted, lambda value: value is None or fits(value), EnvironmentArgumentError)


def _is_switch(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return True
    return isinstance(value, Integral) and value in (0, 1)


def _is_whole_number(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_path(value: Any) -> bool:
    if not isinstance(value, (str, os.PathLike)):
        return False
    path = os.fsdecode(value)
    return bool(path) and "\0" not in path


SWITCH = Kind("must be True or False", _is_switch)
WHOLE_NUMBER = Kind("must be a whole number", _is_whole_number)
COUNT = Kind("must be a whole number from 0 on", lambda n: _is_whole_number(n) and n >= 0)
NUMBER = Kind("must be a number", _is_number)
SECONDS = Kind("must be a number of seconds", lambda n: _is_number(n) and not math.isnan(n))
TEXT = Kind("must be a text", lambda value: isinstance(value, str))
PATH = Kind("must be a path", _is_path)


def cap_and_estimate(memory_cap: Any) -> tuple[float, float]:
    """``memory_cap`` as a pair: the cap and the expected size of a process in MB.

    Raises
    ------
    EnvironmentArgumentTypeError
        If it holds something else than numbers.
    EnvironmentArgumentError
        If there are none or more than two.

    Examples
    --------
    >>> cap_and_estimate(90), cap_and_estimate((90, 500))
    ((90.0, 0.0), (90.0, 500.0))
    """
    pair = memory_cap if isinstance(memory_cap, (tuple, list)) else (memory_cap,)
    message = (
        "memory_cap must be a percentage or a pair (percentage, MB per process), for instance "
        f"(90.0, 500), but is {shown(memory_cap)}."
    )
    if len(pair) not in (1, 2):
        raise EnvironmentArgumentError(message)
    if not all(map(_is_number, pair)):
        raise EnvironmentArgumentTypeError(message)
    # Of one type, as the values of a parameter must be.
    return float(pair[0]), float(pair[1]) if len(pair) == 2 else 0.0
