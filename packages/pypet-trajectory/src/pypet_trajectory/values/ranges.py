"""An explored range: a sequence of Python values over one numpy array.

A million Python floats cost 32 bytes each in a list and 8 here. Invariant: what comes out is what
went in, exact type included; values that do not fit an array (text, arrays, mixed types, integers
beyond 64 bits) are kept as they are. Unlike a list, a range never changes: copies and pickles of
parameters share it, and extending it gives a new one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from pypet_trajectory.constants import PARAMETER_SUPPORTED_DATA

if TYPE_CHECKING:
    import numpy.typing as npt

#: Types whose values fit an array without loss, to the dtype of that array.
_DTYPES: Final[dict[type, np.dtype[Any]]] = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
    **{
        kind: np.dtype(kind)
        for kind in PARAMETER_SUPPORTED_DATA
        if issubclass(kind, np.generic) and kind is not np.str_
    },
}
_PYTHON_KINDS: Final = frozenset((bool, int, float, complex))
#: Values turned into Python objects at a time when iterating.
_CHUNK: Final = 8192


class CompactRange(Sequence[Any]):
    """An immutable sequence of values, compact if they are numbers of one type.

    Parameters
    ----------
    values
        Any iterable; consumed once.

    Examples
    --------
    >>> numbers = CompactRange([1, 2, 3])
    >>> numbers.array
    array([1, 2, 3])
    >>> numbers[0], numbers.kind
    (1, <class 'int'>)
    >>> CompactRange(['a', 1]).array is None
    True
    """

    __slots__ = ("packed", "values")

    #: An array, or a list of the very objects.
    values: np.ndarray[Any, Any] | list[Any]
    #: Type of the values if they are in an array, else None.
    packed: type | None

    def __init__(self, values: Iterable[Any] = ()) -> None:
        if isinstance(values, CompactRange):
            self.values, self.packed = values.values, values.packed
            return
        as_list = list(values)
        kinds = set(map(type, as_list))
        self.values, self.packed = as_list, None
        if len(kinds) == 1:
            self._compact(kinds.pop())

    def _compact(self, kind: type) -> None:
        """Pack values, all of type `kind`, into an array if they fit."""
        dtype = _DTYPES.get(kind)
        if dtype is None:
            return
        try:
            array = np.array(self.values, dtype=dtype)
        except OverflowError:  # integers beyond 64 bits stay in the list
            return
        array.flags.writeable = False
        self.values, self.packed = array, kind

    @classmethod
    def from_objects(cls, values: Iterable[Any]) -> CompactRange:
        """Keep the very objects, where identity matters more than memory."""
        new = cls()
        new.values = list(values)
        return new

    @classmethod
    def from_array(cls, array: npt.NDArray[Any], kind: type) -> CompactRange | None:
        """Take the values of a one-dimensional array as values of type `kind`.

        Parameters
        ----------
        array : (n,)
            Copied, so that later changes of it do not matter.
        kind
            The type of the values handed out: the dtype's own scalar type or the Python type
            of the same kind (float for float64, int for any integer, bool, complex for
            complex128, str for text).

        Returns
        -------
        CompactRange or None
            None if values of this type would not be what is in the array.

        Examples
        --------
        >>> CompactRange.from_array(np.linspace(0, 1, 3), float).tolist()
        [0.0, 0.5, 1.0]
        >>> CompactRange.from_array(np.arange(3), float) is None
        True
        """
        if array.ndim != 1:
            return None
        dtype = array.dtype
        if kind is str:
            return cls.from_objects(array.tolist()) if dtype.kind == "U" else None
        if kind is np.str_:
            return cls.from_objects(array) if dtype.kind == "U" else None
        wanted = _DTYPES.get(kind)
        if wanted is None:
            return None
        if kind is int and dtype.kind in "iu":
            if dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
                return cls.from_objects(array.tolist())
        elif dtype.newbyteorder("=") != wanted:
            return None
        new = cls()
        values = np.array(array, dtype=wanted)
        values.flags.writeable = False
        new.values, new.packed = values, kind
        return new

    # ---------------------------------------------------------------- what it is made of

    @property
    def array(self) -> npt.NDArray[Any] | None:
        """The values as a read-only array, shape (n,); None if they are kept as objects."""
        return None if self.packed is None else self.values  # type: ignore[return-value]

    @property
    def kind(self) -> type | None:
        """The exact type that all values have.

        None if values differ in type or there are none.
        """
        if self.packed is not None:
            return self.packed
        kinds = set(map(type, self.values))
        return kinds.pop() if len(kinds) == 1 else None

    def tolist(self) -> list[Any]:
        """Return all values as a new list."""
        return self.values.tolist() if self.packed in _PYTHON_KINDS else list(self.values)  # type: ignore[union-attr]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        if dtype is not None or copy:
            return np.array(self.values, dtype=dtype)
        return np.asarray(self.values)

    # ---------------------------------------------------------------- sequence

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> CompactRange: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.with_values(self.values[index])
        value = self.values[index]
        return value.item() if self.packed in _PYTHON_KINDS else value

    def __iter__(self) -> Iterator[Any]:
        if self.packed not in _PYTHON_KINDS:
            yield from self.values
            return
        for start in range(0, len(self.values), _CHUNK):
            yield from self.values[start : start + _CHUNK].tolist()  # type: ignore[union-attr]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CompactRange):
            if self.packed is not None and self.packed is other.packed:
                return bool(np.array_equal(self.values, other.values))
            return self.tolist() == other.tolist()
        if isinstance(other, (list, tuple)):
            return self.tolist() == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if len(self) <= 10:
            return f"CompactRange({self.tolist()!r})"
        shown = ", ".join(map(repr, self[:3].tolist()))
        return f"CompactRange([{shown}, ...], {len(self)} values)"

    # ---------------------------------------------------------------- deriving

    def with_values(self, values: np.ndarray[Any, Any] | list[Any]) -> CompactRange:
        """Return a range of part of the same values."""
        new = CompactRange()
        new.values, new.packed = values, self.packed
        if self.packed is not None:
            values.flags.writeable = False  # type: ignore[union-attr]
        return new

    def take(self, indices: npt.NDArray[np.intp]) -> CompactRange:
        """Return the values at these indices, in their order."""
        if self.packed is not None:
            return self.with_values(self.values[indices])
        return self.with_values([self.values[index] for index in indices.tolist()])

    def extended(self, *others: CompactRange) -> CompactRange:
        """Return a new range with the values of others at the end."""
        ranges = [values for values in (self, *others) if len(values)]
        if len(ranges) < 2:
            return ranges[0] if ranges else self
        first = ranges[0]
        if first.packed is not None and all(first.packed is values.packed for values in ranges):
            return first.with_values(np.concatenate([values.values for values in ranges]))
        return self.from_objects(itertools.chain.from_iterable(ranges))

    # ---------------------------------------------------------------- copies share

    def __copy__(self) -> CompactRange:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> CompactRange:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.values, self.packed)


def _restore(values: np.ndarray[Any, Any] | list[Any], kind: type | None) -> CompactRange:
    """Rebuild a pickled range; arrays come back writeable from pickles."""
    new = CompactRange()
    new.values, new.packed = values, kind
    if isinstance(values, np.ndarray):
        values.flags.writeable = False
    return new


#: The range of a parameter that has none.
NO_RANGE: Final = CompactRange()
