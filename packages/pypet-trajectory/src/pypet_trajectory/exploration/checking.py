"""Checking values of an exploration against parameters or types, changing neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.summary import summarise


def check_iterable(name: str, values: Any) -> None:
    """Raise if there is a single value where several are needed.

    Raises
    ------
    PypetTypeError
        If `values` cannot be iterated over.
    """
    try:
        iter(values)
    except TypeError:
        raise PypetTypeError(
            f"Exploring `{name}` takes an iterable of values, one for each run, not "
            f"{summarise(values)} of {type(values)}. For one run pass [{summarise(values)}]."
        ) from None


def check_values(name: str, values: CompactRange, types: Any) -> None:
    """Raise if values do not fit the parameter of this name; see `Exploration.check`."""
    if isinstance(types, Mapping):
        if name not in types:
            raise PypetTypeError(f"There is no type to check parameter `{name}` against.")
        wanted = types[name] if isinstance(types[name], type) else type(types[name])
        for value in values[:1] if values.kind else values:
            if type(value) is not wanted:
                raise PypetTypeError(
                    f"Parameter `{name}` is to explore {summarise(value)} of {type(value)}, "
                    f"but needs {wanted}."
                )
        return
    parameter = types.f_get(name)
    if not getattr(parameter, "v_is_parameter", False):
        raise PypetValueError(
            f"Only parameters can be explored, but `{name}` stands for "
            f"`{parameter.v_full_name}`, a {type(parameter).__name__}."
        )
    if isinstance(parameter, Parameter):  # others check values when they explore them
        parameter.f_checked_range(values)
