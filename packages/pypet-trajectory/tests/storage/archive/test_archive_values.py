"""Values on their way through an archive: exact, or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.storage.archive.values import ArchiveDecoder, ArchiveEncoder
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.values.column_table import ColumnTable
from pypet_trajectory.values.ranges import CompactRange


def through_archive(value, allow_pickle=False):
    members = []

    def add(array):
        members.append(array)
        return f"member {len(members) - 1}"

    encoded = ArchiveEncoder(add, allow_pickle, "here").encode(value)
    text = json.dumps(encoded, allow_nan=False)
    return ArchiveDecoder(
        lambda member: members[int(member.split()[1])], allow_pickle, "here"
    ).decode(json.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**63,
        -(2**63),
        2**64,
        2**5000,
        -(2**70),
        0.1,
        -0.0,
        float("inf"),
        float("nan"),
        complex(1, float("-inf")),
        "",
        "ä\n\x00",
        "\ud800",
        "\ud83d\ude00",
        b"",
        b"\x00\xff",
        b"x" * 5000,
        [],
        (),
        {},
        set(),
        {3, 4},
        frozenset({1}),
        [1, 2.5, None, "a"],
        ((1, (2,)), []),
        {"b": 1, "a": {"c": ()}},
        {1: "int", (1, 2): "tuple", None: 0, "1": "text"},
        {"tuple": [1]},
        [{"dict": 1}],
    ],
    ids=lambda value: repr(value)[:30],
)
def test_python_values_keep_type_and_order(value):
    found = through_archive(value)
    if isinstance(value, (set, frozenset)):
        assert type(found) is type(value)
        assert found == value
    else:
        assert_same(found, value)


@pytest.mark.parametrize(
    "value",
    [
        np.int8(-5),
        np.uint64(2**64 - 1),
        np.float16(0.5),
        np.float32("nan"),
        np.longdouble("0.1"),
        np.complex64(1 + 2j),
        np.bool_(True),
        np.str_("ä"),
        np.bytes_(b"a\x00"),
        np.datetime64("2020-02-03T04:05", "m"),
        np.timedelta64(7, "D"),
        np.datetime64("NaT", "s"),
    ],
    ids=repr,
)
def test_numpy_scalars_keep_their_type(value):
    found = through_archive(value)
    assert type(found) is type(value)
    assert found.dtype == value.dtype
    assert found == value or (found != found and value != value)


@pytest.mark.parametrize(
    "array",
    [
        np.array(5),
        np.array("ä"),
        np.zeros((0, 3)),
        np.zeros((3, 0), dtype="i2"),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::3],
        np.array(["a", "längér"]),
        np.array([b"a\x00b", b""]),
        np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
        np.array([1], dtype="m8[s]"),
        np.array([(1, "ä", 2.5)], dtype=[("a", "<i4"), ("b", "<U3"), ("c", ">f8", (1,))]),
        np.array([1, "a", None, (2,)], dtype=object).reshape(2, 2),
        np.array([0.5], dtype=np.float16),
        np.array([1 + 2j], dtype=np.complex64),
        np.array([True, False]),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_keep_dtype_shape_and_content(array):
    found = through_archive(array)
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    if array.dtype.kind in "mM":
        assert np.array_equal(found.view("i8"), array.view("i8"))
    else:
        assert_same(found.tolist(), array.tolist())


def test_records_of_structured_arrays_stay_records():
    record = np.array([(1, "ä")], dtype=[("a", "<i4"), ("b", "<U3")])[0]
    found = through_archive(record)
    assert found.dtype == record.dtype
    assert found == record


def test_matrices_stay_matrices():
    found = through_archive(np.array([[1, 2], [3, 4]]).view(np.matrix))
    assert type(found) is np.matrix
    assert found.tolist() == [[1, 2], [3, 4]]


def test_tables_and_ranges_keep_their_values():
    table = ColumnTable(
        {
            "text": ["a", "b"],
            "numbers": CompactRange([1, 2]),
            "arrays": np.eye(2),
            "mixed": CompactRange(["x", 1]),
        }
    )
    found = through_archive(table)
    assert found.columns == ["text", "numbers", "arrays", "mixed"]
    assert_same(list(found["numbers"]), [1, 2])
    assert_same(list(found["mixed"]), ["x", 1])
    assert found["text"] == ["a", "b"]
    assert_same(found["arrays"], np.eye(2))
    assert isinstance(found["numbers"], CompactRange)


_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters()),
    st.binary(),
)


@given(
    st.recursive(
        _leaves,
        lambda inner: st.one_of(
            st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)
        ),
    )
)
def test_any_nesting_comes_back_the_same(value):
    assert_same(through_archive(value), value)


@pytest.mark.parametrize(
    "value", [object(), range(3), type, np.ma.array([1])], ids=lambda value: type(value).__name__
)
def test_anything_else_is_refused_by_name(value):
    with pytest.raises(NoSuchServiceError, match="here"):
        through_archive([value])


def test_subclasses_are_not_taken_for_their_base():
    class Special(dict):
        pass

    with pytest.raises(NoSuchServiceError, match="Special"):
        through_archive(Special(a=1))


def test_an_unknown_form_is_refused():
    with pytest.raises(NoSuchServiceError, match="hologram"):
        ArchiveDecoder(lambda member: np.array(0), False, "here").decode({"hologram": 1})
