"""What crosses the storage seam: nodes, deltas and meta data as plain, picklable data.

A :class:`NodeRecord` is one node of the tree without the tree: enough to write it, to send
it to another process, or to append it to a journal. Invariant: records never refer to nodes,
trajectories or services. Unlike pypet 0.7, where the trajectory itself travelled to the
writer, only these records do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias


class NodeKind(Enum):
    """The three kinds of node a store can hold."""

    GROUP = "group"
    LEAF = "leaf"
    LINK = "link"


@dataclass(slots=True)
class NodeRecord:
    """One node of a trajectory tree, detached from the tree.

    A record is never changed. It is not frozen, for making one would take six times as long, and
    loading makes one per node.
    """

    #: Dotted path from the root; ``''`` is the root group itself.
    full_name: str
    #: Group, leaf or link.
    kind: NodeKind
    #: Name of the node's class, without module; ``''`` for links.
    class_name: str = ""
    #: Full comment text, never truncated.
    comment: str = ""
    #: Annotations by name; any values.
    annotations: Mapping[str, Any] = field(default_factory=dict)
    #: Leaves: what ``_store()`` returned, item name to basic data. ``None`` means "not read".
    items: Mapping[str, Any] | None = None
    #: Leaves: storage kind hints by item name (what ``_store_flags()`` returned).
    flags: Mapping[str, str] = field(default_factory=dict)
    #: Leaves: whether this is a parameter (its summary reads differently from a result's).
    is_parameter: bool = False
    #: Short text of the value for overviews; ``None``: derive it from `items` if needed.
    value: str | None = None
    #: Explored parameters: number of values in the range, else 0.
    range_length: int = 0
    #: Links: full name of the node pointed to.
    target: str = ""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """One record together with how it is to be written."""

    #: The node to write.
    record: NodeRecord
    #: One of the ``STORE_*`` modes or ``OVERWRITE_DATA`` of :mod:`pypet_trajectory.constants`.
    mode: int
    #: Names of items to replace although the mode would keep them; ``True`` means all.
    overwrite: bool | tuple[str, ...] = ()
    #: Options of one store call, for instance ``{'complevel': 4}``.
    options: Mapping[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        # Whatever is stored is pickled, for another process or a journal. Plain tuples take half
        # of the time that nested dataclasses would.
        return _request_from_row, _row_of(self)


@dataclass(frozen=True, slots=True)
class RunDelta:
    """Everything one run wants to have written: new nodes only, never the trajectory."""

    #: Name of the trajectory the nodes belong to.
    trajectory_name: str
    #: Index of the run, or -1 for nodes stored outside a run.
    run_index: int
    #: What to write, parents before children.
    requests: tuple[WriteRequest, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        # As for a request, and without a call for each of them.
        rows = list(map(_row_of, self.requests))
        return _delta_from_rows, (self.trajectory_name, self.run_index, rows)


_Row: TypeAlias = tuple[str, tuple[Any, ...], tuple[Any, ...]]


#: All fields of a record but its kind.
_fields_of = attrgetter(
    "full_name",
    "class_name",
    "comment",
    "annotations",
    "items",
    "flags",
    "is_parameter",
    "value",
    "range_length",
    "target",
)
_options_of = attrgetter("mode", "overwrite", "options")


def _row_of(request: WriteRequest) -> _Row:
    return request.record.kind.value, _fields_of(request.record), _options_of(request)


def _request_from_row(kind: str, fields: tuple[Any, ...], options: tuple[Any, ...]) -> WriteRequest:
    """Undo :meth:`WriteRequest.__reduce__`."""
    return WriteRequest(NodeRecord(fields[0], _KINDS[kind], *fields[1:]), *options)


def _delta_from_rows(trajectory_name: str, run_index: int, rows: list[_Row]) -> RunDelta:
    """Undo :meth:`RunDelta.__reduce__`."""
    return RunDelta(trajectory_name, run_index, tuple(_request_from_row(*row) for row in rows))


_KINDS = {kind.value: kind for kind in NodeKind}


@dataclass(frozen=True, slots=True)
class TrajectoryMeta:
    """What a store knows about a trajectory besides its nodes and its run table."""

    name: str
    comment: str
    #: Seconds since the epoch at creation.
    timestamp: float
    #: Local creation time, ``%Y_%m_%d_%Hh%Mm%Ss``.
    time: str
    #: Version of pypet that wrote the trajectory.
    version: str
    #: Version of Python that wrote the trajectory, ``x.y.z``.
    python: str
    #: Number of runs.
    length: int
    #: Full names of explored parameters, in order of exploration.
    explored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run did not complete."""

    #: ``'failed'`` (raised), ``'lost'`` (its process died) or ``'timed_out'``.
    status: str
    #: Name of the exception class, or the cause for a lost process (``'exit code -9'``).
    exception: str
    message: str
    traceback: str
    #: How often the run was tried.
    attempts: int = 1
    #: Name of the host the last attempt ran on.
    host: str = ""
    #: Seconds since the epoch when the last attempt ended.
    timestamp: float = 0.0


@dataclass(frozen=True, slots=True)
class RunRows:
    """Rows of the run table that changed, on their way to the store."""

    #: Name of the trajectory the rows belong to.
    trajectory_name: str
    #: Run index to the fields of its row, as :meth:`RunTable.row` gives them plus ``name``.
    rows: Mapping[int, Mapping[str, Any]]
    #: Failures of these runs; a completed run has none.
    failures: Mapping[int, RunFailure] = field(default_factory=dict)


#: Stands for no particular run, as in ``v_idx``.
NO_RUN = -1


class RunLeaf(NamedTuple):
    """One leaf of one run."""

    #: Index of the run; `NO_RUN` for what is kept for no particular run.
    idx: int
    #: Path from what was asked for down to the leaf; ``''`` if it is the leaf itself.
    relative_name: str
    #: The leaf with its data, in no tree.
    leaf: Any
