"""Hypothesis strategies for everything that trees hold: values, names, leaves, whole trees.

Invariant: whatever is drawn here, every storage service has to keep exactly. Values that only
some services can keep are not drawn.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

#: Scalar types of numpy that parameters and results take, text apart.
_NUMPY_TYPES = (
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.float32,
    np.float64,
    np.complex64,
    np.complex128,
    np.bool_,
)

#: Short names that mean something else in a tree, or belong to the root.
_RESERVED = frozenset(
    (
        "overview",
        "par",
        "param",
        "dpar",
        "dparam",
        "res",
        "conf",
        "config",
        "parameters",
        "results",
        "derived_parameters",
        "cr",
        "crun",
        "runs",
        "run",
        "parameter",
        "result",
        "crunset",
        "current_run",
        "current_set",
        "data",
        "default",
    )
)


def texts(max_size: int = 20) -> st.SearchStrategy[str]:
    """Text of any script, without NUL characters and surrogates."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=max_size
    )


def python_scalars() -> st.SearchStrategy[Any]:
    """Booleans, 64-bit integers, floats, complex numbers, text and bytes."""
    return st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.complex_numbers(),
        texts(),
        st.binary(max_size=20),
    )


def numpy_scalars() -> st.SearchStrategy[Any]:
    """Scalars of numpy's numeric and boolean types."""
    return st.sampled_from(_NUMPY_TYPES).flatmap(lambda kind: _numbers(np.dtype(kind)).map(kind))


def arrays() -> st.SearchStrategy[np.ndarray[Any, Any]]:
    """Arrays of one to three dimensions of these types, or of text, never empty."""
    numeric = st.builds(
        _array,
        st.sampled_from(_NUMPY_TYPES),
        st.lists(st.integers(1, 4), min_size=1, max_size=3),
        st.integers(0, 2**32 - 1),
    )
    textual = st.lists(texts(6), min_size=1, max_size=4).map(np.array)
    return st.one_of(numeric, textual)


def flat_sequences() -> st.SearchStrategy[Any]:
    """Non-empty lists and tuples whose elements have one Python type."""
    elements = (
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.complex_numbers(),
        texts(8),
    )
    lists = st.one_of([st.lists(element, min_size=1, max_size=5) for element in elements])
    return st.one_of(lists, lists.map(tuple))


def flat_dicts() -> st.SearchStrategy[dict[str, Any]]:
    """Dictionaries of scalars, sequences and arrays by name, in any order."""
    return st.dictionaries(
        node_names(),
        st.one_of(python_scalars(), numpy_scalars(), flat_sequences(), arrays()),
        max_size=4,
    )


def parameter_values() -> st.SearchStrategy[Any]:
    """What a `Parameter` takes."""
    return st.one_of(python_scalars(), numpy_scalars(), arrays(), flat_sequences())


def item_values() -> st.SearchStrategy[Any]:
    """What a `Result` takes and every store keeps."""
    return st.one_of(
        parameter_values(),
        flat_dicts(),
        st.just([]),
        st.just(()),
        st.just({}),
        st.just(np.array([])),
    )


def items() -> st.SearchStrategy[dict[str, Any]]:
    """Items of one result."""
    return st.dictionaries(node_names(), item_values(), min_size=1, max_size=3)


def node_names() -> st.SearchStrategy[str]:
    """Admissible names without a meaning of their own."""
    return st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True).filter(
        lambda name: (
            name not in _RESERVED
            and not keyword.iskeyword(name)
            and not name.startswith(("r", "p", "d", "c", "f", "v"))
        )
    )


def trees() -> st.SearchStrategy[Mapping[str, Any]]:
    """Nested mappings: a mapping is a group, anything in a one-element tuple a leaf's value."""
    leaves = item_values().map(lambda value: (value,))
    return st.dictionaries(
        node_names(),
        st.recursive(
            leaves, lambda inner: st.dictionaries(node_names(), inner, max_size=3), max_leaves=6
        ),
        max_size=3,
    )


def explored_values() -> st.SearchStrategy[list[Any]]:
    """Non-empty ranges of one type, as `Parameter` takes them."""
    return st.one_of(
        [
            st.lists(element, min_size=1, max_size=6)
            for element in (
                st.booleans(),
                st.integers(-(2**63), 2**63 - 1),
                st.floats(allow_nan=False),
                texts(8),
            )
        ]
    )


def store_modes() -> st.SearchStrategy[int]:
    """The four store modes."""
    return st.integers(0, 3)


def _numbers(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return st.integers(int(limits.min), int(limits.max))
    if dtype.kind == "f":
        return st.floats(width=32 if dtype.itemsize == 4 else 64)
    return st.complex_numbers(width=64 if dtype.itemsize == 8 else 128)


def _array(kind: type, shape: list[int], seed: int) -> np.ndarray[Any, Any]:
    """Any bytes are an array; from a seed, so that shrinking is quick."""
    dtype = np.dtype(kind)
    size = int(np.prod(shape))
    generator = np.random.default_rng(seed)
    if dtype.kind == "b":
        return generator.integers(0, 2, size).astype(bool).reshape(shape)
    data = generator.bytes(size * dtype.itemsize)
    return np.frombuffer(data, dtype=dtype).copy().reshape(shape)
