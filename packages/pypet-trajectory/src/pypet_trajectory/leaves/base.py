"""`BaseParameter` and `BaseResult`: what custom leaf classes start from.

They hold the state that trajectories rely on (locked, explored) and the rules that custom classes
override; they hold no data. Invariant: reading locks a parameter, looking at its text does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pypet_trajectory.exceptions import PypetTypeError
from pypet_trajectory.tree.nodes import NNLeafNode
from pypet_trajectory.values.comparisons import nested_equal
from pypet_trajectory.values.summary import safe_repr
from pypet_trajectory.values.types import SCALARS, exact_scalars

#: Text of a parameter without value.
NO_VALUE: Final = "No value yet"


class BaseParameter(NNLeafNode):
    """Base of all parameters.

    A custom parameter implements the methods that raise NotImplementedError here.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    comment
        Any text.
    """

    __slots__ = ("_explored", "_full_copy", "_locked")

    _locked: bool
    _explored: bool
    _full_copy: bool

    def __init__(self, full_name: str, comment: str = "") -> None:
        super().__init__(full_name, comment, is_parameter=True)
        self._locked = False
        self._explored = False
        self._full_copy = False

    # ---------------------------------------------------------------- state

    @property
    def v_locked(self) -> bool:
        """Whether the parameter refuses changes, because it was read or explored."""
        return self._locked

    @property
    def v_explored(self) -> bool:
        """Whether the parameter was explored, even if its range is not here any more."""
        return self._explored

    @property
    def v_full_copy(self) -> bool:
        """Whether copies and pickles carry the explored range, which they do not by default."""
        return self._full_copy

    @v_full_copy.setter
    def v_full_copy(self, full_copy: object) -> None:
        self._full_copy = bool(full_copy)

    def f_lock(self) -> None:
        """Refuse changes from now on."""
        self._locked = True

    def f_unlock(self) -> None:
        """Allow changes again."""
        self._locked = False

    # ---------------------------------------------------------------- rules

    @exact_scalars
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes this data; here: scalars."""
        return type(data) in SCALARS

    @exact_scalars
    def _values_of_same_type(self, val1: Any, val2: Any) -> bool:
        """Return whether two values may share a range.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        if self._supports_both(val1, val2):
            return type(val1) is type(val2)
        return False

    def _supports_both(self, val1: Any, val2: Any) -> bool:
        """Return whether two values are supported; refuse to answer if none is."""
        supported = self.f_supports(val1), self.f_supports(val2)
        if not any(supported):
            raise PypetTypeError(
                f"Parameter `{self._full_name}` ({type(self).__name__}) supports neither "
                f"{type(val1)} nor {type(val2)}, so it cannot say whether these are of one type."
            )
        return all(supported)

    def _equal_values(self, val1: Any, val2: Any) -> bool:
        """Return whether two values are of one type and equal.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        return self._values_of_same_type(val1, val2) and bool(nested_equal(val1, val2))

    # ---------------------------------------------------------------- text

    def f_val_to_str(self) -> str:
        """Return the ``repr`` of the value, in full length, without locking."""
        locked = self._locked
        try:
            return NO_VALUE if self.f_is_empty() else safe_repr(self.f_get())
        except NotImplementedError:  # an unfinished custom class still has a text
            return NO_VALUE
        finally:
            self._locked = locked

    def __str__(self) -> str:
        notes = []
        if self.f_has_range():
            notes.append(f"len:{self.f_get_range_length()}")
        if self._comment:
            notes.append(f"`{self._comment}`")
        bracket = f" ({', '.join(notes)})" if notes else ""
        value = "" if self.f_is_empty() else f": {self.f_val_to_str()}"
        return f"{type(self).__name__} {self._full_name}{bracket}{value}"

    # ---------------------------------------------------------------- to be implemented

    def f_set(self, data: Any) -> None:
        """Set the value, which becomes the default as well."""
        raise self._not_implemented("f_set")

    def f_get(self) -> Any:
        """Return the current value and lock."""
        raise self._not_implemented("f_get")

    def f_get_default(self) -> Any:
        """Return the default value and lock."""
        raise self._not_implemented("f_get_default")

    def f_get_range(self, copy: bool = True) -> Sequence[Any]:
        """Return the explored values."""
        raise self._not_implemented("f_get_range")

    def f_get_range_length(self) -> int:
        """Return the number of explored values."""
        raise self._not_implemented("f_get_range_length")

    def f_has_range(self) -> bool:
        """Return whether the explored values are here."""
        raise self._not_implemented("f_has_range")

    def __getitem__(self, index: Any) -> Any:
        raise self._not_implemented("__getitem__")

    def _explore(self, explore_iterable: Iterable[Any]) -> None:
        """Explore these values."""
        raise self._not_implemented("_explore")

    def _expand(self, explore_iterable: Iterable[Any]) -> None:
        """Append to the explored values."""
        raise self._not_implemented("_expand")

    def _shrink(self) -> None:
        """Drop the explored values."""
        raise self._not_implemented("_shrink")

    def _set_parameter_access(self, idx: int = 0) -> None:
        """Make the explored value at this index the current one."""
        raise self._not_implemented("_set_parameter_access")

    def _restore_default(self) -> None:
        """Make the default value the current one."""
        raise self._not_implemented("_restore_default")


class BaseResult(NNLeafNode):
    """Base of all results.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    comment
        Any text.
    """

    __slots__ = ()

    def __init__(self, full_name: str, comment: str = "") -> None:
        super().__init__(full_name, comment, is_parameter=False)
