"""Parameters, run information and results as columns: one value per run.

Data frames and xarray data sets both start here. A column knows for which runs it has values, so
that missing runs stay missing instead of becoming zeros. What is in memory comes first; leaves
there without data are loaded in batches and emptied again. What is not in memory is read from
the store if asked for, and then no node comes into being.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.api.records import NO_RUN, RunLeaf
from pypet_trajectory.api.service import SupportsRunLeaves, supports
from pypet_trajectory.constants import LEAF
from pypet_trajectory.exceptions import DataNotInStorageError, PypetTypeError
from pypet_trajectory.logger import logger_of
from pypet_trajectory.tree.adding import construct
from pypet_trajectory.tree.requests import reading_session, service_of

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
    #: Whether these are the values of an explored parameter.
    explored: bool = False

    def covers(self, length: int) -> bool:
        """Whether every run has a value."""
        return len(self.runs) == length


def parameter_columns(
    traj: Trajectory, names: Iterable[str], auto_load: bool = False
) -> dict[str, Column]:
    """Columns of the explored parameters and of further ones asked for.

    Columns are called by short names, or by full names where these would clash. Explored
    parameters whose range is not in memory are loaded with `auto_load`, and left out otherwise.

    Raises
    ------
    PypetTypeError
        If a name stands for something else than a parameter.
    AttributeError
        If a name is not found.
    """
    parameters = _explored_with_range(traj, auto_load)
    for name in names:
        node: Any = traj.f_get(name, auto_load=auto_load)
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
            runs,
            _values_of(parameter, len(traj)),
            notes_of(parameter),
            full_name in traj.v_exploration.parameters and parameter.f_has_range(),
        )
        for full_name, parameter in parameters.items()
    }


def _explored_with_range(traj: Trajectory, auto_load: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    missing = []
    for full_name, parameter in traj.v_exploration.parameters.items():
        if auto_load and traj.v_stored and (parameter is None or not parameter.f_has_range()):
            try:
                parameter = _with_stored_range(traj, full_name, parameter)
            except DataNotInStorageError:
                parameter = None  # it was deleted; only its name is left
        if parameter is not None and parameter.f_has_range():
            found[full_name] = parameter
        else:
            missing.append(full_name)
    if missing:
        logger_of(traj).warning(
            "There is no column of %s: the values that trajectory `%s` explored are not in "
            "memory%s.",
            ", ".join(f"`{name}`" for name in missing),
            traj.v_name,
            ", nor in the store" if auto_load else ". Load them, or pass `auto_load=True`",
        )
    return found


def _with_stored_range(traj: Trajectory, full_name: str, parameter: Any) -> Any:
    """The parameter with its range, as it is in the store."""
    if parameter is None or parameter.f_is_empty():
        return traj.f_load_child(full_name)
    # Copies keep their value but not the range. The one in the tree may be locked or at a run.
    twin: Any = construct(type(parameter), full_name, traj, (), {})
    service_of(traj).load(LEAF, twin, trajectory_name=traj.v_name)
    return twin


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
    table = traj.v_runs.table
    completed = table.column("completed").astype(bool)
    start, finish = table.column("timestamp"), table.column("finish_timestamp")
    status = np.where(completed, "completed", "open").astype(object)
    for idx, failure in table.failures.items():
        status[idx] = failure.status
    runtime = np.where(completed, finish - start, np.nan)
    columns: dict[str, Sequence[Any] | NDArray[Any]] = {
        "name": list(traj.v_runs.names),
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
    collected: dict[str, tuple[list[int], list[Any]]] = {}
    notes: dict[str, dict[str, Any]] = {}
    with reading_session(traj):
        for idx, relative_name, leaf in _leaves_by_run(traj, name, auto_load, include_default_run):
            for item, value in _items(leaf, idx):
                column = _joined(_joined(name, relative_name), item)
                runs, values = collected.setdefault(column, ([], []))
                runs.append(idx)
                values.append(value)
                if column not in notes:
                    notes[column] = notes_of(leaf)
    if not collected:
        logger_of(traj).warning(
            "No run of trajectory `%s` has a result `%s` %s, so there is no column of it.%s",
            traj.v_name,
            name,
            "in memory or in the store" if auto_load else "in memory",
            "" if auto_load else " If it is in the store, pass `auto_load=True`.",
        )
    return {
        column: _sorted_column(runs, values, notes[column])
        for column, (runs, values) in collected.items()
    }


def _leaves_by_run(
    traj: Trajectory, name: str, auto_load: bool, include_default_run: bool
) -> Iterator[RunLeaf]:
    """Leaves called `name` with their data: those in memory, in the store, of no run."""
    nodes: Mapping[int, Any] = traj.f_get_from_runs(
        name, use_indices=True, include_default_run=False
    )
    yield from _loaded(traj, _leaves(nodes))
    missing = set(range(len(traj))).difference(nodes)
    incomplete = [idx for idx, node in nodes.items() if node.v_is_group]
    of_no_run: list[RunLeaf] = []
    seen: set[int] = set()
    if auto_load and traj.v_stored and (missing or incomplete):
        for found in _stored_leaves(traj, name, {*missing, *incomplete, NO_RUN}):
            is_new = found.leaf.v_full_name not in traj.v_index.leaves
            if found.idx == NO_RUN:
                if is_new:
                    of_no_run.append(found)
            elif is_new or found.idx in missing:
                seen.add(found.idx)
                yield found
    if include_default_run and missing != seen:
        yield from _of_no_run(traj, name, sorted(missing - seen), of_no_run)


def _stored_leaves(traj: Trajectory, name: str, runs: set[int]) -> Iterable[RunLeaf]:
    """Leaves in the store, of no tree where the service can do that."""
    service = traj.v_storage_service
    if supports(service, SupportsRunLeaves):
        return service.run_leaves(traj, name, runs)
    nodes = traj.f_get_from_runs(name, use_indices=True, include_default_run=False, auto_load=True)
    return _loaded(traj, _leaves({idx: node for idx, node in nodes.items() if idx in runs}))


def _of_no_run(
    traj: Trajectory, name: str, runs: Sequence[int], stored: Iterable[RunLeaf]
) -> Iterator[RunLeaf]:
    """What is kept for no particular run, once for each of these runs."""
    stored = list(stored)
    if not stored:
        nodes = traj.f_get_from_runs(name, use_indices=True)
        yield from _loaded(traj, _leaves({idx: nodes[idx] for idx in runs if idx in nodes}))
    for idx in runs:
        for found in stored:
            yield found._replace(idx=idx)


def _sorted_column(runs: list[int], values: list[Any], notes: Mapping[str, Any]) -> Column:
    indices = np.array(runs, dtype=np.int64)
    if np.any(indices[1:] < indices[:-1]):
        order = np.argsort(indices, kind="stable")
        indices, values = indices[order], [values[position] for position in order]
    return Column(indices, values, notes)


def _joined(name: str, part: str) -> str:
    return f"{name}.{part}" if part else name


def _leaves(nodes: Mapping[int, Any]) -> Iterator[RunLeaf]:
    for idx, node in nodes.items():
        if node.v_is_leaf:
            yield RunLeaf(idx, "", node)
        else:
            start = len(node.v_full_name) + 1
            for leaf in node.f_iter_leaves(with_links=False):
                yield RunLeaf(idx, leaf.v_full_name[start:], leaf)


def _loaded(traj: Trajectory, leaves: Iterable[RunLeaf]) -> Iterator[RunLeaf]:
    """The same leaves with their data; what was empty before is empty again afterwards."""
    for batch in _batches(leaves):
        empty = [leaf for _, _, leaf in batch if leaf.f_is_empty() and leaf.v_stored]
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


def _items(leaf: Any, idx: int) -> Iterator[tuple[str, Any]]:
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
    annotations = node.v_annotations.f_to_dict(copy=False) if has_annotations(node) else {}
    for name, value in annotations.items():
        if isinstance(value, str | int | float | np.generic):
            notes[name] = value
    return notes


#: Whole numbers up to this size are floats without loss.
_MAX_EXACT_FLOAT = 2**53


def whole_numbers(values: Sequence[int]) -> NDArray[Any]:
    """Integers as int64 if they fit, else as uint64, else as objects."""
    array = np.array(values)
    if array.dtype.kind != "f":
        return array
    return np.array(values, dtype=np.uint64 if min(values) >= 0 else object)


def objects(values: Sequence[Any]) -> NDArray[Any]:
    """Values as they are, shape (n_values,)."""
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array


def stacked(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Values along the first dimension; objects if their shapes differ or no type holds them."""
    if isinstance(values, np.ndarray):
        return values
    values = list(values)
    shapes = {np.shape(value) if isinstance(value, np.ndarray) else () for value in values}
    plain = all(
        isinstance(value, bool | int | float | complex | str | np.generic | np.ndarray)
        for value in values
    )
    if plain and len(shapes) == 1 and len({isinstance(value, str) for value in values}) == 1:
        is_whole = all(type(value) is int for value in values)
        array = whole_numbers(values) if is_whole else np.array(values)
        if array.dtype.kind in "biufcUSmM" and _holds(array, values):
            return array
    return objects(values)


def is_exact_as_float(values: NDArray[Any]) -> bool:
    """Whether whole numbers lose nothing as floats."""
    return bool(np.all((values >= -_MAX_EXACT_FLOAT) & (values <= _MAX_EXACT_FLOAT)))


def _holds(array: NDArray[Any], values: list[Any]) -> bool:
    """Whether no text was cut and no whole number rounded."""
    if array.dtype.kind == "U":
        return array.ndim > 1 or array.tolist() == values
    if array.dtype.kind in "fc":
        others = (np.asarray(value) for value in values if not isinstance(value, float))
        return all(other.dtype.kind not in "iu" or is_exact_as_float(other) for other in others)
    return True
