import numpy as np
import pytest

from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.values.comparisons import (
    get_all_attributes,
    nested_equal,
    parameters_equal,
    results_equal,
)


class Opaque:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (4, np.int8(4)),
        (1, True),
        ([1, 2], (1, 2)),
        ("häß€", "hä" + "ß€"),
        ({"a": [np.arange(3)]}, {"a": [np.arange(3)]}),
        (np.array(["a", "bc"]), np.array(["a", "bc"], dtype="U9")),
        (Opaque(x=np.arange(2)), Opaque(x=np.arange(2))),
        (Slotted([1]), Slotted([1])),
        (
            np.array([np.arange(2), None], dtype=object),
            np.array([np.arange(2), None], dtype=object),
        ),
    ],
)
def test_these_are_equal(a, b):
    assert nested_equal(a, b)
    assert nested_equal(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (None, 1),
        ([1, 2], [1, 2, 3]),
        ("ab", "abc"),
        (np.arange(3), [0, 1, 2]),
        (np.arange(3), np.arange(4)),
        (np.array([np.nan]), np.array([np.nan])),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": np.arange(2)}, {"a": np.zeros(2)}),
        (Opaque(), Opaque()),
        (Opaque(x=1), Opaque(x=2)),
        ("1", 1),
    ],
)
def test_these_are_not_equal(a, b):
    assert not nested_equal(a, b)
    assert not nested_equal(b, a)


def test_tables_are_compared_cell_by_cell():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [np.arange(2), "x"]})
    assert nested_equal(frame, frame.copy())
    assert not nested_equal(frame, frame.rename(columns={"a": "c"}))
    assert not nested_equal(frame, frame.assign(a=[1.0, 2.0]))
    series = pd.Series([[1, 2], np.arange(2)])
    assert nested_equal(series, pd.Series([[1, 2], np.arange(2)]))
    assert not nested_equal(series, pd.Series([[1, 2], np.arange(3)]))
    assert not nested_equal(frame, 3)


def test_sparse_matrices_are_compared_by_their_elements():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_matrix([[1, 0], [0, 2]])
    assert nested_equal(matrix, matrix.tocsc())
    assert not nested_equal(matrix, matrix * 2)
    assert not nested_equal(matrix, sparse.csr_matrix((2, 3)))
    assert nested_equal(sparse.csr_matrix((2, 2)), sparse.csr_matrix((2, 2)))
    assert not nested_equal(matrix, matrix.toarray())


def test_attributes_include_slots_and_leave_out_unset_ones():
    assert get_all_attributes(Slotted(3)) == {"x": 3}
    assert get_all_attributes(Slotted.__new__(Slotted)) == {}
    assert get_all_attributes(3) == {}


def test_parameters_are_equal_in_name_value_and_range():
    def parameter(value=1, name="a.b", explored=(), kind=Parameter):
        made = kind(name, value, comment=str(value))
        if explored:
            made._explore(list(explored))
        return made

    assert parameters_equal(parameter(), parameter())
    assert not parameters_equal(parameter(), parameter(name="a.c"))
    assert not parameters_equal(parameter(1), parameter(1.0))
    assert not parameters_equal(parameter(1), parameter(2))
    assert not parameters_equal(parameter(), Parameter("a.b"))
    assert not parameters_equal(parameter(), parameter(explored=(1, 2)))
    assert parameters_equal(parameter(explored=(1, 2)), parameter(explored=(1, 2)))
    assert not parameters_equal(parameter(explored=(1, 2)), parameter(explored=(1, 2, 3)))
    assert not parameters_equal(parameter(), Result("a.b", 1))
    with pytest.raises(ValueError, match="results_equal"):
        parameters_equal(Result("a"), Result("a"))


def test_results_are_equal_in_name_and_items():
    assert results_equal(Result("a", np.arange(2), comment="x"), Result("a", np.arange(2)))
    assert not results_equal(Result("a", 1), Result("b", a=1))
    assert not results_equal(Result("a", 1), Result("a", 1, b=2))
    assert not results_equal(Result("a", 1), ArrayParameter("a", 1))
    with pytest.raises(ValueError, match="parameters_equal"):
        results_equal(Parameter("a"), Parameter("a"))
