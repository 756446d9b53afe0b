"""`Parameter`: one value, or a range of values of one type, one for each run.

Invariant: all values of a range have the exact type of the default value, so that a run never
meets an ``int`` where another met a ``float``. Values are kept as given, not copied; ranges are
compact and shared between copies (see :mod:`pypet_trajectory.values.ranges`).
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pypet_trajectory.exceptions import (
    ParameterLockedException,
    PypetAttributeError,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.leaves.base import BaseParameter
from pypet_trajectory.leaves.checking import checked_values, unsupported
from pypet_trajectory.values.column_table import ColumnTable, column_values
from pypet_trajectory.values.ranges import NO_RANGE, CompactRange
from pypet_trajectory.values.types import (
    ARRAYS,
    SCALARS,
    exact_scalars,
    has_plain_dtype,
    is_homogeneous,
)

if TYPE_CHECKING:
    from pypet_trajectory.leaves.distinct import DistinctForm

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
            raise unsupported(self, data)
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

    @property
    def v_value(self) -> Any:
        """The current value, looked at without locking the parameter; None if it is empty."""
        return self._data

    @property
    def v_range(self) -> CompactRange:
        """The explored values as they are kept; empty if they are not here."""
        return self._explored_range

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
        raise self._no_attribute(name, ("data", "default"))

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

        Arrays and lists may differ in shape and type of items. Tuples must agree in length and
        in the type of the first item, which is that of all items except in a `PickleParameter`.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        if not self._supports_both(val1, val2) or type(val1) is not type(val2):
            return False
        if type(val1) is tuple:
            return len(val1) == len(val2) and [*map(type, val1[:1])] == [*map(type, val2[:1])]
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
        self._explored_range = self.f_checked_range(explore_iterable)
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
        self._explored_range = explored.extended(self.f_checked_range(explore_iterable))
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

    def f_borrow_range(self, values: CompactRange, idx: int, keep: bool) -> None:
        """Be explored with a range that other runs use as well.

        Parameters
        ----------
        values
            The range.
        idx
            Which of the values is the current one.
        keep
            Whether to have the range, in copies and pickles too, or the current value alone.
        """
        self._explored_range = values
        self._set_parameter_access(idx)
        if type(self._data) not in SCALARS:
            # Also this run may need it once more as it was, if it is tried again.
            self._data = copy.deepcopy(self._data)
        if keep:
            self._full_copy = True
        else:
            self._explored_range = NO_RANGE

    def _restore_default(self) -> None:
        """Make the default value the current one, locked or not."""
        self._data = self._default

    def f_checked_range(self, values: Iterable[Any]) -> CompactRange:
        """Return values as a range after checking that they may follow the default value.

        Raises
        ------
        TypeError
            If a value is unsupported or not of the default value's type.
        ValueError
            If there are no values.
        """
        checked = checked_values(self, self._default, values)
        return checked if isinstance(checked, CompactRange) else self._make_range(checked)

    def _make_range(self, values: list[Any]) -> CompactRange:
        """Turn checked values into a range; classes that need the very objects override this."""
        return CompactRange(values)

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
        default = values = None
        if DATA in load_dict:
            default = column_values(load_dict[DATA][DATA])[0]
        elif self._data is None:
            self._warn_without_data()
        if EXPLORED_DATA in load_dict:
            kind = type(self._default if default is None else default)
            values = _restored_range(load_dict[EXPLORED_DATA][DATA], kind)
        self._restore(default, values)

    def _store_distinct(self, form: DistinctForm, write: Callable[[Any], Any]) -> dict[str, Any]:
        """Return what `form` makes of default value and range; locks if there is a value."""
        if self._default is not None:
            self.f_lock()
        return form.store(self._default, self._explored_range.tolist(), write)

    def _load_distinct(
        self, form: DistinctForm, load_dict: dict[str, Any], read: Callable[[Any], Any]
    ) -> None:
        """Take what `_store_distinct` returned, and lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        DataNotInStorageError
            If there is a range without its values.
        """
        self._check_unlocked("loaded")
        self._restore(*form.load(self._full_name, load_dict, read))

    def _restore(self, default: Any, values: CompactRange | None) -> None:
        """Take over a default value and a range, unless these are None, and lock."""
        if default is not None:
            self._data = default
            self._default = default
        if values is not None:
            self._explored_range = values
            self._explored = True
        self.f_lock()

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


def _restored_range(column: Any, kind: type) -> CompactRange:
    """A column of storage as a range, of values of this type if it can."""
    if isinstance(column, CompactRange):
        return column
    if isinstance(column, np.ndarray):
        found = CompactRange.from_array(column, kind)
        if found is not None:
            return found
    return CompactRange(column_values(column))
