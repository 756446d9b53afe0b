import numpy as np
import pytest

from pypet_trajectory.exceptions import DataNotInStorageError, ParameterLockedException
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter


def explored(default, values, kind=ArrayParameter):
    parameter = kind("par", default)
    parameter._explore(values)
    return parameter


def reloaded(parameter):
    loaded = type(parameter)("par")
    loaded._load(parameter._store())
    return loaded


def test_item_names_are_those_of_files():
    parameter = explored(np.zeros(2), [np.zeros(2), np.ones(2), np.zeros(2)])
    stored = parameter._store()
    assert list(stored) == [
        "data__rr__",
        "explored__rr__.set_00000.xa_00000000",
        "explored__rr__.set_00000.xa_00000001",
        "explored_data__rr__",
    ]
    assert list(stored["explored_data__rr__"]["idx"]) == [0, 1, 0]


def test_a_thousand_values_share_a_group():
    stored = explored((1,), [(i,) for i in range(1001)])._store()
    assert "explored__rr__.set_00000.xa_00000999" in stored
    assert "explored__rr__.set_00001.xa_00001000" in stored


def test_scalars_are_stored_as_by_a_plain_parameter():
    assert list(explored(3, [1, 2])._store()) == ["data", "explored_data"]


def test_values_that_differ_in_type_dtype_or_shape_only_are_kept_apart():
    values = [(1,), (1.0,), (True,)]
    assert [list(map(type, value)) for value in reloaded(explored((1,), values)).f_get_range()] == [
        [int],
        [float],
        [bool],
    ]
    zeros = np.zeros(4, np.int64)
    arrays = [zeros, zeros.astype(float), zeros.reshape(2, 2)]
    for got, wanted in zip(reloaded(explored(zeros, arrays)).f_get_range(), arrays, strict=True):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)


@pytest.mark.parametrize(
    ("default", "values"),
    [
        (np.arange(3), [np.arange(3), np.arange(4.0), np.ones((2, 2))]),
        ((1, 2.0), [(1, 2.0), ((1, 2), "a")]),
        ([1], [[], ["a", "b"], [1.0]]),
        (np.array([]), [np.array([]), np.array(["a", "bc"])]),
    ],
)
def test_what_was_stored_can_be_loaded(default, values):
    loaded = reloaded(explored(default, values))
    assert type(loaded.f_get()) is type(default)
    assert len(loaded) == len(values)
    for got, wanted in zip(loaded.f_get_range(), values, strict=True):
        assert type(got) is type(wanted)
        assert np.array_equal(got, wanted) if isinstance(got, np.ndarray) else got == wanted
    assert loaded.v_explored
    assert loaded.v_locked


def test_values_without_canonical_form_are_told_apart_by_identity():
    marker = object()
    parameter = explored((1,), [(marker,), (marker,)])
    same = parameter[0]
    parameter = explored((1,), [same, same, (marker,)])
    assert list(parameter._store()["explored_data__rr__"]["idx"]) == [0, 0, 1]


def test_what_a_plain_parameter_stored_can_be_loaded():
    loaded = ArrayParameter("par")
    loaded._load(explored([1, 2], [[3, 4]], kind=Parameter)._store())
    assert (loaded.f_get(), loaded.f_get_range()) == ([1, 2], [[3, 4]])


def test_a_locked_parameter_is_not_loaded():
    parameter = explored((1,), [(2,)])
    with pytest.raises(ParameterLockedException):
        parameter._load(parameter._store())


def test_a_range_without_its_values_is_refused_by_name():
    parameter = ArrayParameter("group.par", np.zeros(2))
    parameter._explore([np.zeros(2), np.ones(2), np.ones(3)])
    stored = parameter._store()
    del stored["explored__rr__.set_00000.xa_00000001"]
    with pytest.raises(DataNotInStorageError, match=r"`group\.par`.*xa_00000001"):
        ArrayParameter("group.par")._load(stored)
