"""Equality of values, of parameters and of results.

`nested_equal` answers for nearly everything: arrays, tables, sparse matrices, containers of them
and objects without an ``__eq__`` of their own, compared by their attributes. Unlike ``==`` it gives
one truth value for arrays and tables. Unlike pypet 0.7 it looks at the whole of sequences and
texts, and not only up to the end of the shorter one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pypet_trajectory.constants import PARAMETER_SUPPORTED_DATA
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.slots import get_all_slots
from pypet_trajectory.values.types import is_pandas_table, is_sparse

#: Types compared by ``==`` without a further look.
_ATOMS = frozenset(PARAMETER_SUPPORTED_DATA)


def get_all_attributes(instance: Any) -> dict[str, Any]:
    """Return all attributes of an object that are set, those in slots included."""
    attributes = dict(getattr(instance, "__dict__", {}))
    for slot in get_all_slots(type(instance)) - {"__dict__", "__weakref__"}:
        if hasattr(instance, slot):
            attributes[slot] = getattr(instance, slot)
    return attributes


def nested_equal(a: Any, b: Any) -> bool:
    """Return whether two values are equal, nested ones included.

    A list and a tuple of equal items are equal, an array and a list are not. NaN equals NaN in
    data frames only.

    Examples
    --------
    >>> import numpy as np
    >>> nested_equal({'a': [np.arange(3)]}, {'a': [np.arange(3)]})
    True
    >>> nested_equal('ab', 'abc')
    False
    """
    if a is b:
        return True
    if a is None or b is None:
        return False
    if type(a) is type(b) and type(a) in _ATOMS:
        return bool(a == b)
    for applies, equal in _RULES:
        if applies(a) or applies(b):
            return bool(applies(a) and applies(b) and equal(a, b))
    return _objects_equal(a, b)


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes, bytearray))


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not _is_text(value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _texts_equal(a: Any, b: Any) -> bool:
    return bool(a == b)


def _sparse_equal(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    difference = a != b
    # Comparing a sparse matrix may give a plain truth value for incompatible types.
    return difference.nnz == 0 if hasattr(difference, "nnz") else not difference


def _tables_equal(a: Any, b: Any) -> bool:
    """Compare data frames or series cell by cell; NaN equals NaN in frames."""
    if a.ndim != b.ndim or a.shape != b.shape:
        return False
    if a.ndim == 2:
        if list(a.columns) != list(b.columns):
            return False
        return bool(a.index.equals(b.index)) and all(
            _cells_equal(a.iloc[:, column], b.iloc[:, column], nan_equal=True)
            for column in range(a.shape[1])
        )
    return bool(a.index.equals(b.index)) and _cells_equal(a, b, nan_equal=False)


def _cells_equal(a: Any, b: Any, nan_equal: bool) -> bool:
    if all(isinstance(dtype, np.dtype) and dtype.kind != "O" for dtype in (a.dtype, b.dtype)):
        same = a == b
        return bool((same | (a.isna() & b.isna())).all() if nan_equal else same.all())
    return all(
        nested_equal(x, y) or (nan_equal and _both_nan(x, y))
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
    )


def _both_nan(a: Any, b: Any) -> bool:
    return isinstance(a, float) and isinstance(b, float) and a != a and b != b


def _arrays_equal(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    if "O" in (a.dtype.kind, b.dtype.kind):
        return all(map(nested_equal, a.ravel().tolist(), b.ravel().tolist()))
    return bool(np.all(a == b))


def _sequences_equal(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(map(nested_equal, a, b))


def _mappings_equal(a: Any, b: Any) -> bool:
    return set(a) == set(b) and all(nested_equal(a[key], b[key]) for key in a)


#: Kinds of values in the order they are recognised: a value of one kind never equals one of
#: another.
_RULES = (
    (is_sparse, _sparse_equal),
    (is_pandas_table, _tables_equal),
    (_is_array, _arrays_equal),
    (_is_text, _texts_equal),
    (_is_sequence, _sequences_equal),
    (_is_mapping, _mappings_equal),
)


def _objects_equal(a: Any, b: Any) -> bool:
    """Compare by ``==`` if the objects define it, by attributes otherwise."""
    if any("__eq__" in base.__dict__ for base in (*type(a).__mro__[:-1], *type(b).__mro__[:-1])):
        with contextlib.suppress(TypeError, ValueError):  # no single truth value
            return bool(a == b)
    attributes, others = get_all_attributes(a), get_all_attributes(b)
    return bool(attributes) and _mappings_equal(attributes, others)


def parameters_equal(a: Any, b: Any) -> bool:
    """Return whether two parameters have equal names, values and ranges; comments do not count.

    Locks the parameters.

    Raises
    ------
    ValueError
        If neither is a parameter.
    """
    kinds = bool(getattr(a, "v_is_parameter", False)), bool(getattr(b, "v_is_parameter", False))
    if not any(kinds):
        raise PypetValueError(
            f"parameters_equal compares parameters, not {type(a)} and {type(b)}: use "
            "results_equal or nested_equal."
        )
    if not all(kinds) or a.v_full_name != b.v_full_name or a.f_is_empty() != b.f_is_empty():
        return False
    if not a.f_is_empty() and not (
        type(a.f_get()) is type(b.f_get())
        and a._values_of_same_type(a.f_get(), b.f_get())
        and a._equal_values(a.f_get(), b.f_get())
    ):
        return False
    if a.f_has_range() != b.f_has_range():
        return False
    if not a.f_has_range():
        return True
    return a.f_get_range_length() == b.f_get_range_length() and all(
        map(a._equal_values, a.f_get_range(), b.f_get_range())
    )


def results_equal(a: Any, b: Any) -> bool:
    """Return whether two results have equal names and items; comments do not count.

    Raises
    ------
    ValueError
        If both are parameters.
    """
    kinds = bool(getattr(a, "v_is_parameter", False)), bool(getattr(b, "v_is_parameter", False))
    if all(kinds):
        raise PypetValueError(
            f"results_equal compares results, and `{a.v_full_name}` is a parameter: use "
            "parameters_equal."
        )
    if any(kinds) or a.v_full_name != b.v_full_name:
        return False
    if hasattr(a, "f_to_dict") and hasattr(b, "f_to_dict"):
        return _mappings_equal(a.f_to_dict(copy=False), b.f_to_dict(copy=False))
    return _mappings_equal(get_all_attributes(a), get_all_attributes(b))
