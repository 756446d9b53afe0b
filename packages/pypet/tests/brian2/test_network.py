"""Networks are built, run in sub-runs and analysed, once or in an experiment."""

from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest

brian2 = pytest.importorskip("brian2")

from brian2 import Network, NeuronGroup, SpikeMonitor, StateMonitor, ms, mV, second  # noqa: E402

from pypet import Trajectory, load_trajectory  # noqa: E402
from pypet.brian2 import (  # noqa: E402
    Brian2MonitorResult,
    Brian2Parameter,
    NetworkAnalyser,
    NetworkComponent,
    NetworkManager,
    NetworkRunner,
)

HOOKS = ("add_parameters", "pre_build", "build", "add_to_network", "remove_from_network")


def recording(cls, name, calls):
    """An object whose hooks note that they were called."""

    def hook(called):
        return staticmethod(lambda *args: calls.append((called, name, *args)))

    hooks = {called: hook(called) for called in (*HOOKS, "analyse")}
    return type(name, (cls,), hooks)()


def durations(traj, group="simulation.durations", **orders):
    for name, order in orders.items():
        parameter = traj.f_add_parameter(Brian2Parameter, f"{group}.{name}", 1 * ms)
        parameter.v_annotations.order = order


class Cells(NetworkComponent):
    """Cells that are driven to an explored voltage."""

    @staticmethod
    def add_parameters(traj):
        traj.f_add_parameter(Brian2Parameter, "cells.drive", 2 * mV)
        durations(traj, second=2, first=1)

    def build(self, traj, brian_list, network_dict):
        group = NeuronGroup(
            2,
            "dv/dt = (drive - v) / (1*ms) : volt",
            threshold="v > 1*mV",
            reset="v = 0*mV",
            namespace={"drive": traj.drive, "mV": mV, "ms": ms},
        )
        brian_list.append(group)
        network_dict["cells"] = group


class Spikes(NetworkAnalyser):
    """Records spikes in the second sub-run only."""

    def add_to_network(self, traj, network, current_subrun, subrun_list, network_dict):
        if current_subrun.v_name == "second":
            self.monitor = SpikeMonitor(network_dict["cells"])
            network.add(self.monitor)

    def analyse(self, traj, network, current_subrun, subrun_list, network_dict):
        if current_subrun.v_name == "second":
            traj.f_add_result(Brian2MonitorResult, "$.spikes", self.monitor)


def manager():
    return NetworkManager(NetworkRunner(report=None), [Cells()], [Spikes()])


def test_components_analysers_and_runner_are_called_in_this_order():
    calls = []
    runner = recording(NetworkRunner, "runner", calls)
    runner._report = None
    parts = [recording(NetworkComponent, name, calls) for name in ("a", "b")]
    analyser = recording(NetworkAnalyser, "analyser", calls)
    managed = NetworkManager(runner, parts, [analyser], Network)
    traj = Trajectory("t")
    durations(traj, x=2, y=1)
    managed.add_parameters(traj)
    managed.pre_build(traj)
    managed.run_network(traj)
    everyone = ["a", "b", "analyser", "runner"]
    subrun = [
        *(("add_to_network", name) for name in everyone),
        ("analyse", "analyser"),
        *(("remove_from_network", name) for name in ("runner", "analyser", "a", "b")),
    ]
    assert [call[:2] for call in calls] == [
        *(("add_parameters", name) for name in everyone),
        *(("pre_build", name) for name in everyone),
        *(("build", name) for name in everyone),
        *subrun,
        *subrun,
    ]
    assert managed.components is parts
    assert managed.analysers == [analyser]
    assert managed.network_runner is runner


def subruns(traj, **kwargs):
    calls = []
    component = recording(NetworkComponent, "a", calls)
    runner = NetworkRunner(report=None, **kwargs)
    runner.execute_network_run(traj, Network(), {}, [component], [])
    return [call[4].v_full_name for call in calls if call[0] == "add_to_network"]


def test_subruns_are_the_leaves_of_all_groups_of_the_name_in_order():
    traj = Trajectory("t")
    durations(traj, x=3, y=1)
    durations(traj, "simulation.durations.deeper", z=2)
    durations(traj, "other.simulation.durations", u=0.5)
    assert [name.rpartition(".")[2] for name in subruns(traj)] == ["u", "y", "z", "x"]


def test_groups_within_groups_of_the_name_are_met_once():
    traj = Trajectory("t")
    durations(traj, "durations.durations", x=1)
    assert subruns(traj, durations_group_name="durations") == ["parameters.durations.durations.x"]


def test_a_duration_needs_an_order():
    traj = Trajectory("t")
    traj.f_add_parameter(Brian2Parameter, "simulation.durations.x", 1 * ms)
    with pytest.raises(RuntimeError, match=r"durations\.x` has no order"):
        subruns(traj)


