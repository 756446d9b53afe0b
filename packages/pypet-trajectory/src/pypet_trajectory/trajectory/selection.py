"""Picking across runs: one result from every run, or the runs whose parameters fit.

Work is proportional to the number of run groups in memory and, with `auto_load`, in the store, not
to runs times groups: each group that holds runs is walked once, instead of being asked for every
run. Two finds for one run are not an error; the one in the group that came last counts, as in
pypet 0.7.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from pypet_trajectory.api.service import SupportsRunLeaves, supports
from pypet_trajectory.constants import LOAD_SKELETON
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PypetAttributeError,
    PypetTypeError,
)
from pypet_trajectory.naming.names import translate
from pypet_trajectory.tree.requests import reading_session

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory
    from pypet_trajectory.tree.groups import NNGroupNode

_NOTHING = object()

#: Index of no particular run, as in `api.records`, which not every script needs.
NO_RUN = -1


def get_from_runs(
    traj: Trajectory,
    name: str,
    *,
    include_default_run: bool,
    use_indices: bool,
    fast_access: bool,
    with_links: bool,
    shortcuts: bool,
    max_depth: int | None,
    auto_load: bool,
) -> OrderedDict[Any, Any]:
    """One item from every run where it is found; see :meth:`Trajectory.f_get_from_runs`."""
    search = _Search(traj, name, fast_access, with_links, shortcuts, max_depth, auto_load)
    dummy = traj.f_wildcard("$", -1)
    found: OrderedDict[Any, Any] = OrderedDict()
    with _restored_run_context(traj), reading_session(traj) if auto_load else nullcontext():
        stored = _stored_runs(traj) if auto_load else {}
        parents = _run_parents(traj, stored)
        groups_of = _run_groups(traj, parents, stored)
        stand_ins = [
            parent
            for parent in parents
            if include_default_run
            and (dummy in parent.v_children or NO_RUN in stored.get(parent.v_full_name, ()))
        ]
        indices: Iterable[int] = range(len(traj)) if stand_ins else sorted(groups_of)
        for idx in indices:
            run_name, run_parents = groups_of.get(idx) or (traj.v_runs.names.name(idx), ())
            item = search.below(run_parents, run_name, idx)
            if item is _NOTHING and stand_ins:
                item = search.below(stand_ins, dummy, idx)
            if item is not _NOTHING:
                found[idx if use_indices else run_name] = item
    return found


def find_idx(
    traj: Trajectory, name_list: str | Iterable[str], predicate: Callable[..., Any]
) -> Iterator[int]:
    """Indices of runs whose parameter values satisfy `predicate`; see
    :meth:`Trajectory.f_find_idx`."""
    if traj.v_runs.inside and not traj.v_full_copy:
        raise PypetTypeError(
            "`f_find_idx` needs the ranges of the explored parameters, which a single run only "
            "has with `v_full_copy=True`."
        )
    names = [name_list] if isinstance(name_list, str) else list(name_list)
    columns: list[Iterable[Any]] = []
    for name in names:
        parameter: Any = traj.f_get(name)
        if not parameter.v_is_leaf:
            raise PypetAttributeError(
                f"`{name}` stands for group `{parameter.v_full_name}`; only parameters have "
                f"values to compare."
            )
        if not parameter.v_is_parameter:
            raise PypetTypeError(
                f"`{name}` stands for result `{parameter.v_full_name}`; `f_find_idx` compares "
                f"parameters. Use `f_get_from_runs` for results."
            )
        if parameter.f_has_range():
            columns.append(parameter.f_get_range(copy=False))
        else:
            columns.append(itertools.repeat(parameter.f_get(), len(traj)))
    for idx, values in enumerate(zip(*columns, strict=False)):
        if predicate(*values):
            yield idx


class _Search:
    """How an item is looked up below one run group."""

    def __init__(
        self,
        traj: Trajectory,
        name: str,
        fast_access: bool,
        with_links: bool,
        shortcuts: bool,
        max_depth: int | None,
        auto_load: bool,
    ) -> None:
        self._traj = traj
        self._name = name
        self._fast_access = fast_access
        self._options = {"with_links": with_links, "shortcuts": shortcuts, "auto_load": auto_load}
        self._max_depth = max_depth
        self._is_simple = (
            isinstance(name, str)
            and "." not in name
            and translate(name, traj.v_runs.wildcards, 0) == name
            and not auto_load
            and (max_depth is None or max_depth >= 2)
        )

    def below(self, parents: Iterable[NNGroupNode], run_name: str, idx: int) -> Any:
        """What is found in the last of these parents' run groups that has it."""
        found = _NOTHING
        for parent in parents:
            item = self._in_run_group(parent, run_name, idx)
            if item is not _NOTHING:
                found = item
        return found

    def _in_run_group(self, parent: NNGroupNode, run_name: str, idx: int) -> Any:
        if self._is_simple:
            # Most names are those of leaves directly below the run's group.
            group = parent.v_children.groups.get(run_name)
            if group is None and not self._options["with_links"]:
                return _NOTHING
            leaf = None if group is None else group.v_children.leaves.get(self._name)
            if leaf is not None:
                return self._value(leaf, idx)
        # Wildcards in the name stand for this run.
        self._traj.v_runs.go_to(idx)
        try:
            node = parent.f_get(
                f"{run_name}.{self._name}", max_depth=self._max_depth, **self._options
            )
        except (AttributeError, DataNotInStorageError):
            return _NOTHING
        return self._value(node, idx)

    def _value(self, node: Any, idx: int) -> Any:
        if not self._fast_access or not node.v_is_leaf or not node.f_supports_fast_access():
            return node
        if node.v_is_parameter and node.f_has_range():
            node._set_parameter_access(idx)
        return node.f_get()


