"""Data below the names of runs: what was prepared for a run, and what an earlier try of it left.

Two kinds of data may be there before a run is executed. What the user prepared for it, inputs added
while iterating over runs for instance, stays. What an earlier try stored, one that failed or whose
process died, goes from memory and from the storage, for the run begins anew. No storage tells one
from the other, so the names of prepared data are written down before the first try, beside the
number of runs that may be tried from then on. Where nothing tells whether there was a try,
everything stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pypet.environment.parts.config_entries import note_beginning, runs_begun
from pypet_trajectory import constants
from pypet_trajectory.api.service import SupportsDeltas, supports
from pypet_trajectory.runs.table import FRESH
from pypet_trajectory.storage.deleting import ends_of, pattern_of
from pypet_trajectory.trajectory.lifecycle import short_hexsha

_ENTRY = "prepared_for_runs"
_COMMENT = "Data that was there before the runs it belongs to began; $ stands for the run"


class RunData:
    """Data below the names of those runs of a trajectory that are not completed.

    Parameters
    ----------
    trajectory : Trajectory
        Whose runs they are.
    environment_name : str
        Below which prepared data is written down.
    tried_here : bool
        Whether this environment has executed runs before.
    """

    def __init__(self, trajectory: Any, environment_name: str, tried_here: bool) -> None:
        self._trajectory = trajectory
        self._environment_name = environment_name
        #: Runs below may have been tried by an earlier call or by a process that died.
        self._known_runs = len(trajectory) if trajectory.v_stored else 0
        recorded = tried_here or bool(trajectory.v_runs.table.failures)
        begun = runs_begun(trajectory, environment_name)
        #: What was prepared for runs below is written down. For others, which were done by pypet
        #: 0.7 for instance, results count as left by a try, derived parameters as prepared.
        self._recorded_runs = self._known_runs if recorded else min(begun, self._known_runs)
        self._done_elsewhere = _done_elsewhere(trajectory)
        if self._recorded_runs and not tried_here and trajectory.v_stored:
            trajectory.f_load_child("config", recursive=True, load_data=constants.LOAD_DATA)
        #: Patterns of what is prepared, as in :mod:`pypet_trajectory.storage.deleting`.
        self.prepared = frozenset(_written_down(trajectory))

    def may_be_tried(self, idx: int) -> bool:
        """Whether an earlier try of the run may have stored something."""
        return idx < self._known_runs

    def note_beginning(self) -> list[Any]:
        """Write down that runs begin; returns a leaf that was stored with another value."""
        return note_beginning(self._trajectory, self._environment_name)

    def note_prepared(self) -> None:
        """Write down what is prepared for runs; called before it is stored with the rest."""
        found = {
            pattern_of(node.v_full_name, run_name)
            for idx, run_name, child in self._open_children()
            for node in ends_of(child)
            if idx >= self._known_runs or not node.v_stored or self._counts_as_prepared(idx, node)
        }
        new = found - self.prepared
        if new:
            self.prepared |= new
            group = f"environment.{self._environment_name}.{_ENTRY}"
            number = _count(self._trajectory, f"config.{group}")
            self._trajectory.f_add_config(
                f"{group}.names_{number}", sorted(new), comment=_COMMENT
            ).f_lock()

    def _counts_as_prepared(self, idx: int, node: Any) -> bool:
        """Whether a stored node below the name of an open run is prepared although no record says
        so.
        """
        if idx < self._recorded_runs:
            return False
        return not self._done_elsewhere or bool(node.v_branch == "derived_parameters")

    def drop_leftovers(self) -> None:
        """Remove what earlier tries left of the runs that are to be executed."""
        if self._recorded_runs or self._done_elsewhere:
            for _, run_name, child in list(self._open_children()):
                self._drop(child, run_name)
        service = self._trajectory.v_storage_service
        if self._recorded_runs and supports(service, SupportsDeltas):
            open_indices = self._trajectory.v_runs.table.open_indices()
            names = [
                self._trajectory.v_runs.names.name(idx)
                for idx in open_indices[open_indices < self._recorded_runs].tolist()
            ]
            if names:
                self._trajectory.v_storage_service.store(
                    constants.DELETE_RUNS,
                    names,
                    self.prepared,
                    trajectory_name=self._trajectory.v_name,
                )

    def _open_children(self) -> Iterator[tuple[int, str, Any]]:
        """Index and name of runs that are not completed, with what is in memory below the name."""
        table = self._trajectory.v_runs.table
        for idx, name, child in _children(self._trajectory):
            if not table.is_completed(idx):
                yield idx, name, child

    def _drop(self, child: Any, run_name: str) -> None:
        """Remove from memory what is stored and was not prepared."""
        stays = [
            node
            for node in ends_of(child)
            if not node.v_stored or pattern_of(node.v_full_name, run_name) in self.prepared
        ]
        goes = [node for node in ends_of(child) if node not in stays] if stays else [child]
        for node in goes:
            self._trajectory.f_remove_item(node, recursive=True)


def drop_all_run_data(trajectory: Any) -> None:
    """Drop data of all runs that is stored from memory.

    Post-processing may have loaded much of it, which would go to every further run; it can be
    loaded again.
    """
    for _, _, child in list(_children(trajectory)):
        if all(node.v_stored for node in ends_of(child) if node.v_is_leaf):
            trajectory.f_remove_item(child, recursive=True)


def _children(trajectory: Any) -> Iterator[tuple[int, str, Any]]:
    for parent in list(trajectory.v_index.run_parents.values()):
        for name, child in parent.f_get_children().items():
            if trajectory.v_runs.names.contains(name):
                yield trajectory.v_runs.names.index(name), name, child


def _done_elsewhere(trajectory: Any) -> bool:
    """Whether another environment than the one that is in charge has completed runs."""
    table = trajectory.v_runs.table
    if not table.any_completed():
        return False
    by_hand = {FRESH["short_environment_hexsha"], short_hexsha(trajectory)}
    names = table.column("short_environment_hexsha")[table.column("completed") > 0]
    return not by_hand.issuperset(names)


def _written_down(trajectory: Any) -> Iterator[str]:
    for leaf in trajectory.f_get_config(copy=False).values():
        if f".{_ENTRY}." in leaf.v_full_name:
            yield from leaf.f_get()


def _count(trajectory: Any, group: str) -> int:
    if not trajectory.f_contains(group, shortcuts=False):
        return 0
    return len(trajectory.f_get(group, shortcuts=False).f_get_children())
