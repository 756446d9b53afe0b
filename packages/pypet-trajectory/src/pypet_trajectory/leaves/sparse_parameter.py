"""`SparseParameter`: sparse matrices of scipy, stored as text.

scipy is imported when a matrix is stored or loaded, and was imported by whoever made one before.
Two matrices are the same if their formats and arrays are; a matrix in another format is different.
"""

from __future__ import annotations

from typing import Any

from pypet_trajectory.leaves import sparse_data
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.distinct import distinct_values, expand_values
from pypet_trajectory.leaves.parameter import DATA, EXPLORED_DATA
from pypet_trajectory.leaves.ranges import CompactRange
from pypet_trajectory.leaves.types import exact_scalars, is_supported_sparse


class SparseParameter(ArrayParameter):
    """A parameter of sparse matrices (csr, csc, bsr, dia), or of what `ArrayParameter` takes."""

    __slots__ = ()

    IDENTIFIER = "__spsp__"

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
        if not is_supported_sparse(self._default):
            return super()._store()
        self.f_lock()
        stored: dict[str, Any] = {DATA + self.IDENTIFIER: sparse_data.to_text(self._default)}
        if self.f_has_range():
            values, numbers = distinct_values(self._explored_range, sparse_data.parts)
            for number, matrix in enumerate(values):
                stored[self._matrix_name(number)] = sparse_data.to_text(matrix)
            stored[EXPLORED_DATA + self.IDENTIFIER] = numbers
        return stored

    def _matrix_name(self, number: int) -> str:
        return f"xspm{self.IDENTIFIER}{number:08d}"

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Take value and range from storage, or what an `ArrayParameter` wrote; lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        data, explored = DATA + self.IDENTIFIER, EXPLORED_DATA + self.IDENTIFIER
        if data not in load_dict and explored not in load_dict:
            super()._load(load_dict)
            return
        self._check_unlocked("loaded")
        if data in load_dict:
            self._take_default(sparse_data.from_text(load_dict[data]))
        if explored in load_dict:
            values = expand_values(
                load_dict[explored],
                lambda number: sparse_data.from_text(load_dict[self._matrix_name(number)]),
            )
            self._take_range(CompactRange.from_objects(values))
        self.f_lock()
