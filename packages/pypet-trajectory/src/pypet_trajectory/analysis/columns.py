"""Parameters, run information and results as columns: one value per run.

Data frames and xarray data sets both start here. A column knows for which runs it has values, so
that missing runs stay missing instead of becoming zeros. Leaves that are not in memory are loaded
in batches and emptied again; a service that keeps run data as columns is asked first, and no node
comes into being then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pypet_trajectory.exceptions import PypetTypeError
from pypet_trajectory.tree.storage_calls import reading_session

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

#: Leaves whose data is in memory at a time.
_BATCH = 1000


@dataclass
class Column:
    """Values of something, run by run."""

    #: Run indices, ascending, shape (n_values,).
    runs: NDArray[np.int64]
    #: One value for each of these runs.
    values: Sequence[Any] | NDArray[Any]
    #: Comment and annotations of what the values come from.
    notes: Mapping[str, Any] = field(default_factory=dict)

    def covers(self, length: int) -> bool:
        """Whether every run has a value."""
        return len(self.runs) == length


@runtime_checkable
class SupportsRunColumns(Protocol):
    """A storage service that can hand out a result of all runs at once."""

    def run_columns(self, trajectory_name: str, name: str) -> Mapping[str, Column] | None:
        """Columns of the result called `name` below the groups of the runs.

        Keys are item names, ``''`` for the single item of a result named like it. ``None`` means
        that the service keeps the result in another way, or not at all.
        """


def parameter_columns(traj: Trajectory, names: Iterable[str]) -> dict[str, Column]:
    """Columns of the explored parameters and of further ones asked for.

    Columns are called by short names, or by full names where these would clash. Explored
    parameters whose range is not in memory are left out.

    Raises
    ------
    PypetTypeError
        If a name stands for something else than a parameter.
    AttributeError
        If a name is not found.
    """
    parameters = {
        full_name: parameter
        for full_name, parameter in traj._explored_parameters.items()
        if parameter is not None and parameter.f_has_range()
    }
    for name in names:
        node: Any = traj.f_get(name)
        if not node.v_is_leaf or not node.v_is_parameter:
            raise PypetTypeError(
                f"`{name}` stands for `{node.v_full_name}`, a {type(node).__name__}; ask for "
                f"results with `results=`."
            )
        parameters[node.v_full_name] = node
    short_names = [parameter.v_name for parameter in parameters.values()]
    runs = np.arange(len(traj))
    return {
        full_name if short_names.count(parameter.v_name) > 1 else parameter.v_name: Column(
            runs, _values_of(parameter, len(traj)), notes_of(parameter)
        )
        for full_name, parameter in parameters.items()
    }


def _values_of(parameter: Any, length: int) -> Sequence[Any] | NDArray[Any]:
    if parameter.f_has_range():
        values = parameter.f_get_range(copy=False)
        array = getattr(values, "array", None)
        return values if array is None else array  # type: ignore[no-any-return]
    locked = parameter.v_locked
    value = parameter.f_get()
    if not locked:
        parameter.f_unlock()
    return [value] * length


def run_information_columns(traj: Trajectory) -> dict[str, Column]:
    """What the run table knows, without the texts that only repeat it.

    ``status`` is ``'completed'``, ``'open'``, or why the run failed; ``runtime`` is in seconds,
    NaN for runs that have not finished.
    """
    table = traj._run_table
    completed = table.column("completed").astype(bool)
    start, finish = table.column("timestamp"), table.column("finish_timestamp")
    status = np.where(completed, "completed", "open").astype(object)
    for idx, failure in table.failures.items():
        status[idx] = failure.status
    runtime = np.where(completed, finish - start, np.nan)
    columns: dict[str, Sequence[Any] | NDArray[Any]] = {
        "name": list(traj._run_names),
        "status": status,
        "completed": completed,
        "timestamp": np.where(completed, start, np.nan),
        "finish_timestamp": np.where(completed, finish, np.nan),
        "runtime": runtime,
        "short_environment_hexsha": table.column("short_environment_hexsha"),
    }
    runs = np.arange(len(traj))
    return {name: Column(runs, values) for name, values in columns.items()}


def result_columns(
    traj: Trajectory, name: str, auto_load: bool, include_default_run: bool
) -> dict[str, Column]:
    """Columns of a result of every run.

    A result with one item that is named like it gives one column, called as it was asked for;
    items of other results are appended to that name, and so are leaves below a group.
    """
    service = traj._storage_service
    if isinstance(service, SupportsRunColumns) and traj._stored:
        found = service.run_columns(traj._name, name)
        if found is not None:
            return {_joined(name, item): column for item, column in found.items()}
    collected: dict[str, tuple[list[int], list[Any]]] = {}
    notes: dict[str, dict[str, Any]] = {}
    with reading_session(traj):
        nodes = _nodes(traj, name, auto_load, include_default_run)
        for idx, leaf, relative_name in _loaded(traj, _leaves(nodes)):
            for item, value in _items(traj, leaf, idx):
                column = _joined(_joined(name, relative_name), item)
                runs, values = collected.setdefault(column, ([], []))
                runs.append(idx)
                values.append(value)
                if column not in notes:
                    notes[column] = notes_of(leaf)
    if not collected:
        traj._logger.warning(
            "No run of trajectory `%s` has a result `%s` in memory, so there is no column of it. "
            "If it is in the store, load its nodes with `f_load_skeleton()` before.",
            traj._name,
            name,
        )
    return {
        column: Column(np.array(runs, dtype=np.int64), values, notes[column])
        for column, (runs, values) in collected.items()
    }


def _nodes(
    traj: Trajectory, name: str, auto_load: bool, include_default_run: bool
) -> Mapping[int, Any]:
    """Nodes called `name` by run; those in memory stay empty, for they are loaded in batches."""
    nodes = traj.f_get_from_runs(name, use_indices=True, include_default_run=False)
    if len(nodes) < len(traj) and (auto_load or include_default_run):
        nodes = traj.f_get_from_runs(
            name, use_indices=True, include_default_run=include_default_run, auto_load=auto_load
        )
    return nodes


def _joined(name: str, part: str) -> str:
    return f"{name}.{part}" if part else name


def _leaves(nodes: Mapping[int, Any]) -> Iterator[tuple[int, Any, str]]:
    for idx, node in nodes.items():
        if node.v_is_leaf:
            yield idx, node, ""
        else:
            start = len(node.v_full_name) + 1
            for leaf in node.f_iter_leaves(with_links=False):
                yield idx, leaf, leaf.v_full_name[start:]


def _loaded(
    traj: Trajectory, leaves: Iterable[tuple[int, Any, str]]
) -> Iterator[tuple[int, Any, str]]:
    """The same leaves with their data; what was empty before is empty again afterwards."""
    for batch in _batches(leaves):
        empty = [leaf for _, leaf, _ in batch if leaf.f_is_empty() and leaf.v_stored]
        if empty:
            traj.f_load_items(list({id(leaf): leaf for leaf in empty}.values()))
        yield from batch
        for leaf in empty:
            if leaf.v_is_parameter:
                leaf.f_unlock()
            leaf.f_empty()


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _items(traj: Trajectory, leaf: Any, idx: int) -> Iterator[tuple[str, Any]]:
    """Names and values of what a leaf holds for one run; the main item has no name."""
    if leaf.f_is_empty():
        return
    if leaf.v_is_parameter:
        yield "", leaf[idx] if leaf.f_has_range() else leaf.f_get()
        return
    to_dict: Callable[..., Mapping[str, Any]] | None = getattr(leaf, "f_to_dict", None)
    if to_dict is None:
        if leaf.f_supports_fast_access():
            yield "", leaf.f_get()
        return
    for item, value in to_dict(copy=False).items():
        yield "" if item == leaf.v_name else item, value


def notes_of(node: Any) -> dict[str, Any]:
    """Comment and annotations of a node, as far as they are plain values."""
    notes: dict[str, Any] = {"comment": node.v_comment} if node.v_comment else {}
    annotations = node.v_annotations.f_to_dict(copy=False) if node._has_annotations else {}
    for name, value in annotations.items():
        if isinstance(value, str | int | float | np.generic):
            notes[name] = value
    return notes