def _run_groups(
    traj: Trajectory, parents: Iterable[NNGroupNode], stored: Mapping[str, Collection[int]]
) -> dict[int, tuple[str, list[NNGroupNode]]]:
    """Run index to its name and the groups that have a child for it, in order of `parents`."""
    names = traj.v_runs.names
    groups_of: dict[int, tuple[str, list[NNGroupNode]]] = {}
    for parent in parents:
        found = {idx: names.name(idx) for idx in stored.get(parent.v_full_name, ()) if idx >= 0}
        for name in parent.v_children:
            idx = names.find(name)
            if idx is not None:
                found[idx] = name
        for idx, name in found.items():
            groups_of.setdefault(idx, (name, []))[1].append(parent)
    return groups_of


def _stored_runs(traj: Trajectory) -> Mapping[str, Collection[int]]:
    """Full names of groups to the runs for which they may have a child in the store.

    Groups that cannot be told about are asked for every run.
    """
    known, service = traj.v_index.run_parents, traj.v_storage_service
    if not (traj.v_stored and supports(service, SupportsRunLeaves)):
        return dict.fromkeys(known, range(NO_RUN, len(traj)))
    # The service leaves out groups with a child for no particular run only.
    return {**dict.fromkeys(known, (NO_RUN,)), **service.run_parents(traj)}


def _run_parents(traj: Trajectory, stored: Iterable[str]) -> list[NNGroupNode]:
    """Groups that hold runs; those which are in the store alone come into memory, empty."""
    known = traj.v_index.run_parents
    missing = [name for name in stored if name not in known]
    return [
        *known.values(),
        *(traj.f_load_child(name, load_data=LOAD_SKELETON) for name in missing),
    ]


@contextmanager
def _restored_run_context(traj: Trajectory) -> Iterator[None]:
    idx, name = traj.v_runs.idx, traj.v_runs.name
    try:
        yield
    finally:
        traj.v_runs.idx, traj.v_runs.name = idx, name
        for parameter in traj.v_exploration.loaded():
            if not parameter.f_has_range():
                continue
            if idx == -1:
                parameter._restore_default()
            else:
                parameter._set_parameter_access(idx)
