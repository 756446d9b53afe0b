"""Quantities as values of parameters, also explored, copied, merged and stored."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

brian2 = pytest.importorskip("brian2")

from brian2 import Quantity, farad, mV, nS, second, uvolt, volt  # noqa: E402

from pypet import Trajectory, cartesian_product, load_trajectory  # noqa: E402
from pypet.brian2 import Brian2Parameter  # noqa: E402
from pypet_trajectory.exceptions import (  # noqa: E402
    DataNotInStorageError,
    ParameterLockedException,
)
from pypet_trajectory.leaves.parameter import Parameter  # noqa: E402
from pypet_trajectory.trajectory.snapshot import Snapshot  # noqa: E402

PAIR = np.array([1.0, 2.0]) * mV


def equal(one, two):
    return (
        type(one) is type(two)
        and brian2.have_same_dimensions(one, two)
        and np.array_equal(np.asarray(one), np.asarray(two))
    )


@pytest.mark.parametrize("value", [3 * mV, PAIR, mV, Quantity(2.0), 1j * volt, 3, "a", (1, 2)])
def test_quantities_and_what_parameters_take_are_supported(value):
    assert Brian2Parameter("p").f_supports(value)


@pytest.mark.parametrize("value", [[3 * mV], (mV, mV), {"a": mV}, None])
def test_containers_of_quantities_are_not_supported(value):
    assert not Brian2Parameter("p").f_supports(value)


def test_only_values_of_the_same_dimensions_are_of_the_same_type():
    parameter = Brian2Parameter("p")
    assert parameter._values_of_same_type(1 * mV, 2 * volt)
    assert parameter._values_of_same_type(1 * mV, PAIR)
    assert not parameter._values_of_same_type(1 * mV, 2 * second)
    assert not parameter._values_of_same_type(1 * mV, 2.0)
    with pytest.raises(TypeError):
        parameter._values_of_same_type([1 * mV], [2 * mV])


def test_values_are_equal_whatever_the_unit():
    parameter = Brian2Parameter("p")
    assert parameter._equal_values(1 * mV, 0.001 * volt)
    assert parameter._equal_values(PAIR, PAIR.copy())
    assert not parameter._equal_values(1 * mV, 1 * volt)
    assert not parameter._equal_values(1 * mV, PAIR)
    assert parameter._equal_values(1, 1)


@pytest.mark.parametrize("values", [[1 * second], [1.0], [1 * mV, 3.0], np.array([1.0]), PAIR / mV])
def test_other_dimensions_cannot_be_explored(values):
    parameter = Brian2Parameter("p", 10 * mV)
    with pytest.raises(TypeError, match=r"[vV]alue [01] to explore"):
        parameter._explore(values)


def test_the_error_names_both_quantities():
    with pytest.raises(TypeError, match=r"2\. \* second, its default value 10\. \* mvolt"):
        Brian2Parameter("p", 10 * mV)._explore([1 * mV, 2 * second])


def test_the_quantities_of_an_array_are_explored_one_by_one():
    traj = Trajectory("t")
    traj.f_add_parameter(Brian2Parameter, "v", 0 * mV)
    traj.f_explore(cartesian_product({"v": PAIR}))
    assert traj.f_get("v").f_get_range() == [1 * mV, 2 * mV]


@pytest.mark.parametrize("cls", [Parameter, Brian2Parameter])
def test_a_parameter_of_numbers_does_not_strip_units(cls):
    with pytest.raises(TypeError):
        cls("p", 1.0)._explore(PAIR)


@pytest.mark.parametrize(
    ("value", "number", "unit"),
    [
        (10 * mV, 0.01, "1. * volt"),
        (mV, 0.001, "1. * volt"),
        (Quantity(2.0), 2.0, "1"),
        (Quantity(3), 3.0, "1"),
        (2 * farad, 2.0, "1. * farad"),
        (3 * volt**2, 3.0, "1. * volt2"),
        (1j * volt, 1j, "1. * volt"),
    ],
)
def test_number_and_unit_are_stored_in_si(value, number, unit):
    stored = Brian2Parameter("p", value)._store()
    assert list(stored) == ["data__brn2__"]
    assert stored["data__brn2__"].row(0) == {"value": number, "unit": unit}
    assert type(stored["data__brn2__"].row(0)["value"]) is type(number)


def test_the_range_is_stored_as_numbers():
    parameter = Brian2Parameter("p", 10 * mV)
    parameter._explore([1 * mV, 2 * volt])
    table = parameter._store()["explored_data__brn2__"]
    assert table.columns == ["value"]
    assert list(table["value"]) == [0.001, 2.0]


def test_what_is_no_quantity_is_stored_as_by_a_parameter():
    parameter = Brian2Parameter("p", 3)
    parameter._explore([1, 2])
    assert sorted(parameter._store()) == ["data", "explored_data"]


def test_loading_needs_an_unlocked_parameter_and_locks_it():
    parameter = Brian2Parameter("p", 1 * mV)
    stored = parameter._store()
    with pytest.raises(ParameterLockedException):
        parameter._load(stored)
    parameter.f_unlock()
    parameter._load(stored)
    assert parameter.v_locked


def test_a_range_without_the_unit_cannot_be_loaded():
    parameter = Brian2Parameter("p", 1 * mV)
    parameter._explore([2 * mV])
    stored = parameter._store()
    del stored["data__brn2__"]
    with pytest.raises(DataNotInStorageError, match="data__brn2__"):
        Brian2Parameter("q")._load(stored)
    known = Brian2Parameter("q", 3 * mV)
    known._load(stored)
    assert known.f_get_range() == [2 * mV]


def test_copies_and_pickles_carry_the_quantity_and_the_range_if_told_to():
    parameter = Brian2Parameter("p", 10 * mV)
    parameter._explore([1 * mV, 2 * mV])
    for copied in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert equal(copied.f_get(), 10 * mV)
        assert copied.v_explored
        assert not copied.f_has_range()
    parameter.v_full_copy = True
    assert pickle.loads(pickle.dumps(parameter)).f_get_range() == [1 * mV, 2 * mV]


def trajectory(name="t", **kwargs):
    traj = Trajectory(name, add_time=False, **kwargs)
    traj.f_add_parameter(Brian2Parameter, "v", 10 * mV)
    traj.f_add_parameter(Brian2Parameter, "w", PAIR)
    traj.f_add_parameter(Brian2Parameter, "g", np.sqrt(2) * nS / brian2.cm**2)
    traj.f_add_parameter(Brian2Parameter, "n", Quantity(0.3))
    traj.f_add_parameter("x", 1.0)
    return traj


def test_runs_from_a_snapshot_have_their_quantities():
    traj = trajectory()
    traj.f_explore({"v": [1 * mV, 2 * volt], "w": [PAIR, 3 * PAIR]})
    snapshot = pickle.loads(pickle.dumps(Snapshot.take(traj)))
    for _ in range(2):
        run = snapshot.restore(1)
        assert equal(run.v, 2 * volt)
        assert equal(run.w, 3 * PAIR)
        run.w[:] = 0 * mV  # must not reach the next one


@pytest.fixture(params=["hdf5", "traj"])
def filename(request, folder):
    return str(folder / f"file.{request.param}")


def test_quantities_are_stored_and_loaded(filename):
    traj = trajectory(filename=filename)
    ragged = [np.array([1.0, 2.0, 3.0]) * volt, PAIR]
    traj.f_explore({"v": [0.1 * volt, 3 * uvolt], "w": ragged})
    traj.f_store()
    loaded = load_trajectory(name="t", filename=filename, load_data=2)
    for name in "vwgn":
        mine, theirs = traj.f_get(name), loaded.f_get(name)
        assert type(theirs) is Brian2Parameter
        assert equal(theirs.f_get(), mine.f_get())
        assert theirs.v_explored == mine.v_explored
        if mine.f_has_range():
            pairs = zip(mine.f_get_range(), theirs.f_get_range(), strict=True)
            assert all(equal(a, b) for a, b in pairs)
    loaded.f_expand({"v": [7 * mV], "w": [PAIR]})
    loaded.f_store()
    again = load_trajectory(name="t", filename=filename, load_data=2)
    assert again.f_get("v").f_get_range() == [0.1 * volt, 3 * uvolt, 7 * mV]


def test_trajectories_with_quantities_merge(filename):
    first = trajectory("first", filename=filename)
    first.f_explore({"v": [1 * mV, 2 * mV], "x": [1.0, 2.0]})
    first.f_store()
    second = trajectory("second", filename=filename)
    second.f_get("g").f_set(7 * nS / brian2.cm**2)
    second.f_explore({"v": [0.001 * volt, 50 * mV], "x": [1.0, 2.0]})
    second.f_store()
    first.f_merge(second, backup=False)
    merged = load_trajectory(name="first", filename=filename, load_data=2)
    assert merged.f_get("v").f_get_range() == [1 * mV, 2 * mV, 1 * mV, 50 * mV]
    g = np.sqrt(2) * nS / brian2.cm**2
    assert merged.f_get("g").f_get_range() == [g, g, *[7 * nS / brian2.cm**2] * 2]


def test_merging_finds_duplicates_whatever_the_unit(filename):
    first = trajectory("first", filename=filename)
    first.f_explore({"v": [1 * mV, 2 * mV]})
    first.f_store()
    second = trajectory("second", filename=filename)
    second.f_explore({"v": [0.001 * volt, 50 * mV]})
    second.f_store()
    first.f_merge(second, backup=False, remove_duplicates=True)
    assert first.f_get("v").f_get_range() == [1 * mV, 2 * mV, 50 * mV]


def test_other_dimensions_do_not_merge(filename):
    first = trajectory("first", filename=filename)
    first.f_explore({"x": [1.0, 2.0]})
    first.f_store()
    second = trajectory("second", filename=filename)
    second.f_get("v").f_set(1 * brian2.second)
    second.f_explore({"x": [3.0]})
    second.f_store()
    with pytest.raises(TypeError, match=r"parameters\.v"):
        first.f_merge(second, backup=False)
