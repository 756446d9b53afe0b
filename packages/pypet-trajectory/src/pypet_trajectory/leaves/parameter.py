"""`Parameter`: one value, or a range of values of one type, one for each run.

Invariant: all values of a range have the exact type of the default value, so that a run never
meets an ``int`` where another met a ``float``. Values are kept as given, not copied; ranges are
compact and shared between copies (see :mod:`pypet_trajectory.leaves.ranges`).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from pypet_trajectory.exceptions import (
    ParameterLockedException,
    PypetAttributeError,
    PypetTypeError,
    PypetValueError,
    UnsupportedDataError,
)
from pypet_trajectory.leaves.base import BaseParameter
from pypet_trajectory.leaves.column_table import ColumnTable, column_values
from pypet_trajectory.leaves.ranges import NO_RANGE, CompactRange
from pypet_trajectory.leaves.summary import summarise
from pypet_trajectory.leaves.types import (
    ARRAYS,
    SCALARS,
    exact_scalars,
    has_plain_dtype,
    is_homogeneous,
)

#: Names of stored items and of the column in their tables.
DATA: Final = "data"
EXPLORED_DATA: Final = "explored_data"


class Parameter(BaseParameter):
    """A parameter of a scalar, a text, an array, or a flat tuple or list of one type.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    data
        The value; None leaves the parameter empty.
    comment
        Any text.

    Raises
    ------
    TypeError
        If data of this type is not supported.

    Examples
    --------
    >>> tau = Parameter('neuron.tau', 20.0, comment='Time constant in ms')
    >>> print(tau)
    Parameter neuron.tau (`Time constant in ms`): 20.0
    >>> tau.f_get(), tau.v_locked
    (20.0, True)
    """

    __slots__ = ("_data", "_default", "_explored_range")

    _data: Any
    _default: Any
    _explored_range: CompactRange

    def __init__(self, full_name: str, data: Any = None, comment: str = "") -> None:
        super().__init__(full_name, comment)
        self._data = None
        self._default = None
        self._explored_range = NO_RANGE
        if data is not None:
            self.f_set(data)

    # ---------------------------------------------------------------- value

    def f_set(self, data: Any) -> None:
        """Set value and default.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        AttributeError
            If the parameter is explored.
        TypeError
            If data of this type is not supported.
        """
        self._check_unlocked("set")
        if self.f_has_range():
            raise PypetAttributeError(
                f"Parameter `{self._full_name}` has a range of {len(self)} explored values and "
                "cannot be set: shrink the trajectory first."
            )
        if not self.f_supports(data):
            raise self._unsupported(data)
        self._data = data
        self._default = data

    def f_get(self) -> Any:
        """Return the current value and lock the parameter.

        Raises
        ------
        TypeError
            If the parameter is empty.
        """
        if self._data is None:
            raise self._empty("read")
        self._locked = True
        return self._data

    def f_get_default(self) -> Any:
        """Return the default value and lock the parameter.

        Raises
        ------
        TypeError
            If the parameter is empty.
        """
        if self._default is None:
            raise self._empty("read")
        self._locked = True
        return self._default

    def f_is_empty(self) -> bool:
        """Return whether there is no value."""
        return self._data is None

    def f_empty(self) -> None:
        """Drop value, default and range.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        self._check_unlocked("emptied")
        self._data = None
        self._default = None
        self._explored_range = NO_RANGE
        self._explored = False

    def f_supports_fast_access(self) -> bool:
        """Return whether natural naming may return the value: if there is one."""
        return self._data is not None

    def __getattr__(self, name: str) -> Any:
        if name == "data":
            return self.f_get()
        if name == "default":
            return self.f_get_default()
        raise PypetAttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            if index == "data":
                return self.f_get()
            if index == "default":
                return self.f_get_default()
        elif isinstance(index, slice):
            return self._explored_part("sliced")[index].tolist()
        elif hasattr(index, "__index__"):
            if operator.index(index) == -1:
                return self.f_get_default()
            return self._explored_part("indexed")[operator.index(index)]
        raise PypetTypeError(
            f"Parameter `{self._full_name}` has no item {index!r}: use 'data', 'default', or the "
            "position of an explored value."
        )

    def __len__(self) -> int:
        if self.f_has_range():
            return len(self._explored_range)
        return 0 if self._data is None else 1

    # ---------------------------------------------------------------- rules

    @exact_scalars
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes this data.

        That is scalars and text, arrays of them that are not empty, and tuples and lists that
        are not empty, not nested and of one type.
        """
        kind = type(data)
        if kind in SCALARS:
            return True
        if kind in ARRAYS:
            return data.size > 0 and has_plain_dtype(data)
        if kind is tuple or kind is list:
            return len(data) > 0 and is_homogeneous(data)
        return False

    @exact_scalars
    def _values_of_same_type(self, val1: Any, val2: Any) -> bool:
        """Return whether two values may share a range.

        Arrays and lists may differ in shape and type of elements, tuples may not.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        if not self._supports_both(val1, val2) or type(val1) is not type(val2):
            return False
        if type(val1) is tuple:
            return list(map(type, val1)) == list(map(type, val2))
        return True

    # ---------------------------------------------------------------- exploring

    def f_has_range(self) -> bool:
        """Return whether the explored values are here."""
        return len(self._explored_range) > 0

    def f_get_range_length(self) -> int:
        """Return the number of explored values.

        Raises
        ------
        TypeError
            If the parameter has no range.
        """
        return len(self._explored_part("measured"))

    def f_get_range(self, copy: bool = True) -> Sequence[Any]:
        """Return the explored values.

        Parameters
        ----------
        copy
            Return a new list; otherwise the range itself, an immutable sequence.

        Raises
        ------
        TypeError
            If the parameter has no range.
        """
        explored = self._explored_part("read")
        return explored.tolist() if copy else explored

    def _explore(self, explore_iterable: Iterable[Any]) -> None:
        """Explore these values and lock.

        A one-dimensional numpy array may explore a parameter of the matching Python type
        (float64 for float, any integer for int, bool, complex128, text); Python values are
        handed out all the same.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        TypeError
            If there is a range already, no default value, or a value of another type.
        ValueError
            If there are no values.
        """
        self._check_unlocked("explored")
        if self.f_has_range():
            raise PypetTypeError(
                f"Parameter `{self._full_name}` is explored already, with {len(self)} values: "
                "expand it or shrink it first."
            )
        if self._default is None:
            raise PypetTypeError(
                f"Parameter `{self._full_name}` has no default value, which decides what may be "
                "explored: set one first."
            )
        self._explored_range = self._checked_range(explore_iterable)
        self._explored = True
        self.f_lock()

    def _expand(self, explore_iterable: Iterable[Any]) -> None:
        """Append to the explored values and lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        TypeError
            If there is no range, or a value of another type.
        ValueError
            If there are no values.
        """
        self._check_unlocked("expanded")
        explored = self._explored_part("expanded")
        self._explored_range = explored.extended(self._checked_range(explore_iterable))
        self._explored = True
        self.f_lock()

    def _shrink(self) -> None:
        """Drop the explored values.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        TypeError
            If there is no range.
        """
        self._check_unlocked("shrunk")
        self._explored_part("shrunk")
        self._explored_range = NO_RANGE
        self._explored = False
        self._restore_default()

    def _set_parameter_access(self, idx: int = 0) -> None:
        """Make the explored value at this index the current one, locked or not.

        Raises
        ------
        ValueError
            If there are not so many.
        """
        if not self.f_has_range():
            self._logger.warning(
                "Parameter `%s` has no range: moving to index %d has no effect.",
                self._full_name,
                idx,
            )
            return
        try:
            self._data = self._explored_range[idx]
        except IndexError:
            raise PypetValueError(
                f"Parameter `{self._full_name}` has {len(self)} explored values, there is none at "
                f"index {idx}."
            ) from None

    def _restore_default(self) -> None:
        """Make the default value the current one, locked or not."""
        self._data = self._default

    # ---------------------------------------------------------------- checking values

    def _checked_range(self, values: Iterable[Any]) -> CompactRange:
        """Return values as a range after checking that they may follow the default value.

        Raises
        ------
        TypeError
            If a value is unsupported or not of the default value's type.
        ValueError
            If there are no values.
        """
        found = self._as_range(values)
        if found is None:
            found = self._as_checked_list(values)
        if not len(found):
            raise PypetValueError(
                f"There are no values to explore for parameter `{self._full_name}`: pass at least "
                "one."
            )
        return found

    def _as_range(self, values: Iterable[Any]) -> CompactRange | None:
        """Take values whose common type is evident, None if they need a look one by one."""
        if not self._scalars_need_exact_type():
            return None
        kind = type(self._default)
        if isinstance(values, CompactRange) and values.kind is kind and kind in SCALARS:
            return values
        if isinstance(values, np.ndarray):
            return CompactRange.from_array(values, kind)
        return None

    def _as_checked_list(self, values: Iterable[Any]) -> CompactRange:
        as_list = list(values)
        kind = type(self._default)
        evident = kind in SCALARS and self._scalars_need_exact_type()
        if not (evident and set(map(type, as_list)) <= {kind}):
            for position, value in enumerate(as_list):
                self._check_element(value, position, values)
        return self._make_range(as_list)

    def _make_range(self, values: list[Any]) -> CompactRange:
        """Turn checked values into a range; classes that need the very objects override this."""
        return CompactRange(values)

    def _scalars_need_exact_type(self) -> bool:
        """Whether the rules of this class, which may be custom, compare types of scalars only."""
        cls = type(self)
        return hasattr(cls.f_supports, "exact_scalars") and hasattr(
            cls._values_of_same_type, "exact_scalars"
        )

    def _check_element(self, value: Any, position: int, values: Iterable[Any]) -> None:
        if not self.f_supports(value):
            raise self._unsupported(value)
        if not self._values_of_same_type(value, self._default):
            raise PypetTypeError(
                f"Value {position} to explore for parameter `{self._full_name}` is of "
                f"{type(value)}, its default value {summarise(self._default)} of "
                f"{type(self._default)}: all values need the type of the default. "
                f"{self._remedy(value, values)}"
            )

    def _remedy(self, value: Any, values: Iterable[Any]) -> str:
        """Say how to turn a value into one of the default's type."""
        wanted = type(self._default)
        if isinstance(value, np.generic) and wanted in (bool, int, float, complex, str):
            if type(value.item()) is wanted:
                return "Pass `array.tolist()`, or the array itself if its dtype is that type's."
            if isinstance(values, np.ndarray):
                return f"Pass `array.astype({wanted.__name__})`."
            return f"Pass `[{wanted.__name__}(value) for value in values]`."
        if issubclass(wanted, np.generic):
            return f"Pass `np.array(values, dtype='{np.dtype(wanted)}')`, or set a Python default."
        if wanted in SCALARS and type(value) in SCALARS:
            return f"Write all values as {wanted.__name__}, or set a default of the other type."
        return "Convert the values, or set a default of their type."

    # ---------------------------------------------------------------- errors

    def _check_unlocked(self, what: str) -> None:
        if self._locked:
            raise ParameterLockedException(
                f"Parameter `{self._full_name}` is locked and cannot be {what}, because its value "
                "was used already: change it before it is read, or call f_unlock() if you are sure."
            )

    def _explored_part(self, what: str) -> CompactRange:
        if not self.f_has_range():
            raise PypetTypeError(
                f"Parameter `{self._full_name}` has no range of explored values that could be "
                f"{what}."
            )
        return self._explored_range

    def _empty(self, what: str) -> PypetTypeError:
        return PypetTypeError(
            f"Parameter `{self._full_name}` is empty and cannot be {what}: set a value first."
        )

    def _unsupported(self, data: Any) -> UnsupportedDataError:
        kind = type(data)
        reason = ""
        if kind in ARRAYS:
            reason = f" with dtype {data.dtype} and shape {data.shape}"
        elif kind in (tuple, list):
            kinds = sorted({type(item).__name__ for item in data}) or ["nothing"]
            reason = f" with elements of {', '.join(kinds)}"
        return UnsupportedDataError(
            f"Parameter `{self._full_name}` ({type(self).__name__}) does not support data of "
            f"{kind}{reason}. An ArrayParameter takes tuples and empty lists, a SparseParameter "
            "sparse matrices, a PickleParameter anything that can be pickled."
        )

    # ---------------------------------------------------------------- storing and copying

    def _store(self) -> dict[str, Any]:
        """Return the default value and the range, each as a table with one column; locks."""
        stored: dict[str, Any] = {}
        if self._default is not None:
            self.f_lock()
            stored[DATA] = ColumnTable({DATA: CompactRange.from_objects([self._default])})
        if self.f_has_range():
            stored[EXPLORED_DATA] = ColumnTable({DATA: self._explored_range})
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Take default value and range from storage, and lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        self._check_unlocked("loaded")
        if DATA in load_dict:
            self._take_default(column_values(load_dict[DATA][DATA])[0])
        elif self._data is None:
            self._warn_without_data()
        if EXPLORED_DATA in load_dict:
            self._take_range(self._restored_range(load_dict[EXPLORED_DATA][DATA]))
        self.f_lock()

    def _restored_range(self, column: Any) -> CompactRange:
        """Return a column of storage as a range; it has the default value's type if it can."""
        if isinstance(column, CompactRange):
            return column
        if isinstance(column, np.ndarray):
            found = CompactRange.from_array(column, type(self._default))
            if found is not None:
                return found
        return CompactRange(column_values(column))

    def _take_default(self, value: Any) -> None:
        self._data = value
        self._default = value

    def _take_range(self, values: CompactRange) -> None:
        self._explored_range = values
        self._explored = True

    def _warn_without_data(self) -> None:
        self._logger.warning(
            "Parameter `%s` stays empty: there was no data for it in the storage.",
            self._full_name,
        )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if not self._full_copy:
            state["_explored_range"] = NO_RANGE
        return state
