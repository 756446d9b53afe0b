"""Names of runs: computed from the index, inverted without a table.

Invariant: a name belongs to a run if and only if the ``$`` function gives that very name for
one of the indices in use. With pypet's own function the index is read out of the name; with a
user's function the names are listed once, which is the only place where runs are counted one by
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pypet_trajectory.constants import FORMAT_ZEROS, RUN_NAME
from pypet_trajectory.exceptions import PypetKeyError, PypetRuntimeError
from pypet_trajectory.naming.wildcards import make_run_name
from pypet_trajectory.runs.table import RunTable


class RunNames:
    """How the runs of one trajectory are called.

    Parameters
    ----------
    table : RunTable
        Tells how many runs there are, and their names if these are explicit.
    function : callable
        The ``$`` function: index to name, -1 to the name that stands for no particular run.
    """

    __slots__ = ("_function", "_listed", "_table")

    def __init__(self, table: RunTable, function: Callable[[int], str]) -> None:
        self._table = table
        self._function = function
        self._listed: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[str]:
        return map(self.name, range(len(self)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def contains(self, name: str) -> bool:
        """Whether a run of this name exists."""
        return self.find(name) is not None

    def name(self, idx: int) -> str:
        """Name of the run of index `idx`.

        Raises
        ------
        PypetKeyError
            If there is no such run.
        """
        try:
            known = 0 <= idx < len(self._table)
        except TypeError:
            known = False
        if not known or isinstance(idx, float):
            raise self._unknown(idx)
        names = self._table.names
        if names is not None and idx < len(names):
            return names[idx]
        return self._function(int(idx))  # also for runs that a damaged table does not name

    def find(self, name: str) -> int | None:
        """Index of the run called `name`, ``None`` if there is no such run."""
        if self._table.names is None and self._function is make_run_name:
            if not name.startswith(RUN_NAME):
                return None
            digits = name[len(RUN_NAME) :]
            if not (digits.isascii() and digits.isdigit()):
                return None
            if len(digits) < FORMAT_ZEROS or (len(digits) > FORMAT_ZEROS and digits[0] == "0"):
                return None  # padded otherwise than run names are
            idx = int(digits)
            return idx if idx < len(self._table) else None
        return self._listing().get(name)

    def index(self, name: str) -> int:
        """Index of the run called `name`.

        Raises
        ------
        PypetKeyError
            If there is no such run.
        """
        idx = self.find(name)
        if idx is None:
            raise self._unknown(name)
        return idx

    def resolve(self, name_or_idx: Any) -> int:
        """Index of a run given by its exact name or its index.

        Raises
        ------
        PypetKeyError
            If there is no such run.
        """
        if isinstance(name_or_idx, str):
            return self.index(name_or_idx)
        self.name(name_or_idx)
        return int(name_or_idx)

    def check(self) -> None:
        """Make sure that the ``$`` function names every run differently.

        Raises
        ------
        PypetRuntimeError
            If two indices, or an index and -1, share a name.
        """
        if self._function is make_run_name:
            return
        listing = self._listing()
        dummy = self._function(-1)
        if dummy in listing:
            raise PypetRuntimeError(
                f"The `$` wildcard function gives `{dummy}` for index -1, which is also the name "
                f"of run {listing[dummy]}. The name for -1 must not be a run's name."
            )

    def _listing(self) -> dict[str, int]:
        if len(self._listed) != len(self._table):
            names = self._table.names
            if names is None:
                names = [self._function(idx) for idx in range(len(self._table))]
            self._listed = {name: idx for idx, name in enumerate(names)}
            if len(self._listed) != len(names):
                idx = next(i for i, name in enumerate(names) if self._listed[name] != i)
                other = self._listed[names[idx]]
                raise PypetRuntimeError(
                    f"The `$` wildcard function gives `{names[idx]}` for index {idx} as well as "
                    f"for index {other}. Every run needs a name of its own."
                )
        return self._listed

    def __getstate__(self) -> tuple[RunTable, Callable[[int], str]]:
        return self._table, self._function

    def __setstate__(self, state: tuple[RunTable, Callable[[int], str]]) -> None:
        self._table, self._function = state
        self._listed = {}

    def _unknown(self, what: object) -> PypetKeyError:
        kind = "name" if isinstance(what, str) else "index"
        return PypetKeyError(
            f"There is no run of {kind} {what!r}. The trajectory has {len(self)} runs, from "
            f"{self._first_and_last()}."
        )

    def _first_and_last(self) -> str:
        if not len(self):
            return "none to none"
        return f"`{self.name(0)}` to `{self.name(len(self) - 1)}`"
