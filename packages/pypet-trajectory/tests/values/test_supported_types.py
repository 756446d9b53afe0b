"""What each leaf class takes, as one table."""

import numpy as np
import pytest

from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.base import BaseParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult

PARAMETERS = (Parameter, ArrayParameter, SparseParameter, PickleParameter)
RESULTS = (Result, SparseResult, PickleResult)


class IntSubclass(int):
    pass


SCALARS = [
    *(True, 1, 2**100, 1.0, 1j, "text", b"bytes"),
    *(np.int8(1), np.int64(1), np.uint64(1), np.float32(1), np.float64(1)),
    *(np.complex64(1), np.complex128(1), np.bool_(True), np.str_("text")),
]
MATRIX = np.array([[1, 2]]).view(np.matrix)
ARRAYS = [np.ones(3), np.array(3), np.array(["a", "bc"]), np.ones((2, 2), bool), MATRIX]

#: What nobody but the classes with pickles takes as a value.
ODD = [np.float16(1), np.longdouble(1), np.bytes_(b"x"), {1, 2}, range(3), object(), IntSubclass(1)]
#: Arrays that parameters cannot store; results look at the outer type only.
ODD_ARRAYS = [
    np.ones(2, np.float16),
    np.array([b"x"]),
    np.array([None, 1]),
    np.array(["2000-01-01"], "datetime64[D]"),
    np.zeros(2, [("a", int)]),
    np.ones(2).astype(">f8"),
    np.ones((0, 3)),
]

TABLE = [
    # value, Parameter, ArrayParameter, SparseParameter, PickleParameter, Result, ..., PickleResult
    *((value, "yyyyyyy") for value in SCALARS + ARRAYS),
    *((value, "nnnynny") for value in ODD),
    *((value, "nnnyyyy") for value in ODD_ARRAYS),
    (np.array([]), "nyyyyyy"),
    ((1, 2), "yyyyyyy"),
    (["a", "b"], "yyyyyyy"),
    ((), "nyyyyyy"),
    ([], "nyyyyyy"),
    ((1, 2.0), "nyyyyyy"),
    ((True, 1), "nyyyyyy"),
    (((1, 2), np.ones(2)), "nyyyyyy"),
    ([np.int64(1), 1], "nnnyyyy"),
    ([[1], [2]], "nnnyyyy"),
    ({"a": 1}, "nnnyyyy"),
]


def supports(leaf_class, value):
    leaf = leaf_class("leaf")
    return leaf.f_supports(value) if leaf.v_is_parameter else leaf._supports(value)


@pytest.mark.parametrize("column", range(7))
@pytest.mark.parametrize(("value", "expected"), TABLE)
def test_support_is_as_documented(value, expected, column):
    assert supports((*PARAMETERS, *RESULTS)[column], value) is (expected[column] == "y")


@pytest.mark.parametrize("name", ["csr", "csc", "bsr", "dia"])
def test_sparse_classes_take_four_formats_of_sparse_matrices(name):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = getattr(sparse, f"{name}_matrix")(np.eye(2))
    taken = [supports(leaf_class, matrix) for leaf_class in (*PARAMETERS, *RESULTS)]
    assert taken == [False, False, True, True, False, True, True]


@pytest.mark.parametrize("name", ["coo_matrix", "lil_matrix", "dok_matrix", "csr_array"])
def test_other_sparse_formats_need_pickles(name):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = getattr(sparse, name)(np.eye(2))
    taken = [supports(leaf_class, matrix) for leaf_class in (*PARAMETERS, *RESULTS)]
    assert taken == [False, False, False, True, False, False, True]


def test_results_take_tables_of_pandas():
    pd = pytest.importorskip("pandas")
    from pypet_trajectory.values.object_table import ObjectTable

    for table in (pd.DataFrame({"a": [1]}), pd.Series([1]), ObjectTable({"a": [1, "x"]})):
        taken = [supports(leaf_class, table) for leaf_class in (*PARAMETERS, *RESULTS)]
        assert taken == [False, False, False, True, True, True, True]


def test_the_base_class_takes_scalars():
    assert BaseParameter("a").f_supports(3)
    assert not BaseParameter("a").f_supports([3])


@pytest.mark.parametrize("value", [v for v, expected in TABLE if expected[0] == "n"])
def test_setting_unsupported_data_names_parameter_and_type(value):
    with pytest.raises(TypeError, match=r"`group\.par`") as caught:
        Parameter("group.par").f_set(value)
    assert type(value).__name__ in str(caught.value)


SAME = [
    # first, second, Parameter, ArrayParameter, SparseParameter, PickleParameter
    (1, 2, "yyyy"),
    (1, True, "nnnn"),
    (1, 1.0, "nnnn"),
    (1.0, np.float64(1), "nnnn"),
    ([1], (1,), "nnnn"),
    (np.ones(2), MATRIX, "nnnn"),
    (np.ones(2), np.arange(6).reshape(2, 3), "yyyy"),
    (np.array(["a"]), np.array(["abc"]), "yyyy"),
    ((1, 2), (3, 4), "yyyy"),
    ((1, 2), (3,), "nyyn"),
    ((1, 2), (1.0, 2.0), "nyyn"),
    ([1, 2], ["a"], "yyyy"),
    (1, object(), "nnnn"),
]


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize(("first", "second", "expected"), SAME)
def test_values_may_share_a_range_as_documented(first, second, expected, column):
    parameter = PARAMETERS[column]("par")
    assert parameter._values_of_same_type(first, second) is (expected[column] == "y")
    assert parameter._values_of_same_type(second, first) is (expected[column] == "y")


def test_empty_tuples_are_of_one_type():
    assert PickleParameter("par")._values_of_same_type((), ())
    assert not PickleParameter("par")._values_of_same_type((), (1,))


@pytest.mark.parametrize("kind", [BaseParameter, Parameter, ArrayParameter, SparseParameter])
def test_types_cannot_be_compared_if_neither_is_supported(kind):
    with pytest.raises(TypeError, match="neither"):
        kind("par")._values_of_same_type(object(), {})


def test_equal_values_are_of_one_type():
    parameter = Parameter("par")
    assert parameter._equal_values(np.arange(2), np.arange(2))
    assert not parameter._equal_values(1, 1.0)
    assert not parameter._equal_values(1, 2)
