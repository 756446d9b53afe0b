"""Whether values fit a parameter, and what to do about one that does not.

A value fits if the parameter's class supports it; to be explored it must also have the type of the
default value. Invariant: no value is converted. An array may explore a parameter of a Python type
because its items are that type's already, and a refusal names the conversion instead of doing it.
Ranges of scalars are checked at once, whatever their length, unless a custom class has own rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError, UnsupportedDataError
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.summary import summarise
from pypet_trajectory.values.types import ARRAYS, SCALARS

if TYPE_CHECKING:
    from pypet_trajectory.leaves.parameter import Parameter


def checked_values(
    parameter: Parameter, default: Any, values: Iterable[Any]
) -> CompactRange | list[Any]:
    """Return values after checking that they may follow the default value.

    They are a range already if their common type was evident.

    Raises
    ------
    TypeError
        If a value is unsupported or not of the default value's type.
    ValueError
        If there are no values.
    """
    kind = type(default)
    evident = _compares_types_of_scalars(parameter)
    found: Any = _range_of_one_type(kind, values) if evident else None
    if found is None:
        found = list(values)
        if not (evident and kind in SCALARS and set(map(type, found)) <= {kind}):
            for position, value in enumerate(found):
                _check_element(parameter, default, value, position, values)
    if not len(found):
        raise PypetValueError(
            f"There are no values to explore for parameter `{parameter.v_full_name}`: pass at "
            "least one."
        )
    return found  # type: ignore[no-any-return]


def _range_of_one_type(kind: type, values: Iterable[Any]) -> CompactRange | None:
    """Take values whose common type is evident, None if they need a look one by one."""
    if isinstance(values, CompactRange) and values.kind is kind and kind in SCALARS:
        return values
    # Elements of an array with units are arrays, too, and would lose the unit here.
    if isinstance(values, np.ndarray) and not (
        values.ndim == 1 and any(isinstance(value, np.ndarray) for value in values[:1])
    ):
        return CompactRange.from_array(values, kind)
    return None


def _compares_types_of_scalars(parameter: Parameter) -> bool:
    """Whether the rules of the class, which may be custom, compare types of scalars only."""
    cls = type(parameter)
    return hasattr(cls.f_supports, "exact_scalars") and hasattr(
        cls._values_of_same_type, "exact_scalars"
    )


def _check_element(
    parameter: Parameter, default: Any, value: Any, position: int, values: Iterable[Any]
) -> None:
    if not parameter.f_supports(value):
        raise unsupported(parameter, value, f"value {position} to explore,")
    if not parameter._values_of_same_type(value, default):
        raise PypetTypeError(
            f"Value {position} to explore for parameter `{parameter.v_full_name}` is of "
            f"{type(value)}, its default value {summarise(default)} of {type(default)}: all "
            f"values need the type of the default. {_conversion(value, type(default), values)}"
        )


# ------------------------------------------------------------------------- what to do about it


def unsupported(parameter: Parameter, data: Any, what: str = "data") -> UnsupportedDataError:
    """What to raise for data of a type, dtype or shape that the parameter does not take."""
    from pypet_trajectory.leaves.alternatives import way_out

    kind = type(data)
    about = ""
    if kind in ARRAYS:
        about = f" with dtype {data.dtype} and shape {data.shape}"
    elif kind in (tuple, list):
        kinds = sorted({type(item).__name__ for item in data}) or ["nothing"]
        about = f" with items of {', '.join(kinds)}"
    return UnsupportedDataError(
        f"Parameter `{parameter.v_full_name}` ({type(parameter).__name__}) does not support {what} "
        f"of {kind}{about}. {way_out(data, parameter=True)}"
    )


def _conversion(value: Any, wanted: type, values: Iterable[Any]) -> str:
    """How to turn a value into one of the wanted type."""
    if isinstance(value, np.generic) and wanted in (bool, int, float, complex, str):
        name = wanted.__name__
        lossless = type(value.item()) is wanted
        if not isinstance(values, np.ndarray):
            return f"Pass `[{name}(value) for value in values]`, or an array of dtype {name}."
        if lossless:
            return "Pass `array.tolist()`."
        return f"Pass `array.astype({name})` if nothing is lost by that."
    if issubclass(wanted, np.generic):
        return f"Pass `np.array(values, dtype='{np.dtype(wanted)}')`, or set a Python default."
    if wanted in SCALARS and type(value) in SCALARS:
        return f"Write all values as {wanted.__name__}, or set a default of the other type."
    return "Convert the values, or set a default of their type."
