import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.values.identity import encode, point_hash, point_hashes
from pypet_trajectory.values.ranges import CompactRange

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.integers(-128, 127).map(np.int8),
    st.floats(width=32).map(np.float32),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner)), max_leaves=5
)

#: Written into nobody's file, but compared between machines: these never change.
GOLDEN = [
    ({}, "7721b8d4ac81bbfac2a7c60edd6297bf"),
    ({"x": 1}, "dd984a5564a55d710662cbd0ab6017ec"),
    ({"x": 1.0}, "c00806fae54bf7b748b3f20eea81da5b"),
    ({"x": True}, "4366001f2566752c12d7ca5ab9ab127c"),
    ({"a.b": "text", "c": (1, 2.5, None)}, "eb6eee8b3bb5029c07dd91a22bea8387"),
    ({"x": np.float32(0.5)}, "c5cdf3c4282fa653011639c25b689cc6"),
    ({"x": np.arange(3, dtype=np.int16)}, "510470dc42b5962c2f5d1c6f1839a92a"),
    ({"x": 2**70}, "f25726d141c3e0df187eae1b12fd9e8c"),
    ({"x": np.array(["a", "bc"])}, "65565c10c68b766a48d813f1b3319c56"),
    ({"x": [1j, b"y"]}, "7985060566aa0ffd43fbf251f2842de5"),
]


@pytest.mark.parametrize(("point", "expected"), GOLDEN)
def test_identities_never_change(point, expected):
    assert point_hash(point) == expected


def same(a, b):
    """Same type and equal, NaN equal to itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (float, np.floating)):
        return a == b or (math.isnan(a) and math.isnan(b))
    return a == b


@given(VALUES, VALUES)
def test_values_hash_alike_if_and_only_if_type_and_content_agree(a, b):
    assert (point_hash({"x": a}) == point_hash({"x": b})) == same(a, b)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_hashing_columns_gives_the_hashes_of_the_points(points):
    columns = {"b": [point[0] for point in points], "a": [point[1] for point in points]}
    expected = [point_hash({"a": a, "b": b}) for b, a in points]
    assert point_hashes(columns) == expected


@pytest.mark.parametrize(
    "column",
    [
        [1.0, -0.0, float("nan")],
        [1, -(2**63)],
        [True, False],
        [1j, complex(-0.0, 2)],
        [np.float64(1.5)],
        [np.complex64(1j)],
        [np.bool_(True)],
    ],
)
def test_compact_columns_give_the_hashes_of_the_points(column):
    assert CompactRange(column).array is not None
    expected = [point_hash({"x": value, "y": 1}) for value in column]
    assert point_hashes({"x": column, "y": [1] * len(column)}) == expected


def test_columns_may_be_plain_arrays():
    assert point_hashes({"x": np.arange(2)}) == [point_hash({"x": np.int64(i)}) for i in range(2)]
    rows = np.arange(4.0).reshape(2, 2)
    assert point_hashes({"x": rows}) == [point_hash({"x": row}) for row in rows]


def test_order_of_parameters_does_not_matter_and_names_do():
    assert point_hash({"a": 1, "b": 2}) == point_hash({"b": 2, "a": 1})
    assert point_hash({"a": 1, "b": 2}) != point_hash({"a": 2, "b": 1})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.arange(3), np.arange(3).astype(">i8")),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.array([0.0, np.nan]), np.array([-0.0, -np.nan])),
        (np.array(["a"]), np.array(["a"], dtype="U9")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2, 3}, {3, 2, 1}),
        (np.arange(5)[::2], np.array([0, 2, 4])),
    ],
)
def test_memory_layout_does_not_matter(a, b):
    assert encode(a) == encode(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.zeros(2), [0.0, 0.0]),
        (np.array(1.0), np.float64(1.0)),
        (np.zeros((1, 2)), np.zeros((1, 2)).view(np.matrix)),
        ((1, 2), [1, 2]),
        (("ab", "c"), ("a", "bc")),
        ("a", b"a"),
        ("a", np.str_("a")),
        ({1}, frozenset({1})),
        (np.datetime64("2000-01-01", "D"), np.datetime64("2000-01-01", "s")),
    ],
)
def test_type_dtype_and_shape_matter(a, b):
    assert encode(a) != encode(b)


def test_sparse_matrices_are_identified_by_format_and_content():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_matrix([[1, 0], [0, 2]])
    assert encode(matrix) == encode(matrix.copy())
    assert encode(matrix) != encode(matrix.tocsc())


@pytest.mark.parametrize(
    "value",
    [object(), range(3), lambda: 1, np.longdouble(1), np.zeros(1, [("a", int)]), [object()]],
)
def test_what_has_no_canonical_form_is_refused_naming_the_parameter(value):
    for hashing in (lambda: point_hash({"a.b": value}), lambda: point_hashes({"a.b": [value]})):
        with pytest.raises(TypeError, match=r"`a\.b`.*canonical"):
            hashing()


def test_columns_need_one_length():
    with pytest.raises(ValueError, match="'a': 1"):
        point_hashes({"a": [1], "b": [1, 2]})


def test_points_without_parameters_are_all_the_same():
    assert point_hashes({}, 2) == [point_hash({})] * 2
