"""A file with quantities and monitors, written or checked by whichever pypet runs this script.

``python sample.py write FILE`` with pypet 0.7.0 wrote ``data/pypet_0_7.hdf5``; ``check FILE`` fails
if what is read is not what was written. pypet 0.7.0 gives quantities without dimensions back as
plain numbers, so these are compared as numbers.
"""

import sys

import brian2
import numpy as np
from brian2 import Quantity, ms, mV, nA, nS, second, uvolt, volt

from pypet import Trajectory
from pypet.brian2 import Brian2MonitorResult, Brian2Parameter, Brian2Result

CLASSES = [Brian2Parameter, Brian2Result, Brian2MonitorResult]
PAIR = np.array([1.0, 2.0]) * mV
PARAMETERS = {
    "scalar": 10 * mV,
    "array": PAIR,
    "conductance": np.sqrt(2) * nS / brian2.cm**2,
    "dimensionless": Quantity(0.3),
    "power": 3 * volt**2,
    "rate": 7 * second**-0.5,
    "number": 3,
    "text": "hello",
}
RANGES = {
    "scalar": [1 * mV, 0.1 * volt, 3 * uvolt],
    "array": [PAIR, 3 * PAIR, np.array([5.0, 6.0]) * volt],
    "number": [1, 2, 3],
}
ITEMS = {
    "v": 3 * mV,
    "a": np.array([[1.0, 2.0], [3.0, 4.0]]) * nA,
    "d": Quantity(2.5),
    "n": 4,
    "text": "x",
}


def write(filename):
    brian2.prefs.codegen.target = "numpy"
    traj = Trajectory("units", filename=filename, add_time=False)
    for name, value in PARAMETERS.items():
        traj.f_add_parameter(Brian2Parameter, name, value)
    traj.f_explore(RANGES)
    traj.f_add_result(Brian2Result, "quantities", **ITEMS)
    group = brian2.NeuronGroup(
        2,
        "dv/dt = (2*mV - v) / (10*ms) : volt",
        threshold="v > 1*mV",
        reset="v = 0*mV",
        method="exact",
        namespace={"mV": mV, "ms": ms},
    )
    monitors = {
        "spikes": brian2.SpikeMonitor(group, variables="v"),
        "states": brian2.StateMonitor(group, "v", record=[1]),
        "rates": brian2.PopulationRateMonitor(group),
    }
    brian2.Network(group, *monitors.values()).run(8 * ms)
    for name, monitor in monitors.items():
        traj.f_add_result(Brian2MonitorResult, name, monitor)
    traj.f_store()


def check(filename):
    traj = Trajectory(filename=filename, dynamic_imports=CLASSES)
    traj.f_load(name="units", load_parameters=2, load_results=2, load_derived_parameters=2)
    for name, value in PARAMETERS.items():
        parameter = traj.f_get(name)
        assert type(parameter) is Brian2Parameter
        assert_equal(parameter.f_get_default(), value)
        assert parameter.v_explored == (name in RANGES)
        if parameter.v_explored:
            for found, expected in zip(parameter.f_get_range(), RANGES[name], strict=True):
                assert_equal(found, expected)
    result = traj.f_get("quantities")
    assert type(result) is Brian2Result
    assert set(result.f_to_dict()) == set(ITEMS)
    for name, item in ITEMS.items():
        assert_equal(result.f_get(name), item)
    spikes, states, rates = (traj.f_get(name) for name in ("spikes", "states", "rates"))
    types = [monitor.v_monitor_type for monitor in (spikes, states, rates)]
    assert types == ["SpikeMonitor", "StateMonitor", "PopulationRateMonitor"]
    assert "monitor_type" not in spikes
    assert_equal(spikes.t, np.array([6.9, 6.9]) * ms)
    assert_equal(spikes.i, np.array([0, 1]))
    assert spikes.num_spikes == 2
    assert sorted(spikes.record_variables) == ["i", "t", "v"]
    assert states.v.shape == (1, 80)
    assert_equal(states.v[0][:2], np.array([0.0, 2 * (1 - np.exp(-0.01))]) * mV)
    assert type(states.t) is np.ndarray
    assert_equal(rates.rate.max(), 10000 / second)


def assert_equal(found, expected):
    if isinstance(expected, str):
        assert found == expected
    else:
        assert brian2.have_same_dimensions(found, expected)
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-14)


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](sys.argv[2])
