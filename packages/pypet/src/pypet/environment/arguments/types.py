"""What each argument of an environment may be by itself, whatever the others are.

Text is never taken for a truth value or a number: ``'False'`` would be true and ``'4'`` is not
4. Numbers of numpy are as good as those of Python. What arguments mean together is the business
of :mod:`pypet.environment.arguments.rules`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from pypet.environment.arguments.misuse import (
    EnvironmentArgumentError,
    EnvironmentArgumentTypeError,
    shown,
)


@dataclass(frozen=True)
class Kind:
    """A kind of values."""

    #: What is wanted, as the end of a sentence.
    wanted: str
    #: Whether a value is of this kind.
    fits: Callable[[Any], bool]

    def or_none(self) -> Kind:
        """The same kind, ``None`` included."""
        return Kind(f"{self.wanted} or None", lambda value: value is None or self.fits(value))

    def check(self, name: str, value: Any) -> None:
        """Refuse a value of another kind.

        Raises
        ------
        EnvironmentArgumentTypeError
            If it is of another kind; also a ``TypeError``.
        """
        if not self.fits(value):
            raise EnvironmentArgumentTypeError(
                f"{name} must be {self.wanted}, but is {shown(value)}."
            )


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


SWITCH = Kind("True or False", _is_switch)
WHOLE_NUMBER = Kind("a whole number", _is_whole_number)
NUMBER = Kind("a number", _is_number)
SECONDS = Kind("a number of seconds", lambda value: _is_number(value) and not math.isnan(value))
COUNT = Kind("a whole number from 0 on", lambda value: _is_whole_number(value) and value >= 0)
TEXT = Kind("a text", lambda value: isinstance(value, str))
PATH = Kind("a path", _is_path)

#: Kinds of the arguments; those that are missing here have checks of their own.
KINDS: Mapping[str, Kind] = {
    "add_time": SWITCH,
    "comment": TEXT,
    "automatic_storing": SWITCH,
    "multiproc": SWITCH,
    "ncores": WHOLE_NUMBER,
    "use_scoop": SWITCH,
    "use_pool": SWITCH,
    "freeze_input": SWITCH,
    "timeout": SECONDS.or_none(),
    "cpu_cap": NUMBER,
    "swap_cap": NUMBER,
    "niceness": WHOLE_NUMBER.or_none(),
    "queue_maxsize": WHOLE_NUMBER,
    "gc_interval": WHOLE_NUMBER.or_none(),
    "clean_up_runs": SWITCH,
    "immediate_postproc": SWITCH,
    "resumable": SWITCH,
    "resume_folder": PATH.or_none(),
    "delete_resume": SWITCH,
    "git_repository": PATH.or_none(),
    "git_message": TEXT.or_none(),
    "git_fail": SWITCH,
    "sumatra_project": PATH.or_none(),
    "sumatra_reason": TEXT,
    "sumatra_label": TEXT.or_none(),
    "do_single_runs": SWITCH,
    "graceful_exit": SWITCH,
    "lazy_debug": SWITCH,
    "retries": WHOLE_NUMBER,
    "run_timeout": SECONDS.or_none(),
    "limit_threads": SWITCH,
}


def check_types(arguments: Mapping[str, Any]) -> None:
    """Refuse the first argument that is of another kind than it must be.

    Parameters
    ----------
    arguments : mapping
        Names to values; names without a known kind are skipped.

    Raises
    ------
    EnvironmentArgumentTypeError
        Also a ``TypeError``.
    """
    for name, kind in KINDS.items():
        if name in arguments:
            kind.check(name, arguments[name])


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
