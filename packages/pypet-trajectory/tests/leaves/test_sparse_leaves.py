import io
import zipfile

import numpy as np
import pytest

from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
from pypet_trajectory.values import sparse_data

sparse = pytest.importorskip("scipy.sparse")

MATRIX = sparse.csr_matrix([[1, 0], [0, 2]])


def reloaded(leaf):
    loaded = type(leaf)("leaf")
    loaded._load(leaf._store())
    return loaded


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "dia"])
def test_a_matrix_comes_back_in_its_format_and_dtype(kind):
    matrix = getattr(sparse, f"{kind}_matrix")(np.eye(3, dtype=np.float32))
    got = reloaded(SparseParameter("leaf", matrix)).f_get()
    assert type(got) is type(matrix)
    assert got.dtype == matrix.dtype
    assert (got != matrix).nnz == 0


def test_each_distinct_matrix_is_stored_once():
    parameter = SparseParameter("leaf", MATRIX)
    parameter._explore([MATRIX, MATRIX.tocsc(), MATRIX.copy()])
    stored = parameter._store()
    assert list(stored) == [
        "data__spsp__",
        "xspm__spsp__00000000",
        "xspm__spsp__00000001",
        "explored_data__spsp__",
    ]
    assert all(isinstance(item, str) for item in list(stored.values())[:-1])
    assert [matrix.format for matrix in reloaded(parameter).f_get_range()] == ["csr", "csc", "csr"]


def test_matrices_are_equal_if_format_and_content_are():
    parameter = SparseParameter("leaf", MATRIX)
    assert parameter._values_of_same_type(MATRIX, MATRIX.tocsc())
    assert parameter._equal_values(MATRIX, MATRIX.copy())
    assert not parameter._equal_values(MATRIX, MATRIX.tocsc())
    assert not parameter._equal_values(MATRIX, MATRIX * 2)
    assert not parameter._equal_values(MATRIX, 3)
    assert parameter._equal_values(3, 3)


@pytest.mark.parametrize("value", [3, "text", np.arange(3), (1, 2.0), []])
def test_other_values_are_stored_as_by_an_array_parameter(value):
    names = list(SparseParameter("leaf", value)._store())
    assert names == list(ArrayParameter("leaf", value)._store())
    assert np.all(reloaded(SparseParameter("leaf", value)).f_get() == value)


def test_a_result_marks_its_sparse_items():
    result = SparseResult("leaf", MATRIX, other=[1])
    stored = result._store()
    assert list(stored) == ["leaf__spsp__", "other"]
    loaded = SparseResult("leaf", before=1)
    loaded._load(stored)
    assert list(loaded) == ["before", "leaf", "other"]
    assert (loaded.leaf != MATRIX).nnz == 0


def test_the_mark_is_no_part_of_item_names():
    with pytest.raises(AttributeError, match="__spsp__"):
        SparseResult("leaf", a__spsp__=1)


@pytest.mark.parametrize(
    ("leaf", "form", "taker"),
    [
        (Parameter("group.leaf"), "csr", "A SparseParameter"),
        (SparseParameter("group.leaf"), "coo", "A PickleParameter"),
        (Result("group.leaf"), "csr", "A SparseResult"),
        (SparseResult("group.leaf"), "coo", "A PickleResult"),
    ],
)
def test_a_refused_matrix_is_told_which_class_takes_it(leaf, form, taker):
    matrix = getattr(sparse, f"{form}_matrix")([[1]])
    with pytest.raises(TypeError, match=f"`group.leaf`.*{taker} takes it"):
        leaf.f_set(matrix)


def test_a_text_that_claims_more_than_it_can_hold_is_refused():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, archive.open("data.npy", "w") as member:
        header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
        np.lib.format.write_array_header_1_0(member, header)
    with pytest.raises(PypetValueError, match=r"'data\.npy' in it claims 8796093022208 bytes"):
        sparse_data.from_text(content.getvalue().hex())


def test_a_text_that_is_no_matrix_is_refused():
    with pytest.raises(PypetValueError, match="no sparse matrix"):
        sparse_data.from_text(b"no matrix".hex())


def test_a_text_whose_indices_lead_out_of_the_matrix_is_refused():
    matrix = MATRIX.copy()
    matrix.indices = np.array([0, 1 << 20], dtype=np.int32)
    with pytest.raises(ValueError, match="indices"):
        sparse_data.from_text(sparse_data.to_text(matrix))
