"""New names for what belongs to runs that get new indices.

Every component of a full name that is what some wildcard gives for the old index becomes what
that wildcard gives for the new one: run names, run sets and a user's own wildcards alike. The
mapping is made per run, since two runs of one set may end up in different sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pypet_trajectory.naming.wildcards import RUN_SYNONYMS

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


class RunRenaming:
    """How nodes of `other` are called once its runs belong to `traj`.

    Parameters
    ----------
    traj, other : Trajectory
        The trajectory that grows, and the one that is merged into it.
    new_index_of : mapping of int to int
        Index in `other` to index in `traj`, only for runs that are taken over.
    """

    def __init__(
        self, traj: Trajectory, other: Trajectory, new_index_of: Mapping[int, int]
    ) -> None:
        self._traj = traj
        self._other = other
        self._new_index_of = new_index_of
        self._find_run = other.v_runs.names.find
        #: One synonym per wildcard; the others would give the same names again.
        self._wildcards = [synonyms[0] for synonyms in other.v_runs.wildcards.functions]
        self._dummies = {other.f_wildcard(wildcard, -1) for wildcard in self._wildcards}
        self._first_run_of: dict[str, int] = {}
        self._cache: dict[int, dict[str, str]] = {}
        self._note_names_of_several_runs()

    def _note_names_of_several_runs(self) -> None:
        """Names such as those of run sets, with the first of their runs that is taken over."""
        for wildcard in self._wildcards:
            if wildcard in RUN_SYNONYMS:
                continue
            for idx in self._new_index_of:
                self._first_run_of.setdefault(self._other.f_wildcard(wildcard, idx), idx)

    def has_dummy(self, full_name: str) -> bool:
        """Whether a component stands for no particular run, such as ``run_ALL``."""
        return not self._dummies.isdisjoint(full_name.split("."))

    def run_of(self, full_name: str) -> int | None:
        """Index in `other` of the run that a node belongs to, ``None`` for no run."""
        for component in full_name.split("."):
            idx = self._find_run(component)
            if idx is not None:
                return idx
        return None

    def new_name(self, full_name: str, run: int | None = None) -> str | None:
        """Full name in `traj`; ``None`` if the node belongs to a run not taken over.

        Parameters
        ----------
        full_name : str
            Full name in `other`.
        run : int, optional
            Index in `other` of the run it belongs to, if that is known already.
        """
        run = self.run_of(full_name) if run is None else run
        components = full_name.split(".")
        if run is None:
            run = next(
                (self._first_run_of[name] for name in components if name in self._first_run_of),
                None,
            )
            if run is None:
                return full_name
        if run not in self._new_index_of:
            return None
        names = self._names_for(run)
        return ".".join([names.get(component, component) for component in components])

    def for_dummy(self, full_name: str, new_index: int) -> str:
        """Name of a node of no particular run once it belongs to run `new_index` of `traj`."""
        names = {
            self._other.f_wildcard(wildcard, -1): self._traj.f_wildcard(wildcard, new_index)
            for wildcard in self._wildcards
        }
        return ".".join([names.get(component, component) for component in full_name.split(".")])

    def _names_for(self, run: int) -> dict[str, str]:
        names = self._cache.get(run)
        if names is None:
            new_index = self._new_index_of[run]
            names = self._cache[run] = {
                self._other.f_wildcard(wildcard, run): self._traj.f_wildcard(wildcard, new_index)
                for wildcard in self._wildcards
            }
        return names
