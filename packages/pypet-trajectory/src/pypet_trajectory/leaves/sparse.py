"""`SparseParameter` and `SparseResult`: sparse matrices of scipy, stored as text.

scipy is imported when a matrix is stored or loaded, and was imported by the code that made one.
Two matrices are the same if their formats and arrays are; a matrix in another format is different.
"""

from __future__ import annotations

from typing import Any, Final

from pypet_trajectory.exceptions import PypetAttributeError
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.distinct import DistinctForm
from pypet_trajectory.leaves.result import Result, as_item
from pypet_trajectory.values import sparse_data
from pypet_trajectory.values.types import exact_scalars, is_supported_sparse

_IDENTIFIER: Final = "__spsp__"


def _item_name(number: int) -> str:
    """Name of a distinct explored matrix."""
    return f"xspm{_IDENTIFIER}{number:08d}"


_FORM: Final = DistinctForm(_IDENTIFIER, _item_name, sparse_data.parts)


class SparseParameter(ArrayParameter):
    """A parameter of sparse matrices (csr, csc, bsr, dia), or of what `ArrayParameter` takes."""

    __slots__ = ()

    IDENTIFIER = _IDENTIFIER

    @exact_scalars
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes this data."""
        return is_supported_sparse(data) or super().f_supports(data)

    @exact_scalars
    def _values_of_same_type(self, val1: Any, val2: Any) -> bool:
        """Return whether two values may share a range; all supported sparse matrices may.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        if is_supported_sparse(val1) and is_supported_sparse(val2):
            return True
        return super()._values_of_same_type(val1, val2)

    def _equal_values(self, val1: Any, val2: Any) -> bool:
        """Return whether two values are of one type and equal.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        sparse = is_supported_sparse(val1), is_supported_sparse(val2)
        if all(sparse):
            return sparse_data.parts(val1) == sparse_data.parts(val2)
        return not any(sparse) and super()._equal_values(val1, val2)

    def _store(self) -> dict[str, Any]:
        """Return the matrix, each distinct explored one, and their numbers; locks."""
        if is_supported_sparse(self._default):
            return self._store_distinct(_FORM, sparse_data.to_text)
        return super()._store()

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Take value and range from storage, or what an `ArrayParameter` wrote; lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        if _FORM.is_in(load_dict):
            self._load_distinct(_FORM, load_dict, sparse_data.from_text)
        else:
            super()._load(load_dict)


class SparseResult(Result):
    """A result whose items may be sparse matrices (csr, csc, bsr, dia)."""

    __slots__ = ()

    IDENTIFIER = SparseParameter.IDENTIFIER

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item.

        Raises
        ------
        TypeError
            If the type of the item is not supported.
        AttributeError
            If the name contains the mark of stored sparse matrices, ``__spsp__``.
        """
        if self.IDENTIFIER in str(name):
            raise PypetAttributeError(
                f"Item `{name}` of result `{self._full_name}` needs another name: "
                f"`{self.IDENTIFIER}` marks stored sparse matrices."
            )
        super().f_set_single(name, item)

    def _supports(self, item: Any) -> bool:
        return is_supported_sparse(item) or super()._supports(item)

    def _store(self) -> dict[str, Any]:
        """Return the items, sparse matrices as text under a marked name."""
        stored = {}
        for name, item in self._items.items():
            if is_supported_sparse(item):
                stored[name + self.IDENTIFIER] = sparse_data.to_text(item)
            else:
                stored[name] = item
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Add these items to those that are there."""
        for name, stored in load_dict.items():
            if name.endswith(self.IDENTIFIER):
                self._items[name.removesuffix(self.IDENTIFIER)] = sparse_data.from_text(stored)
            else:
                self._items[name] = as_item(stored)
