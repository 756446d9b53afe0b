"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from typing import TYPE_CHECKING, Any

from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.base import BaseParameter, BaseResult
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult

if TYPE_CHECKING:
    from pypet_trajectory.values.object_table import ObjectTable

__all__ = [
    "ArrayParameter",
    "BaseParameter",
    "BaseResult",
    "ObjectTable",
    "Parameter",
    "PickleParameter",
    "PickleResult",
    "Result",
    "SparseParameter",
    "SparseResult",
]


def __getattr__(name: str) -> Any:
    # Needs pandas, which is not imported before a caller wants a table.
    if name == "ObjectTable":
        from pypet_trajectory.values.object_table import ObjectTable

        return ObjectTable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
