"""The runs of one trajectory, at which one it is, and which parameters are explored.

A trajectory is at no run (``idx == -1``), at a run, or *in* a run (`inside`): what is added then
belongs to the run and is registered here. Invariant: `table` and `names` always belong together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from pypet_trajectory.naming.wildcards import WildcardFunctions
from pypet_trajectory.runs.names import RunNames
from pypet_trajectory.runs.table import RunTable

if TYPE_CHECKING:
    from pypet_trajectory.api.records import RunRows


class Runs:
    """Runs, and where a trajectory is among them.

    Parameters
    ----------
    table : RunTable
        One row per run.
    wildcards : WildcardFunctions
        How they are called; ``$`` names the runs.
    are_checked : bool, optional
        Whether their names are known to differ.

    Raises
    ------
    PypetRuntimeError
        If two runs would be called the same.
    """

    __slots__ = (
        "_names",
        "_table",
        "by_environment",
        "idx",
        "inside",
        "name",
        "new_links",
        "new_nodes",
        "started",
        "times_before",
        "wildcards",
    )

    _table: RunTable
    _names: RunNames

    def __init__(
        self, table: RunTable, wildcards: WildcardFunctions, *, are_checked: bool = False
    ) -> None:
        self.wildcards = wildcards
        self.adopt(table)
        if not are_checked:
            self._names.check()
        #: Index and name of the current run, -1 and ``None`` for no particular one.
        self.idx = -1
        self.name: str | None = None
        #: Whether a single run is being executed, so that only what it adds may change.
        self.inside = False
        #: Whether the current run has begun and is not finished.
        self.started = False
        #: Whether an environment begins and finishes the runs.
        self.by_environment = False
        #: Time stamps in the row of the current run before it began.
        self.times_before: dict[str, float] = {}
        self.forget_news()

    def forget_news(self) -> None:
        #: What was added during the run: (full name of the parent, name) to (parent, node).
        self.new_nodes: MutableMapping[tuple[str, str], tuple[Any, Any]] = OrderedDict()
        #: Links likewise: (full name of the parent, name of the link) to (parent, target).
        self.new_links: MutableMapping[tuple[str, str], tuple[Any, Any]] = OrderedDict()

    # ----------------------------------------------------------------------- the table

    @property
    def table(self) -> RunTable:
        """What is known about each run."""
        return self._table

    @table.setter
    def table(self, table: RunTable) -> None:
        names = RunNames(table, self.wildcards.run_function)
        names.check()
        self._table, self._names = table, names

    @property
    def names(self) -> RunNames:
        """How the runs are called."""
        return self._names

    def adopt(self, table: RunTable) -> None:
        """Take over runs whose names were checked."""
        self._table, self._names = table, RunNames(table, self.wildcards.run_function)

    def __len__(self) -> int:
        return len(self._table)

    def reset(self, length: int) -> None:
        """Have `length` fresh runs."""
        self.table = RunTable(length)

    def extend(self, count: int) -> None:
        """Have `count` fresh runs more."""
        table = self._table.copy()
        table.extend(count)
        self.go_on_with(table)

    def go_on_with(self, table: RunTable) -> None:
        """Take over a table that goes on where the present one ends."""
        if table.names is not None:
            function = self.wildcards.run_function
            table.names = [*table.names, *map(function, range(len(table.names), len(table)))]
        self.table = table

    def rows(self, trajectory_name: str, indices: Iterable[int]) -> RunRows:
        """Rows of some runs as plain data, on their way to the store."""
        from pypet_trajectory.api.records import RunRows  # which not every script needs

        rows = {}
        for idx in indices:
            row = self._table.row(idx)
            row["name"] = self._names.name(idx)
            rows[row["idx"]] = row
        failures = self._table.failures
        return RunRows(
            trajectory_name, rows, {idx: failures[idx] for idx in rows if idx in failures}
        )

    # --------------------------------------------------------------------- current run

    def go_to(self, idx: int) -> None:
        """Be at a run.

        Raises
        ------
        PypetKeyError
            If there is no such run; nothing has changed then.
        """
        self.name = self._names.name(idx)
        self.idx = idx

    def leave(self) -> None:
        """Be at no particular run."""
        self.idx, self.name = -1, None

    # --------------------------------------------------------------- copying, pickling

    def copy(self) -> Runs:
        """The same runs, at the same one, without what was added during it."""
        twin = Runs.__new__(Runs)
        twin.__setstate__(self.__getstate__())
        twin.wildcards = self.wildcards.copy()
        twin.times_before = dict(self.times_before)
        twin.forget_news()
        twin.adopt(self._table.copy())
        return twin

    def only_current(self) -> Runs:
        """The same, of which only the current run is known; for sending it elsewhere."""
        twin = Runs.__new__(Runs)
        twin.__setstate__(self.__getstate__())
        twin.adopt(self._table.only_row(max(self.idx, 0)))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "_names"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.adopt(self._table)


class Exploration:
    """The explored parameters of one trajectory.

    Parameters
    ----------
    other : Exploration, optional
        What to start with; by default nothing is explored.
    """

    __slots__ = ("outdated", "parameters")

    def __init__(self, other: Exploration | None = None) -> None:
        #: Full name to parameter, or to ``None`` if it is not in memory.
        self.parameters: dict[str, Any] = {} if other is None else dict(other.parameters)
        #: Full names of those whose ranges in the store end too early.
        self.outdated: set[str] = set() if other is None else set(other.outdated)

    def loaded(self) -> Iterator[Any]:
        """Those parameters that are in memory."""
        return (parameter for parameter in self.parameters.values() if parameter is not None)

    def grown(self) -> list[Any]:
        """Those in memory whose ranges in the store end too early."""
        return [parameter for parameter in self.loaded() if parameter.v_full_name in self.outdated]

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
