"""`SparseResult`: a result that also takes sparse matrices, stored as text."""

from __future__ import annotations

from typing import Any

from pypet_trajectory.exceptions import PypetAttributeError
from pypet_trajectory.leaves.result import Result, as_item
from pypet_trajectory.leaves.sparse_parameter import SparseParameter
from pypet_trajectory.values import sparse_data
from pypet_trajectory.values.types import is_supported_sparse


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
