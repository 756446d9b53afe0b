"""Networks of brian2 in experiments: components that are built, sub-runs, and their analysis.

A `NetworkManager` has components, which add their parameters and make the objects of brian2, a
`NetworkRunner`, which simulates one sub-run after the other, and analysers, which look at the
network after each. ``manager.run_network`` is the function to run. Invariant: each run begins with
the objects made before the experiment; unlike in pypet 0.7 objects that a run makes are not met by
the next one. A network that was run before the experiment is brought back to that state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import brian2

from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.logger import HasLogger

#: Name of the state of a network after the run before the experiment.
_PRE_RUN = "pre_run"


class NetworkComponent(HasLogger):
    """A part of a network; does nothing unless methods are overridden, static ones included.

    ``brian_list`` takes the objects that the network is made of. ``network_dict`` is for whatever
    components and analysers want to share.
    """

    def add_parameters(self, traj: Any) -> None:
        """Add parameters to the trajectory."""

    def pre_build(self, traj: Any, brian_list: list[Any], network_dict: dict[Any, Any]) -> None:
        """Make objects once, before the experiment; what they need must not be explored."""

    def build(self, traj: Any, brian_list: list[Any], network_dict: dict[Any, Any]) -> None:
        """Make objects at the beginning of each run."""

    def add_to_network(
        self,
        traj: Any,
        network: Any,
        current_subrun: Any,
        subrun_list: list[Any],
        network_dict: dict[Any, Any],
    ) -> None:
        """Add objects, such as monitors, before a sub-run.

        Parameters
        ----------
        traj
            The trajectory.
        network
            The network.
        current_subrun
            The parameter with the duration of this sub-run.
        subrun_list
            Those of the sub-runs that follow; changes of the list take effect.
        network_dict
            What is shared.
        """

    def remove_from_network(
        self,
        traj: Any,
        network: Any,
        current_subrun: Any,
        subrun_list: list[Any],
        network_dict: dict[Any, Any],
    ) -> None:
        """Remove objects after a sub-run; arguments as of `add_to_network`."""


class NetworkAnalyser(NetworkComponent):
    """A component that looks at the network after each sub-run."""

    def analyse(
        self,
        traj: Any,
        network: Any,
        current_subrun: Any,
        subrun_list: list[Any],
        network_dict: dict[Any, Any],
    ) -> None:
        """Add results to the trajectory; arguments as of `add_to_network`."""


class NetworkRunner(NetworkComponent):
    """Simulates the sub-runs of a network.

    A sub-run is a parameter with a duration in a group of durations. Sub-runs follow one another
    in ascending ``v_annotations.order``.

    Parameters
    ----------
    report
        How brian2 reports progress, see ``brian2.Network.run``.
    report_period
        How often; 10 seconds by default.
    durations_group_name
        Name of the groups with the durations of a run, found anywhere in the trajectory.
    pre_durations_group_name
        The same for the run before the experiment.
    """

    def __init__(
        self,
        report: Any = "text",
        report_period: Any = None,
        durations_group_name: str = "simulation.durations",
        pre_durations_group_name: str = "simulation.pre_durations",
    ) -> None:
        super().__init__()
        self._report = report
        self._report_period = 10 * brian2.second if report_period is None else report_period
        self._durations_group_name = durations_group_name
        self._pre_durations_group_name = pre_durations_group_name

    def execute_network_pre_run(
        self,
        traj: Any,
        network: Any,
        network_dict: dict[Any, Any],
        component_list: Sequence[Any],
        analyser_list: Sequence[Any],
    ) -> None:
        """Simulate the sub-runs that come before the experiment.

        Raises
        ------
        RuntimeError
            If durations have no order, or two the same.
        """
        group = self._pre_durations_group_name
        self._execute(traj, network, network_dict, component_list, analyser_list, group)

    def execute_network_run(
        self,
        traj: Any,
        network: Any,
        network_dict: dict[Any, Any],
        component_list: Sequence[Any],
        analyser_list: Sequence[Any],
    ) -> None:
        """Simulate the sub-runs of one run.

        Raises
        ------
        RuntimeError
            If durations have no order, or two the same.
        """
        group = self._durations_group_name
        self._execute(traj, network, network_dict, component_list, analyser_list, group)

    def _execute(
        self,
        traj: Any,
        network: Any,
        network_dict: dict[Any, Any],
        component_list: Sequence[Any],
        analyser_list: Sequence[Any],
        group_name: str,
    ) -> None:
        subruns = _subruns(traj, group_name)
        if not subruns:
            self._logger.warning("Nothing is simulated: no durations in `%s`.", group_name)
        number = 0
        while subruns:
            current = subruns.pop(0)
            now = (traj, network, current, subruns, network_dict)
            for part in (*component_list, *analyser_list, self):
                part.add_to_network(*now)
            duration = current.f_get()
            self._logger.info(
                "STARTING subrun `%s` (#%d) lasting %s.", current.v_name, number, duration
            )
            network.run(duration=duration, report=self._report, report_period=self._report_period)
            for analyser in analyser_list:
                analyser.analyse(*now)
            for part in (self, *analyser_list, *component_list):
                part.remove_from_network(*now)
            number += 1


def _subruns(traj: Any, group_name: str) -> list[Any]:
    """The durations in all groups of this name, in their order."""
    found: dict[int, Any] = {}
    leaves = {
        leaf.v_full_name: leaf
        for group in traj.f_get_all(group_name)
        if not group.v_is_leaf
        for leaf in group.f_iter_leaves()
    }
    for full_name, leaf in leaves.items():
        if "order" not in leaf.v_annotations:
            raise PypetRuntimeError(
                f"Duration `{full_name}` has no order, which says when its sub-run comes: set "
                "`v_annotations.order`."
            )
        order = leaf.v_annotations.order
        if order in found:
            raise PypetRuntimeError(
                f"Durations `{found[order].v_full_name}` and `{full_name}` have the same order, "
                f"{order!r}: set `v_annotations.order` to different numbers."
            )
        found[order] = leaf
    return [found[order] for order in sorted(found)]


class NetworkManager(HasLogger):
    """Builds a network and lets it run.

    Parameters
    ----------
    network_runner
        Simulates the sub-runs.
    component_list
        The components, in the order in which they are built.
    analyser_list
        The analysers, built after the components.
    network_constructor
        Makes the network of all objects; ``brian2.Network`` by default.
    """

    def __init__(
        self,
        network_runner: Any,
        component_list: Sequence[Any],
        analyser_list: Sequence[Any] = (),
        network_constructor: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        self.components = component_list
        self.network_runner = network_runner
        self.analysers = analyser_list
        self._network_constructor = network_constructor
        self._network: Any = None
        self._brian_list: list[Any] = []
        self._network_dict: dict[Any, Any] = {}

    def add_parameters(self, traj: Any) -> None:
        """Let components, analysers and runner add their parameters."""
        for part in self._parts("Adding parameters of"):
            part.add_parameters(traj)

    def pre_build(self, traj: Any) -> None:
        """Let components, analysers and runner make objects before the experiment."""
        for part in self._parts("Pre-building"):
            part.pre_build(traj, self._brian_list, self._network_dict)

    def build(self, traj: Any) -> None:
        """Let components, analysers and runner make objects of a run."""
        for part in self._parts("Building"):
            part.build(traj, self._brian_list, self._network_dict)

    def pre_run_network(self, traj: Any) -> None:
        """Build a network and let it run before the experiment; all runs go on from there.

        Raises
        ------
        RuntimeError
            If durations have no order, or two the same.
        """
        self.pre_build(traj)
        self._logger.info("Running the network before the experiment.")
        network = self._make_network()
        self.network_runner.execute_network_pre_run(
            traj, network, self._network_dict, self.components, self.analysers
        )
        network.store(_PRE_RUN)
        self._network = network
        self._logger.info("The network was simulated.")

    def run_network(self, traj: Any) -> None:
        """Build a network and let it run: what to pass to ``Environment.run``.

        Raises
        ------
        RuntimeError
            If durations have no order, or two the same.
        """
        before = self._brian_list, self._network_dict
        self._brian_list, self._network_dict = list(self._brian_list), dict(self._network_dict)
        try:
            self._run(traj)
        finally:
            self._brian_list, self._network_dict = before

    def _run(self, traj: Any) -> None:
        if self._network is not None:
            self._network.restore(_PRE_RUN)
            # Restored values belong to the stored state: without a new one a run would change it.
            self._network.store(_PRE_RUN)
        self.build(traj)
        explored = traj.f_get_explored_parameters(fast_access=False)
        points = [f"{name} = {parameter.f_val_to_str()}" for name, parameter in explored.items()]
        self._logger.info("Running the network with: %s", ", ".join(points) or "nothing explored")
        network = self._make_network() if self._network is None else self._network
        self.network_runner.execute_network_run(
            traj, network, self._network_dict, self.components, self.analysers
        )
        self._logger.info("The network was simulated.")

    def _make_network(self) -> Any:
        make = brian2.Network if self._network_constructor is None else self._network_constructor
        return make(*self._brian_list)

    def _parts(self, what: str) -> tuple[Any, ...]:
        """All that takes part in building, in order."""
        self._logger.info(
            "%s %d components, %d analysers and the runner.",
            what,
            len(self.components),
            len(self.analysers),
        )
        return (*self.components, *self.analysers, self.network_runner)
