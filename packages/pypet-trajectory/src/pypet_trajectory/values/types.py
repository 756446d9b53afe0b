"""Which values parameters and results take.

Types are compared exactly: a subclass of a supported type is not supported, for no reader could
give it back from a file. Invariant: a value of an optional package can only be met once the caller
has imported that package, so these functions look into ``sys.modules`` and import nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from pypet_trajectory.constants import PARAMETER_SUPPORTED_DATA

F = TypeVar("F", bound=Callable[..., Any])

#: Scalar types that parameters take.
SCALARS: Final = frozenset(PARAMETER_SUPPORTED_DATA)
#: Array types that parameters take, if the dtype is right.
ARRAYS: Final = frozenset((np.ndarray, np.matrix))
#: dtypes with a fixed width that parameters take; text (kind U) comes in any width.
DTYPES: Final = frozenset(
    np.dtype(kind) for kind in SCALARS if issubclass(kind, np.generic) and kind is not np.str_
)
#: Formats of sparse matrices that sparse parameters and results take.
SPARSE_MATRICES: Final = ("csr_matrix", "csc_matrix", "bsr_matrix", "dia_matrix")


def exact_scalars(rule: F) -> F:
    """Declare that a rule of a parameter class treats scalars by their exact type alone.

    Where ``f_supports`` and ``_values_of_same_type`` of a class both do, a whole range of scalars
    is checked at once instead of value by value.
    """
    rule.exact_scalars = True  # type: ignore[attr-defined]
    return rule


def has_plain_dtype(array: np.ndarray[Any, Any]) -> bool:
    """Whether the elements of an array are scalars that parameters take, in native byte order."""
    dtype = array.dtype
    return bool(dtype.isnative) and (dtype.kind == "U" or dtype in DTYPES)


def is_homogeneous(values: Sequence[Any]) -> bool:
    """Whether all values are scalars of one and the same supported type."""
    kinds = set(map(type, values))
    return not kinds or (len(kinds) == 1 and kinds <= SCALARS)


def is_pandas(value: object) -> bool:
    """Whether a value is a data frame, series or ``ObjectTable`` (and no other subclass)."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return False
    kind = type(value)
    if kind in (getattr(pandas, "DataFrame", None), getattr(pandas, "Series", None)):
        return True
    tables = sys.modules.get("pypet_trajectory.values.object_table")
    return tables is not None and kind is getattr(tables, "ObjectTable", None)


def is_pandas_table(value: object) -> bool:
    """Whether a value is a data frame or series, subclasses included."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame") or not hasattr(pandas, "Series"):
        return False
    return isinstance(value, (pandas.DataFrame, pandas.Series))


def is_sparse(value: object) -> bool:
    """Whether a value is a sparse matrix or array of scipy, of whatever format."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and hasattr(sparse, "issparse") and bool(sparse.issparse(value))


def is_supported_sparse(value: object) -> bool:
    """Whether a value is a sparse matrix of one of the formats in `SPARSE_MATRICES`."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None:
        return False
    kind = type(value)
    return kind.__name__ in SPARSE_MATRICES and kind is getattr(sparse, kind.__name__, None)