def test_two_durations_cannot_have_the_same_order():
    traj = Trajectory("t")
    durations(traj, x=1, y=1)
    with pytest.raises(RuntimeError, match="same order, 1"):
        subruns(traj)


def test_without_durations_there_is_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert subruns(Trajectory("t")) == []
    assert "no durations in `simulation.durations`" in caplog.text


def test_hooks_may_change_the_list_of_subruns():
    traj = Trajectory("t")
    durations(traj, x=1, y=2, z=3)
    seen = []

    class Skipping(NetworkComponent):
        def add_to_network(self, traj, network, current_subrun, subrun_list, network_dict):
            seen.append(current_subrun.v_name)
            del subrun_list[:1]

    NetworkRunner(report=None).execute_network_run(traj, Network(), {}, [Skipping()], [])
    assert seen == ["x", "z"]


def test_the_network_is_run_as_the_runner_was_told():
    calls = []

    class Recorded(Network):
        def run(self, duration, report, report_period):
            calls.append((duration, report, report_period))

    traj = Trajectory("t")
    durations(traj, x=1)
    for runner in (NetworkRunner(), NetworkRunner(None, 3 * second)):
        NetworkManager(runner, [], network_constructor=Recorded).run_network(traj)
    assert calls == [(1 * ms, "text", 10 * second), (1 * ms, None, 3 * second)]


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"multiproc": True, "ncores": 2}, {"multiproc": True, "ncores": 2, "use_pool": True}],
    ids=["serial", "processes", "pool"],
)
def test_every_run_of_an_experiment_has_a_network_of_its_own(make_env, folder, kwargs):
    filename = str(folder / "runs.hdf5")
    env = make_env("t", filename=filename, add_time=False, **kwargs)
    managed = manager()
    managed.add_parameters(env.trajectory)
    env.trajectory.f_explore({"drive": [0.5 * mV, 2 * mV, 20 * mV]})
    env.run(managed.run_network)
    loaded = load_trajectory(name="t", filename=filename, load_data=2)
    counts = [loaded.f_get(f"run_{idx:08d}.spikes").num_spikes for idx in range(3)]
    assert counts[0] == 0 < counts[1] < counts[2]
    spikes = loaded.f_get("run_00000002.spikes")
    assert spikes.v_monitor_type == "SpikeMonitor"
    assert spikes.t.min() >= 1 * ms
    assert managed._brian_list == []


class Prepared(NetworkComponent):
    """Cells that are there before the experiment; their start is explored, not built."""

    def pre_build(self, traj, brian_list, network_dict):
        group = NeuronGroup(1, "dv/dt = -v / (10*ms) : volt", namespace={"ms": ms})
        group.v = 1 * mV
        monitor = StateMonitor(group, "v", record=True)
        brian_list.extend([group, monitor])
        network_dict.update(group=group, monitor=monitor)

    def build(self, traj, brian_list, network_dict):
        network_dict["group"].v += traj.kick
        network_dict["of this run"] = True
        brian_list.append("of this run")


class Voltage(NetworkAnalyser):
    def analyse(self, traj, network, current_subrun, subrun_list, network_dict):
        if current_subrun.v_name == "x":
            traj.f_add_result(Brian2MonitorResult, "$.voltage", network_dict["monitor"])


def test_runs_go_on_from_the_network_that_ran_before(make_env, folder):
    filename = str(folder / "runs.hdf5")
    env = make_env("t", filename=filename, add_time=False)
    traj = env.trajectory
    traj.f_add_parameter(Brian2Parameter, "kick", 0 * mV)
    durations(traj, x=1)
    durations(traj, "simulation.pre_durations", before=1)
    managed = NetworkManager(NetworkRunner(report=None), [Prepared()], [Voltage()])
    managed.pre_run_network(traj)
    kept = len(managed._brian_list), set(managed._network_dict)
    traj.f_explore({"kick": [0 * mV, 1 * mV, 0 * mV]})
    env.run(managed.run_network)
    assert (len(managed._brian_list), set(managed._network_dict)) == kept
    loaded = load_trajectory(name="t", filename=filename, load_data=2)
    first, second_run, third = (
        loaded.f_get(f"run_{idx:08d}.voltage").v[0] / mV for idx in range(3)
    )
    np.testing.assert_allclose(first[10:], np.exp(-np.arange(10, 20) / 100), rtol=1e-9)
    np.testing.assert_allclose(second_run[10:], first[10:] + np.exp(-np.arange(10) / 100))
    np.testing.assert_array_equal(third, first)


def test_a_manager_pickles_before_objects_of_brian2_are_made():
    copied = pickle.loads(pickle.dumps(manager()))
    assert type(copied.components[0]) is Cells
    assert type(copied.network_runner) is NetworkRunner
