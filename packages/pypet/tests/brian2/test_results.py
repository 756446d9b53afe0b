"""Quantities and monitors in results."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

brian2 = pytest.importorskip("brian2")

from brian2 import (  # noqa: E402
    EventMonitor,
    Network,
    NeuronGroup,
    PopulationRateMonitor,
    Quantity,
    SpikeMonitor,
    StateMonitor,
    ms,
    mV,
    nA,
    second,
)

from pypet import Trajectory, load_trajectory  # noqa: E402
from pypet.brian2 import Brian2MonitorResult, Brian2Result  # noqa: E402
from pypet_trajectory.exceptions import DataNotInStorageError  # noqa: E402

EQUATIONS = "dv/dt = (2*mV - v) / (10*ms) : volt\nw : 1"


@pytest.fixture
def group():
    return NeuronGroup(3, EQUATIONS, threshold="v > 1*mV", reset="v = 0*mV")


@pytest.fixture
def spikes(group):
    return SpikeMonitor(group, variables=["v", "w"])


@pytest.fixture
def states(group):
    return StateMonitor(group, ["v", "w"], record=[0, 2])


@pytest.fixture
def rates(group):
    return PopulationRateMonitor(group)


@pytest.fixture
def simulate(group, spikes, states, rates):
    def run(*more):
        Network(group, spikes, states, rates, *more).run(15 * ms)

    return run


def test_a_quantity_is_stored_as_number_and_unit():
    result = Brian2Result("r", 3 * mV, a=np.array([[1.0, 2.0]]) * nA, n=Quantity(2), k=4)
    stored = result._store()
    array = stored.pop("a__brn2__value")
    np.testing.assert_array_equal(array, [[1e-9, 2e-9]])
    assert type(array) is np.ndarray
    assert stored == {
        "r__brn2__value": 0.003,
        "r__brn2__unit": "1. * volt",
        "a__brn2__unit": "1. * amp",
        "n__brn2__value": 2.0,
        "n__brn2__unit": "1",
        "k": 4,
    }


@pytest.mark.parametrize("name", ["a__brn2__", "a__brn2__value"])
def test_the_mark_of_quantities_is_no_part_of_a_name(name):
    with pytest.raises(AttributeError, match="__brn2__"):
        Brian2Result("r").f_set(**{name: 3})


@pytest.mark.parametrize("item", [[1 * mV], (1 * mV, 2), {"a": [mV]}])
def test_containers_of_quantities_are_not_stored_without_their_units(item):
    result = Brian2Result("r", item)
    with pytest.raises(TypeError, match="units would get lost"):
        result._store()


@pytest.mark.parametrize("part", ["value", "unit"])
def test_half_a_quantity_is_not_loaded(part):
    stored = Brian2Result("r", 3 * mV)._store()
    missing = f"r__brn2__{part}"
    del stored[missing]
    with pytest.raises(DataNotInStorageError, match=missing):
        Brian2Result("r")._load(stored)


def test_spikes_are_kept(simulate, spikes):
    simulate()
    result = Brian2MonitorResult("results.r", spikes, extra=3)
    assert result.v_monitor_type == "SpikeMonitor"
    assert result.num_spikes == 6
    assert result.name == spikes.name
    assert result.when == "thresholds"
    assert result.source == str(spikes.source)
    assert sorted(result.record_variables) == ["i", "t", "v", "w"]
    np.testing.assert_array_equal(result.i, [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(result.t / ms, spikes.t[:] / ms)
    assert brian2.have_same_dimensions(result.t, second)
    np.testing.assert_array_equal(result.v / mV, spikes.v[:] / mV)
    assert not isinstance(result.w, Quantity)
    assert result.extra == 3


def test_states_are_kept_with_times_in_plain_seconds(simulate, states):
    simulate()
    result = Brian2MonitorResult("results.r", monitor=states)
    assert result.v_monitor_type == "StateMonitor"
    assert result.record_variables == ["v", "w"]
    np.testing.assert_array_equal(result.record, [0, 2])
    assert type(result.t) is np.ndarray
    np.testing.assert_array_equal(result.t, np.asarray(states.t[:]))
    assert result.v.shape == (2, 150)
    assert brian2.have_same_dimensions(result.v, mV)
    assert "monitor" not in result


def test_rates_are_kept(simulate, rates):
    simulate()
    result = Brian2MonitorResult("results.r")
    result.f_set(rates)
    assert result.v_monitor_type == "PopulationRateMonitor"
    assert set(result.f_to_dict()) == {"source", "name", "t", "rate"}
    assert brian2.have_same_dimensions(result.rate, 1 / second)


def test_nothing_recorded_gives_no_arrays(spikes, states, rates):
    expected = {
        spikes: {"source", "num_spikes", "when", "name", "record_variables"},
        states: {"record_variables", "record", "when", "source", "name"},
        rates: {"source", "name"},
    }
    for monitor, names in expected.items():
        assert set(Brian2MonitorResult("r", monitor).f_to_dict()) == names


def test_what_is_kept_does_not_change_with_the_monitor(simulate, states):
    simulate()
    result = Brian2MonitorResult("r", states)
    assert not np.shares_memory(np.asarray(result.v), np.asarray(states.v))


def test_a_second_monitor_is_refused(spikes, rates):
    result = Brian2MonitorResult("r", spikes)
    with pytest.raises(TypeError, match="has data of a SpikeMonitor"):
        result.f_set(rates)
    result.f_empty()
    assert result.v_monitor_type is None
    result.f_set(rates)
    assert result.v_monitor_type == "PopulationRateMonitor"


def test_other_monitors_are_not_supported(group, spikes):
    class Derived(SpikeMonitor):
        pass

    for monitor in (EventMonitor(group, "spike"), Derived(group)):
        with pytest.raises(TypeError, match="not supported"):
            Brian2MonitorResult("r", monitor)
    with pytest.raises(TypeError, match="not supported"):
        Brian2Result("r", spikes)


def test_spikes_that_were_only_counted_are_refused(group):
    with pytest.raises(AttributeError, match="record=False"):
        Brian2MonitorResult("r", SpikeMonitor(group, record=False))


def test_the_type_of_the_monitor_is_read_only_and_its_name_in_storage_reserved(rates):
    result = Brian2MonitorResult("r", rates)
    with pytest.raises(AttributeError):
        result.v_monitor_type = "x"
    with pytest.raises(AttributeError, match="monitor_type"):
        result.f_set(monitor_type=3)
    assert result._store()["monitor_type"] == "PopulationRateMonitor"


def test_copies_and_pickles_keep_the_monitor(simulate, spikes):
    simulate()
    result = Brian2MonitorResult("r", spikes)
    for copied in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert copied.v_monitor_type == "SpikeMonitor"
        assert (copied.t == result.t).all()
        assert isinstance(copied.t, Quantity)


@pytest.mark.parametrize("ending", ["hdf5", "traj"])
def test_results_are_stored_and_loaded(ending, folder, simulate, spikes, states, rates):
    simulate()
    filename = str(folder / f"file.{ending}")
    traj = Trajectory("t", filename=filename, add_time=False)
    items = {"v": 3 * mV, "a": np.array([[1.0, 2.0]]) * nA, "n": Quantity(2.5), "k": 4}
    traj.f_add_result(Brian2Result, "quantities", **items, none=Quantity([]) * mV)
    monitors = {"spikes": spikes, "states": states, "rates": rates}
    for name, monitor in monitors.items():
        traj.f_add_result(Brian2MonitorResult, name, monitor)
    traj.f_store()
    loaded = load_trajectory(name="t", filename=filename, load_data=2)
    for name in ("quantities", *monitors):
        mine, theirs = traj.f_get(name), loaded.f_get(name)
        assert type(theirs) is type(mine)
        assert set(theirs.f_to_dict()) == set(mine.f_to_dict())
        for key, item in mine.f_to_dict().items():
            assert isinstance(theirs[key], Quantity) == isinstance(item, Quantity)
            if isinstance(item, Quantity):
                assert brian2.have_same_dimensions(theirs[key], item)
            np.testing.assert_array_equal(np.asarray(theirs[key]), np.asarray(item))
    assert loaded.spikes.v_monitor_type == "SpikeMonitor"
    assert "monitor_type" not in loaded.spikes
