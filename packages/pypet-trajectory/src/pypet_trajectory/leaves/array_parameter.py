"""`ArrayParameter`: arrays, tuples and lists stored as arrays, each distinct one once.

A `Parameter` writes its range as one table, which needs values of one shape. Here values may
differ in shape and dtype, and a value that many runs share is written once.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import numpy as np

from pypet_trajectory.exceptions import UnsupportedDataError
from pypet_trajectory.leaves.distinct import DistinctForm
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.values.types import ARRAYS, exact_scalars, has_plain_dtype, is_homogeneous

_IDENTIFIER: Final = "__rr__"
#: Distinct values kept in one group of the storage.
_VALUES_PER_SET: Final = 1000


def _item_name(number: int) -> str:
    """Name of a distinct explored value, below the group of its set."""
    return f"explored{_IDENTIFIER}.set_{number // _VALUES_PER_SET:05d}.xa_{number:08d}"


def _content(value: Any) -> Hashable:
    """What makes two values the same: type, dtype, shape and content, types of items included."""
    from pypet_trajectory.values.identity import encode  # brings OpenSSL

    try:
        return encode(value)
    except UnsupportedDataError:
        return id(value)


def _as_it_is(value: Any) -> Any:
    """Storages take arrays, tuples and lists."""
    return value


#: Not read from the class: `SparseParameter` has another identifier and still stores arrays so.
_FORM: Final = DistinctForm(_IDENTIFIER, _item_name, _content)


class ArrayParameter(Parameter):
    """A parameter of arrays, tuples or lists, and of whatever a `Parameter` takes.

    Examples
    --------
    >>> weights = ArrayParameter('weights', np.eye(2))
    >>> sorted(weights._store())
    ['data__rr__']
    """

    __slots__ = ()

    IDENTIFIER = _IDENTIFIER

    @exact_scalars
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes this data.

        That is what a `Parameter` takes, any tuple, empty lists, and empty one-dimensional arrays.
        """
        kind = type(data)
        if kind in ARRAYS:
            return has_plain_dtype(data) and (
                data.size > 0 or (data.ndim == 1 and kind is np.ndarray)
            )
        if kind is tuple:
            return True
        if kind is list:
            return is_homogeneous(data)
        return super().f_supports(data)

    @exact_scalars
    def _values_of_same_type(self, val1: Any, val2: Any) -> bool:
        """Return whether two values may share a range: if they are of the very same type.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        return self._supports_both(val1, val2) and type(val1) is type(val2)

    def _store(self) -> dict[str, Any]:
        """Return the value, each distinct explored value, and their numbers; locks."""
        if type(self._default) not in ARRAYS and type(self._default) not in (tuple, list):
            return super()._store()
        return self._store_distinct(_FORM, _as_it_is)

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Take value and range from storage, in this class's form or that of a `Parameter`; lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        if _FORM.is_in(load_dict):
            self._load_distinct(_FORM, load_dict, _as_it_is)
        else:
            super()._load(load_dict)
