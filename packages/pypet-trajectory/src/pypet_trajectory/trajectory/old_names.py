"""`OldNames`: what scripts of pypet 0.7 reach in a trajectory although its name says "private".

Registers of nodes and runs had these names there, and analyses and tests read them. Here they are
kept elsewhere, in the index of the tree and in the run table, and this module only shows them.
Invariant: nothing is stored under these names. New code asks the index, the run table or
:mod:`~pypet_trajectory.trajectory.lifecycle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet_trajectory.constants import STORE_DATA
from pypet_trajectory.runs import information
from pypet_trajectory.runs.table import FRESH
from pypet_trajectory.trajectory import lifecycle, persistence
from pypet_trajectory.trajectory.state import TrajectoryState


class OldNames(TrajectoryState):
    """A trajectory's state under the private names that it had in pypet 0.7."""

    @property
    def _run_information(self) -> information.RunInformation:
        return information.RunInformation(self._runs.table, self._runs.names)

    @property
    def _single_run_ids(self) -> information.SingleRunIds:
        return information.SingleRunIds(self._runs.names)

    @property
    def _updated_run_information(self) -> set[int]:
        return self._runs.table.changed

    @property
    def _length(self) -> int:
        return len(self._runs.table)

    @property
    def _parameters(self) -> dict[str, Any]:
        return self.v_index.branches["parameters"]

    @property
    def _config(self) -> dict[str, Any]:
        return self.v_index.branches["config"]

    @property
    def _derived_parameters(self) -> dict[str, Any]:
        return self.v_index.branches["derived_parameters"]

    @property
    def _results(self) -> dict[str, Any]:
        return self.v_index.branches["results"]

    @property
    def _other_leaves(self) -> dict[str, Any]:
        return self.v_index.other_leaves

    @property
    def _all_groups(self) -> dict[str, Any]:
        return self.v_index.groups

    @property
    def _linked_by(self) -> dict[str, Any]:
        return self.v_index.linked_by

    @property
    def _run_parent_groups(self) -> dict[str, Any]:
        return self.v_index.run_parents

    def _make_single_run(self) -> None:
        """Enter run mode at the current run."""
        self._runs.inside = False
        self._runs.started = False
        lifecycle.start_run(self)

    def _finalize_run(self) -> None:
        """Finish the current run and leave run mode."""
        lifecycle.finalize_run(self)

    def _finalize(self, store_meta_data: bool = True) -> None:
        """End an experiment: go to no run, and store the run table."""
        self._runs.inside = False
        lifecycle.restore_default(self)
        if store_meta_data:
            persistence.store(self, only_init=True, store_data=STORE_DATA, max_depth=None)

    def _update_run_information(self, run_information: Mapping[str, Any]) -> None:
        """Take over what is known about one run."""
        fields = {name: run_information[name] for name in FRESH if name in run_information}
        self._runs.table.set(run_information["idx"], **fields)

    def _set_explored_parameters_to_idx(self, idx: int) -> None:
        lifecycle.set_explored_parameters(self, idx)

    def _is_completed(self, name_or_id: str | int | None = None) -> bool | int:
        return information.is_completed(self._runs.table, self._runs.names, name_or_id)
