"""Every value comes back as it was stored, with its exact type."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypet_storage_hdf5 import HDF5StorageService
from pypet_storage_hdf5.codecs.columns import decode_column, encode_column
from pypet_trajectory.api.records import NodeKind, NodeRecord, WriteRequest
from pypet_trajectory.testing.equality import assert_same

VALUES: dict[str, Any] = {
    "int": 3,
    "negative int": -(2**62),
    "unsigned int": 2**64 - 1,
    "huge int": 10**40,
    "float": 0.1,
    "nan": float("nan"),
    "complex": 1 - 2j,
    "bool": True,
    "none": None,
    "text": "naïve – 文",
    "empty text": "",
    "text with NUL": "a\0b\0",
    "half surrogate": "\ud800",
    "bytes": b"raw\xff",
    "empty bytes": b"",
    "bytes with NUL": b"a\0\0",
    "np.bool_": np.bool_(True),
    "np.str_": np.str_("é"),
    "np.bytes_": np.bytes_(b"x"),
    "np.float16": np.float16(1.5),
    "np.int8": np.int8(-3),
    "np.uint64": np.uint64(2**63),
    "np.datetime64": np.datetime64("2026-01-02T03:04"),
    "np.timedelta64": np.timedelta64(5, "s"),
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "list": [1, 2, 3],
    "tuple of text": ("a", "ü"),
    "list of bytes": [b"x", b"yz"],
    "mixed list": [1, 2.5, True],
    "mixed tuple": (1, "a", None),
    "nested": [[1, 2], [3]],
    "list of arrays": [np.arange(3), np.ones((2, 2))],
    "list of np.bool_": [np.bool_(False)] * 2,
    "large ints": [2**40, 2**63],
    "list with NUL": [b"a\0"],
    "dict": {"b": 1, "a": 2.5, "c": "ü", "d": np.float32(2), "e": np.arange(4)},
    "nested dict": {"a": {"b": [1, (2,)]}, "none": None, "big": 10**30},
    "int keys": {1: "a", (2, 3): "b"},
    "odd keys": {"a/b": 1, "": 2, "_v_x": 3},
    "large ints in dict": {"a": 2**40},
    "wide dict": {f"key_{i}": i for i in range(600)},
    "long keys": {f"{'k' * 120}_{i}": i for i in range(500)},
    "array": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.eye(3)),
    "0-d array": np.array(3.5),
    "no rows": np.zeros((0, 3)),
    "no columns": np.zeros((3, 0)),
    "float16 array": np.array([1, 2], np.float16),
    "big-endian": np.arange(3, dtype=">i4"),
    "text array": np.array(["a", "ööö"]),
    "wide text array": np.array(["a", "b"], "U9"),
    "bytes array": np.array([b"a", b"bcd"]),
    "bool array": np.array([True, False]),
    "dates": np.array(["2020-01-01", "2021-02-03"], "M8[D]"),
    "structured": np.array([(1, 2.5, "é")], [("i", "i4"), ("f", "f8"), ("s", "U3")]),
    "structured 2-d": np.zeros((2, 3), [("i", "i2"), ("v", "f4", (2,))]),
    "nested fields": np.array(
        [((1, (2.5, "ü")), "2020-01-01"), ((2, (3.5, "")), "1999-12-31")],
        [("n", [("a", "i2"), ("m", [("f", ">f4"), ("s", "U4")])]), ("d", "M8[D]")],
    ),
    "structured 0-d": np.array((1, 2.5), [("a", "i4"), ("b", "f8")]),
    "structured scalar": np.array((1, 2.5), [("a", "i4"), ("b", "f8")])[()],
    "no structured rows": np.zeros((3, 0, 2), [("a", "i4")]),
    "no fields": np.zeros(3, []),
    "fields with gaps": np.ones(
        2, {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [8, 0], "itemsize": 20}
    ),
    "fields with titles": np.array([(1, 2)], [(("first", "a"), "i4"), (("second", "b"), "i8")]),
    "impossible field names": np.array([(1, 2)], [("a/b", "i4"), ("_v_x", "i4")]),
    "fields of objects": np.array([("a", 1)], [("a", "O"), ("b", "i4")]),
    "six hundred fields": np.ones(2, [(f"column {number}", "f8") for number in range(600)]),
    "thousand fields": np.ones(2, [(f"column {number}", "f8") for number in range(1000)]),
    "field with surrogate": np.array([("\ud800",)], [("a", "U2")]),
    "fields of void": np.zeros(3, [("a", "V5")]),
    "field with NULs": np.array([(b"a\0\0", b"\0b")], [("a", "S4"), ("b", "S2")]),
    "0-d text": np.array("word"),
    "long": np.arange(100_000),
}


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    service = HDF5StorageService(str(tmp_path_factory.mktemp("values") / "values.hdf5"))
    service.backend.open(writable=True)
    service.backend.select("traj", create=True)
    yield service.backend
    service.backend.close()


def round_trip(backend: Any, value: Any, flag: str | None = None) -> Any:
    flags = {} if flag is None else {"item": flag}
    record = NodeRecord(
        "results.value", NodeKind.LEAF, "Result", items={"item": value}, flags=flags
    )
    if backend.kind_of("results.value") is not None:
        backend.delete_node("results.value")
    backend.write_node(WriteRequest(record, 2))
    backend.flush()
    return backend.read_node("results.value", items=True).items["item"]


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_with_its_exact_type(backend, name):
    assert_same(round_trip(backend, VALUES[name]), VALUES[name])


@pytest.mark.parametrize("flag", ["ARRAY", "CARRAY", "EARRAY", "VLARRAY"])
def test_an_array_comes_back_from_every_kind_of_array(backend, flag):
    assert_same(round_trip(backend, np.arange(10), flag), np.arange(10))


@pytest.mark.parametrize("flag", ["ARRAY", "CARRAY", "EARRAY", "VLARRAY"])
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (2, 0, 3), ()])
def test_an_array_of_any_shape_comes_back_from_every_kind_of_array(backend, flag, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    assert_same(round_trip(backend, array, flag), array)


@pytest.mark.parametrize("flag", ["ARRAY", "CARRAY", "EARRAY", "VLARRAY"])
def test_a_list_comes_back_from_every_kind_of_array(backend, flag):
    assert_same(round_trip(backend, [1, 2, 3], flag), [1, 2, 3])


@pytest.mark.parametrize("name", ["structured", "structured 2-d", "nested fields"])
def test_fields_of_a_structured_array_are_columns_of_a_table(backend, name):
    round_trip(backend, VALUES[name])
    node = backend.file.tables.get_node(f"{backend.layout.path_of('results.value')}/item")
    assert isinstance(node, tables.Table)
    assert node.colnames == list(VALUES[name].dtype.names)
    assert node.nrows == VALUES[name].size


def test_rows_appended_to_the_table_of_a_structured_array_are_read(backend):
    array = np.zeros((2, 2), [("a", "i4"), ("s", "U3")])
    round_trip(backend, array)
    node = backend.file.tables.get_node(f"{backend.layout.path_of('results.value')}/item")
    node.append([(7, b"new")])
    node.flush()
    found = backend.read_node("results.value", items=True).items["item"]
    assert found.shape == (5,)
    assert found[4].tolist() == (7, "new")


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_comes_back_as_matrix(backend):
    found = round_trip(backend, np.array([[1, 2], [3, 4]]).view(np.matrix))
    assert type(found) is np.matrix
    assert (found == np.array([[1, 2], [3, 4]]).view(np.matrix)).all()


def test_a_value_of_another_type_is_refused_by_name(backend):
    with pytest.raises(TypeError, match="datetime") as caught:
        round_trip(backend, datetime.date(2020, 1, 1))
    assert "results/value" in "".join(caught.value.__notes__).replace("__pypet_unfinished__", "")


def test_an_unknown_flag_is_a_runtime_error(backend):
    with pytest.raises(RuntimeError, match="NONSENSE"):
        round_trip(backend, 1, "NONSENSE")


def test_a_class_derived_from_a_basic_type_is_refused(backend):
    class Special(int):
        pass

    with pytest.raises(TypeError, match="Special"):
        round_trip(backend, Special(3))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.complex_numbers(allow_nan=False),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values)
def test_any_basic_value_comes_back(backend, value):
    assert_same(round_trip(backend, value), value)


@pytest.mark.parametrize("widths", [("U3", "U1"), ("U3", "U3")], ids=["own", "common"])
def test_text_arrays_of_any_width_share_a_column_and_keep_their_width(widths):
    values = [np.array(["aaa", "b"], widths[0]), np.array(["ö", "b"], widths[1])]
    encoded = encode_column(values)
    assert encoded.data.shape == (2, 2)  # so pypet 0.7 reads them, too
    assert_same(list(decode_column(encoded.data, encoded.marks, "utf8")), values)


def test_integers_that_need_64_bits_are_no_text_because_of_smaller_ones():
    values = [1, 2**64 - 1]
    encoded = encode_column(values)
    assert encoded.data.dtype == np.uint64
    assert list(decode_column(encoded.data, encoded.marks, "utf8")) == values
